package fs

import (
	"os"
	"slices"
	"syscall"
	"testing"

	"allasfs/s3/s3test"
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
	want("sub")
	w.ok(w.rmdir("sub"))

	w.stop()
	w.start(func(o *Options) { o.TTL = 0 })
	want("", "_ameta", "a.tar", "a.tar-2", "a.tar_ameta", "a.tar_ameta_ameta", "dir/", "dir_ameta", "gone", "gone_ameta")
}

// What is done with a file is done with the sidecars that are hidden beside it, and costs no request where there is none; a sidecar that shows is left alone.
func TestSidecarsFollow(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HideSidecars = true })
	for _, key := range []string{"d/a", "d/a_ameta", "d/a_ameta_ameta", "d/b", "d/sub/x", "d/sub_ameta", "e/c", "e/c_ameta", "e/f"} {
		w.srv.PutObject("data", key, []byte(key), nil)
	}
	want := func(keys ...string) {
		t.Helper()
		w.ok(w.f.Sync(t.Context()))
		if got := w.remoteKeys(); !slices.Equal(got, keys) {
			t.Errorf("the bucket holds %q, want %q", got, keys)
		}
	}
	must[[]string](t)(w.names("d"))
	must[[]string](t)(w.names("e"))
	w.ok(w.rename("d/a", "e/moved"))
	w.ok(w.rename("d/sub", "e/sub"))
	want("d/b", "d/sub_ameta", "e/c", "e/c_ameta", "e/f", "e/moved", "e/moved_ameta", "e/moved_ameta_ameta", "e/sub/x")
	w.ok(w.rename("e/moved", "e/c"))
	want("d/b", "d/sub_ameta", "e/c", "e/c_ameta", "e/c_ameta_ameta", "e/f", "e/sub/x")
	if got := string(w.object("e/c_ameta")); got != "d/a_ameta" {
		t.Errorf("the sidecar holds %q", got)
	}
	w.srv.ResetCounts()
	w.ok(w.unlink("e/f"))
	if n := w.srv.Counts(); n["DeleteObject"] != 1 || len(n) != 1 {
		t.Errorf("a file without a sidecar took %v", n)
	}
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "DeleteObject" && r.Key == "e/c_ameta" {
			return &s3test.Fault{Status: 403, Code: "AccessDenied"}
		}
		return nil
	})
	w.ok(w.unlink("e/c"))
	w.srv.Fault(nil)
	if errs := w.f.Status().Errors; len(errs) != 1 || errs[0].Path != "e/c_ameta" {
		t.Errorf("told: %+v", errs)
	}
	want("d/b", "d/sub_ameta", "e/c_ameta", "e/c_ameta_ameta", "e/sub/x")
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
