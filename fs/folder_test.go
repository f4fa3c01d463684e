package fs

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
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

// TestFolderMarkersBeforeAnyListing: a directory that Hadoop's marker alone keeps is found by its name, and goes with its marker, though nothing was listed; it
// costs no request more than another name, but where many names begin alike.
func TestFolderMarkersBeforeAnyListing(t *testing.T) {
	few := map[string]int{"HeadObject": 1, "ListObjectsV2": 1}
	for name, c := range map[string]struct {
		beside []string
		folder bool
		want   map[string]int
	}{
		"alone":               {nil, true, map[string]int{"HeadObject": 2, "ListObjectsV2": 1}},
		"beside other names":  {[]string{"d-/x", "d.txt", "d0", "d9/x", "dA", "d_", "da"}, true, map[string]int{"HeadObject": 2, "ListObjectsV2": 1}},
		"nothing":             {[]string{"a", "d.txt", "d0", "da", "e"}, false, few},
		"nothing, many alike": {alike(20), false, map[string]int{"HeadObject": 2, "ListObjectsV2": 1}},
		"many alike":          {alike(20), true, map[string]int{"HeadObject": 2, "ListObjectsV2": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, key := range c.beside {
				w.remotePut("top/"+key, []byte("x"))
			}
			w.remotePut("top/other", []byte("x"))
			if c.folder {
				w.remotePut("top/d_$folder$", nil)
			}
			w.hold("top")
			w.wantCounts(w.counts(func() {
				switch a, err := w.walk("top/d"); {
				case !c.folder:
					w.wantErr(err, os.ErrNotExist)
				case err != nil || a.Mode&0o170000 != 0o040000:
					t.Errorf("mode %o, %v", a.Mode, err)
				}
			}), c.want)
			if !c.folder {
				return
			}
			w.ok(w.rmdir("top/d"))
			if keys := w.srv.Keys("data"); slices.Contains(keys, "top/d_$folder$") || len(keys) != len(c.beside)+1 {
				t.Errorf("keys %q stay", keys)
			}
		})
	}
}

// alike is n names that lie between a directory d and the marker of Hadoop's that means it.
func alike(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("d%03d", i)
	}
	return names
}

// TestFolderMarkerOfAFilledDirectory: a directory that was found by what lies below it takes its marker of Hadoop's along when it is renamed or removed, and does
// not come back as an empty one.
func TestFolderMarkerOfAFilledDirectory(t *testing.T) {
	for _, change := range []string{"rename", "remove"} {
		t.Run(change, func(t *testing.T) {
			w := newWorld(t)
			w.remotePut("d_$folder$", nil)
			for i := range nearbyKeys + 1 {
				w.remotePut(fmt.Sprintf("d/f%d", i), []byte("x"))
			}
			if change == "rename" {
				w.ok(w.rename("d", "e"))
			} else {
				for i := range nearbyKeys + 1 {
					w.ok(w.unlink(fmt.Sprintf("d/f%d", i)))
				}
				w.ok(w.rmdir("d"))
			}
			w.ok(w.f.Sync(t.Context()))
			w.stop()
			w.start()
			_, err := w.walk("d")
			w.wantErr(err, os.ErrNotExist)
			if slices.Contains(w.srv.Keys("data"), "d_$folder$") {
				t.Error("the marker stays")
			}
		})
	}
}

// TestNearbyWithoutRights: who may list a prefix only from its slash on finds directories, as before.
func TestNearbyWithoutRights(t *testing.T) {
	w := newWorld(t)
	w.remotePut("d/f", []byte("x"))
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "ListObjectsV2" && r.Query.Get("prefix") == "d" {
			return &s3test.Fault{Status: 403, Code: "AccessDenied"}
		}
		return nil
	})
	if a, err := w.walk("d"); err != nil || a.Mode&0o170000 != 0o040000 {
		t.Errorf("mode %o, %v", a.Mode, err)
	}
}

func wantNames(t *testing.T, w *world, dir string, want ...string) {
	t.Helper()
	if got := must[[]string](t)(w.names(dir)); !slices.Equal(got, want) {
		t.Errorf("%q holds %q, want %q", dir, got, want)
	}
}
