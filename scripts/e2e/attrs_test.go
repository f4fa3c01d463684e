package e2e

import (
	"os"
	"path/filepath"
	"testing"
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
