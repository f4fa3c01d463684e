package fs

import (
	"os"
	"slices"
	"syscall"
	"testing"
)

// A sidecar of a-put is not listed while its file is there, and opens by its name all the same; a name that only looks like one is listed.
func TestHiddenSidecars(t *testing.T) {
	hide := func(o *Options) { o.HideSidecars, o.TTL = true, 0 }
	w := newWorld(t, hide)
	for _, key := range []string{"a.tar", "a.tar-2", "a.tar_ameta", "a.tar_ameta_ameta", "dir/x", "dir_ameta", "gone_ameta", "_ameta", "sub/b", "sub/b_ameta"} {
		w.srv.PutObject("data", key, []byte(key), nil)
	}
	want := func(path string, names ...string) {
		t.Helper()
		if got := must[[]string](t)(w.names(path)); !slices.Equal(got, names) {
			t.Errorf("%q shows %q, want %q", path, got, names)
		}
	}
	want("", "_ameta", "a.tar", "a.tar-2", "dir/", "dir_ameta", "gone_ameta", "sub/")
	want("sub", "b")
	if got, err := w.read("a.tar_ameta"); err != nil || string(got) != "a.tar_ameta" {
		t.Errorf("read %q, %v", got, err)
	}

	// what this mount changes counts at once
	w.ok(w.create("gone", []byte("back")))
	w.ok(w.unlink("sub/b"))
	want("", "_ameta", "a.tar", "a.tar-2", "dir/", "dir_ameta", "gone", "sub/")
	want("sub", "b_ameta")
	w.ok(w.unlink("sub/b_ameta"))
	w.ok(w.rmdir("sub"))

	w.stop()
	w.start(func(o *Options) { o.TTL = 0 })
	want("", "_ameta", "a.tar", "a.tar-2", "a.tar_ameta", "a.tar_ameta_ameta", "dir/", "dir_ameta", "gone", "gone_ameta")
}

// A sidecar that is being written here is hidden as a stored one is, by what the listing knows of its file.
func TestHiddenSidecarsOfThisMount(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HideSidecars = true })
	w.srv.PutObject("data", "a", []byte("a"), nil)
	must[[]string](t)(w.names("")) // a listing that all that follows is newer than
	for _, nm := range []string{"a_ameta", "b_ameta"} {
		h := must[*Handle](t)(w.open(nm, syscall.O_CREAT|syscall.O_WRONLY))
		defer h.Release()
	}
	if got := must[[]string](t)(w.names("")); !slices.Equal(got, []string{"a", "b_ameta"}) {
		t.Errorf("shown: %q", got)
	}
	if _, err := w.walk("a_ameta"); err != nil {
		t.Errorf("by its name: %v", err)
	}
	_, err := w.walk("none_ameta")
	w.wantErr(err, os.ErrNotExist)
}
