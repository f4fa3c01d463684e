package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecursiveGet: `s3cmd get -r` fetches what the mount wrote, also from directories that had markers before something came to lie in them, and that were
// renamed. Of an empty directory, whose marker it would write to a file of that name, it says that it cannot, and exits with 2 when it has fetched all else;
// `s3cmd sync` makes it.
func TestRecursiveGet(t *testing.T) {
	w := need(t)
	bucket := w.bucketName(t, "recursive")
	m := w.mount(t)
	for _, dir := range []string{"emptied", "filled", "deep/deeper"} {
		fatal(t, os.MkdirAll(m.path(bucket, dir), 0o755))
	}
	m.sync(t)
	wantKeys(t, "markers", s3cmd{w}.keys(t, bucket), []string{"deep/deeper/", "emptied/", "filled/"})
	for path, text := range map[string]string{
		"top.txt": "top", "emptied/f": "f", "filled/f": "filled", "filled/nothing": "", "deep/deeper/f": "deep", "with space/ä": "odd",
	} {
		writeFile(t, m.path(bucket, path), []byte(text))
	}
	fatal(t, os.Rename(m.path(bucket, "deep"), m.path(bucket, "moved")))
	m.sync(t)
	out := w.freshDir(t, "got")
	w.run(t, w.dir, "s3cmd", "--no-progress", "get", "-r", "s3://"+bucket+"/", out+"/")
	same(t, "fetched by s3cmd", files(t, out), files(t, m.path(bucket)))

	fatal(t, os.Mkdir(m.path(bucket, "empty"), 0o755))
	fatal(t, os.Remove(m.path(bucket, "emptied", "f")))
	m.sync(t)
	out = w.freshDir(t, "got")
	r := w.try(w.dir, nil, "s3cmd", "--no-progress", "get", "-r", "s3://"+bucket+"/", out+"/")
	if end, ok := r.fail.(*exec.ExitError); !ok || end.ExitCode() != 2 || strings.Count(r.err, "ERROR") != 2 || strings.Count(r.err, "Is a directory") != 2 {
		t.Errorf("s3cmd get -r with empty directories: %v", r)
	}
	same(t, "fetched by s3cmd beside empty directories", files(t, out), files(t, m.path(bucket)))
	out = w.freshDir(t, "got")
	w.run(t, w.dir, "s3cmd", "--no-progress", "sync", "s3://"+bucket+"/", out+"/")
	same(t, "fetched by s3cmd sync", files(t, out), files(t, m.path(bucket)))
	for _, dir := range []string{"empty", "emptied"} {
		if info, err := os.Stat(filepath.Join(out, dir)); err != nil || !info.IsDir() {
			t.Errorf("s3cmd sync: %s: %v, %v", dir, info, err)
		}
	}
}
