package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAttributesOfAnotherMount: what rsync -a left in one mount is, to another one that looks with --stat=full, the same as its source: a second run
// moves nothing, and changes no time and no mode. Nor does it after a remount, which knows them from its local disk.
func TestAttributesOfAnotherMount(t *testing.T) {
	w := need(t)
	bucket := w.bucketName(t, "attrs")
	m := w.mount(t)
	fatal(t, os.Mkdir(m.path(bucket), 0o755))
	src := w.freshDir(t, "source")
	fatal(t, os.Chmod(src, 0o755)) // modes of directories are not stored
	fatal(t, os.MkdirAll(filepath.Join(src, "d"), 0o755))
	for nm, mode := range map[string]os.FileMode{"a": 0o640, "d/b": 0o755, "d/empty": 0o600} {
		data := []byte(nm)
		if nm == "d/empty" {
			data = nil
		}
		fatal(t, os.WriteFile(filepath.Join(src, nm), data, 0o600))
		fatal(t, os.Chmod(filepath.Join(src, nm), mode))
	}
	fatal(t, os.Symlink("../a", filepath.Join(src, "d", "link")))
	w.run(t, src, "rsync", "-a", src+"/", m.path(bucket)+"/")
	m.sync(t)
	cache := w.freshDir(t, "cache")
	for _, when := range []string{"first", "remounted"} {
		full := w.mountFront(t, cache, "--stat", "full")
		if out := w.run(t, src, "rsync", "-a", "--omit-dir-times", "--itemize-changes", src+"/", full.path(bucket)+"/"); out != "" {
			t.Errorf("%s: rsync found differences:\n%s", when, out)
		}
		full.unmount(t)
	}
}

// TestAttributesOfClients: what rclone, the Swift client and s3cmd keep of a file's time and mode is seen in a mount that looks with --stat=full, and the time that a mount keeps is
// seen by rclone and the Swift client.
func TestAttributesOfClients(t *testing.T) {
	w := need(t)
	bucket := w.bucketName(t, "clients")
	s3cmd{w}.makeBucket(t, bucket)
	file := filepath.Join(w.freshDir(t, "source"), "f")
	when := time.Date(2001, 2, 3, 4, 5, 6, 125_000_000, time.UTC)
	writeFile(t, file, []byte("text"))
	fatal(t, os.Chmod(file, 0o750))
	fatal(t, os.Chtimes(file, when, when))
	rclone{w}.do(t, "copyto", "--metadata", file, "s3allas:"+bucket+"/rclone-metadata")
	rclone{w}.upload(t, file, bucket, "rclone")
	swift{w}.upload(t, file, bucket, "swift")
	s3cmd{w}.upload(t, file, bucket, "s3cmd")
	m := w.mountFront(t, w.freshDir(t, "cache"), "--stat", "full")
	for name, want := range map[string]os.FileMode{"rclone-metadata": 0o750, "rclone": 0o644, "swift": 0o644, "s3cmd": 0o750} {
		info, err := os.Stat(m.path(bucket, name))
		fatal(t, err)
		mtime := when
		if name == "s3cmd" {
			mtime = when.Truncate(time.Second)
		}
		if info.Mode() != want || !info.ModTime().Equal(mtime) {
			t.Errorf("%s: mode %v, time %v; want %v, %v", name, info.Mode(), info.ModTime(), want, mtime)
		}
	}
	writeFile(t, m.path(bucket, "ours"), []byte("text"))
	fatal(t, os.Chtimes(m.path(bucket, "ours"), when, when))
	m.sync(t)
	if out := w.run(t, w.dir, "rclone", "lsl", "s3allas:"+bucket+"/ours"); !strings.Contains(out, when.Format("2006-01-02 15:04:05.000000000")) {
		t.Errorf("rclone lsl: %q", out)
	}
	out := filepath.Join(w.freshDir(t, "got"), "ours")
	swift{w}.download(t, bucket, "ours", out)
	if info, err := os.Stat(out); err != nil || !info.ModTime().Equal(when) {
		t.Errorf("swift download: %v, %v", info, err)
	}
	m.unmount(t)
}
