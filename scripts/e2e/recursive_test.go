package e2e

import (
	"os"
	"testing"
)

// TestRecursiveGet: `s3cmd get -r` fetches what the mount wrote: files, beside directories that are empty, emptied, filled after a marker was written, and
// renamed. It makes no directories of markers.
func TestRecursiveGet(t *testing.T) {
	w := need(t)
	bucket := w.bucketName(t, "recursive")
	m := w.mount(t)
	fatal(t, os.Mkdir(m.path(bucket), 0o755))
	for _, dir := range []string{"empty", "emptied", "filled", "deep/deeper"} {
		fatal(t, os.MkdirAll(m.path(bucket, dir), 0o755))
	}
	m.w.run(t, w.dir, "sync", "-f", m.path(bucket))
	for path, text := range map[string]string{
		"top.txt": "top", "emptied/f": "f", "filled/f": "filled", "filled/nothing": "", "deep/deeper/f": "deep", "with space/ä": "odd",
	} {
		writeFile(t, m.path(bucket, path), []byte(text))
	}
	fatal(t, os.Remove(m.path(bucket, "emptied", "f")))
	fatal(t, os.Rename(m.path(bucket, "deep"), m.path(bucket, "moved")))
	w.run(t, w.dir, "sync", "-f", m.path(bucket))
	out := w.freshDir(t, "got")
	w.run(t, w.dir, "s3cmd", "--no-progress", "get", "-r", "s3://"+bucket+"/", out+"/")
	same(t, "fetched by s3cmd", files(t, out), files(t, m.path(bucket)))
}
