package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// TestUnmount: what was written before `allasfs umount` is in the store after it, the directory is as it was before, and a mount with the
// same cache folder shows the same tree.
func TestUnmount(t *testing.T) {
	w := need(t)
	bucket := w.bucketName(t, "unmount")
	m := w.mountFront(t, "")
	fatal(t, os.Mkdir(m.path(bucket), 0o755))
	w.run(t, w.dir, "cp", "-r", filepath.Join(w.inputs, "tree"), m.path(bucket))
	m.unmount(t)
	if names := readNames(t, m.dir); len(names) > 0 {
		t.Errorf("after umount the directory holds %q", names)
	}
	want := files(t, filepath.Join(w.inputs, "tree"))
	stored := tree{}
	for key, c := range w.objects(t, bucket) {
		name, err := filepath.Rel("tree", key)
		fatal(t, err)
		stored[name] = c
	}
	same(t, "the store after umount", stored, want)
	again := w.mountFront(t, m.cache)
	same(t, "a second mount with the same cache", files(t, again.path(bucket, "tree")), want)
	again.unmount(t)
}
