package fs

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"allasfs/s3"
)

// TestMarkersOfOthers: every kind of directory marker reads as one directory, beside the keys that lie below it or alone, and goes with it.
func TestMarkersOfOthers(t *testing.T) {
	typed := func(w *world, key, contentType string) {
		must[s3.Object](t)(w.store.Put(t.Context(), "data", key, nil, 0, s3.PutOptions{ContentType: contentType}))
	}
	kinds := map[string]func(w *world){
		"slash":            func(w *world) { w.remotePut("dir/", nil) },
		"no slash":         func(w *world) { typed(w, "dir", "application/directory") },
		"no slash, x":      func(w *world) { typed(w, "dir", "application/x-directory; charset=UTF-8") },
		"both":             func(w *world) { w.remotePut("dir/", nil); typed(w, "dir", "application/directory") },
		"Hadoop's":         func(w *world) { w.remotePut("dir_$folder$", nil) },
		"Hadoop's, slash":  func(w *world) { w.remotePut("dir_$folder$", nil); w.remotePut("dir/", nil) },
		"Hadoop's, others": func(w *world) { w.remotePut("dir_$folder$", nil); typed(w, "dir", "application/directory") },
	}
	for kind, put := range kinds {
		for _, child := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, child %v", kind, child), func(t *testing.T) {
				w := newWorld(t)
				put(w)
				w.remotePut("dir0", []byte("after dir/, before dir_"))
				if child {
					w.remotePut("dir/f", []byte("x"))
				}
				wantNames(t, w, "", "dir/", "dir0")
				if child {
					wantNames(t, w, "dir", "f")
					w.wantErr(w.rmdir("dir"), s3.ErrNotEmpty)
				}
				w.ok(w.rename("dir", "moved"))
				w.ok(w.f.Sync(t.Context()))
				w.stop()
				w.start()
				wantNames(t, w, "", "dir0", "moved/")
				if child {
					w.ok(w.unlink("moved/f"))
				}
				w.ok(w.rmdir("moved"))
				w.stop()
				if got := w.srv.Keys("data"); !slices.Equal(got, []string{"dir0"}) {
					t.Errorf("keys %q stay", got)
				}
			})
		}
	}
}

// TestFolderMarkers: what Hadoop's marker means shows alike in a listing and to a question about the name.
func TestFolderMarkers(t *testing.T) {
	w := newWorld(t, ttlZero)
	for key, data := range map[string]string{
		"top/d_$folder$": "", "top/d/sub_$folder$": "", "top/d/f": "x", // directories
		"top/file": "x", "top/file_$folder$": "", // a file has the name: an object like others
		"top/data_$folder$": "not empty", "top/_$folder$": "",
	} {
		w.remotePut(key, []byte(data))
	}
	wantNames(t, w, "top", "_$folder$", "d/", "data_$folder$", "file", "file_$folder$")
	wantNames(t, w, "top/d", "f", "sub/")
	wantNames(t, w, "top/d/sub")
	for path, dir := range map[string]bool{"top/d": true, "top/d/sub": true, "top/file": false, "top/file_$folder$": false, "top/_$folder$": false} {
		if a, err := w.walk(path); err != nil || (a.Mode&0o170000 == 0o040000) != dir {
			t.Errorf("%s: mode %o, %v", path, a.Mode, err)
		}
	}
	for _, path := range []string{"top/d_$folder$", "top/d/sub_$folder$"} {
		_, err := w.walk(path)
		w.wantErr(err, os.ErrNotExist)
	}
	w.ok(w.create("top/d/sub/g", []byte("y")))
	w.ok(w.unlink("top/d/sub/g"))
	w.ok(w.rmdir("top/d/sub"))
	w.ok(w.unlink("top/d/f"))
	w.ok(w.rmdir("top/d"))
	wantNames(t, w, "top", "_$folder$", "data_$folder$", "file", "file_$folder$")
}

// TestNoFoldersNoRequest: where no listing has shown a marker of Hadoop's, none is asked for.
func TestNoFoldersNoRequest(t *testing.T) {
	w := newWorld(t)
	w.remotePut("d/", nil)
	w.wantCounts(w.counts(func() {
		_, err := w.walk("absent")
		w.wantErr(err, os.ErrNotExist)
	}), map[string]int{"HeadObject": 1, "ListObjectsV2": 1})
}

func wantNames(t *testing.T, w *world, dir string, want ...string) {
	t.Helper()
	if got := must[[]string](t)(w.names(dir)); !slices.Equal(got, want) {
		t.Errorf("%q holds %q, want %q", dir, got, want)
	}
}
