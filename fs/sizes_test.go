package fs

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// manyEmpties stores n empty objects below d/, and among them a Swift large object d/e0001, and one that means a directory, d/e0002.
func (w *world) manyEmpties(n int) {
	for i := range n {
		w.srv.PutObject("data", fmt.Sprintf("d/e%04d", i), nil, nil)
	}
	w.srv.PutSLO("data", "d/e0001", "data", "seg/", filled(5000, 1), filled(4000, 2))
	w.srv.PutObject("data", "d/e0002", nil, map[string]string{"content-type": "application/directory"})
}

// TestNamesCostNoHead: who reads the names of empty objects, which may be Swift large objects, pays the listing alone. The first whose size he wants costs a HEAD, and
// no others before he wants more.
func TestNamesCostNoHead(t *testing.T) {
	const n = 2500
	w := newWorld(t)
	w.manyEmpties(n)
	d := w.hold("d")
	w.wantCounts(w.counts(func() {
		if es := w.list(d.ID); len(es) != n || es[0].Mode != 0 {
			t.Errorf("%d entries, the first of type %o", len(es), es[0].Mode)
		}
	}), map[string]int{"ListObjectsV2": 3, "HeadObject": 2}) // of the last one of a page it is not known yet whether a directory of its name follows
	w.wantCounts(w.counts(func() {
		if a := must[Attr](t)(w.f.Lookup(t.Context(), d.ID, "e0001")); a.Size != 9000 || a.Mode&syscall.S_IFMT != syscall.S_IFREG {
			t.Errorf("the large object shows %+v", a)
		}
	}), map[string]int{"HeadObject": 1})
	if a := must[Attr](t)(w.f.Lookup(t.Context(), d.ID, "e0002")); a.Mode&syscall.S_IFMT != syscall.S_IFDIR {
		t.Errorf("the directory shows %+v", a)
	}
	if es := w.list(d.ID); es[1].Mode != syscall.S_IFREG || es[2].Mode != syscall.S_IFDIR {
		t.Errorf("types %o and %o once they are known", es[1].Mode, es[2].Mode)
	}
}

// TestSizesSideBySide: who wants the sizes of all, in the order of the listing or in another, waits for several at once, and each costs one HEAD.
func TestSizesSideBySide(t *testing.T) {
	const n = 600
	for what, order := range map[string]func([]DirEntry) []DirEntry{
		"in order": func(es []DirEntry) []DirEntry { return es }, "shuffled": shuffled,
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.manyEmpties(n)
			d := w.hold("d")
			es := order(w.list(d.ID))
			w.srv.ResetCounts()
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op == "HeadObject" {
					return &s3test.Fault{After: 3 * time.Millisecond}
				}
				return nil
			})
			for _, e := range es {
				a := must[Attr](t)(w.f.Lookup(t.Context(), d.ID, e.Name))
				if want := map[string]int64{"e0001": 9000}[e.Name]; a.Size != want {
					t.Errorf("%s has %d bytes, want %d", e.Name, a.Size, want)
				}
			}
			w.wantCounts(w.srv.Counts(), map[string]int{"HeadObject": n})
			if got := w.srv.Peak(); got < 4 {
				t.Errorf("at most %d HEADs at once", got)
			}
		})
	}
}

// TestSizeOfWhatIsGone: an empty object that is gone when its size is wanted is gone, or is what came in its place.
func TestSizeOfWhatIsGone(t *testing.T) {
	w := newWorld(t)
	w.manyEmpties(10)
	d := w.hold("d")
	w.list(d.ID)
	w.srv.Delete("data", "d/e0005")
	w.srv.Delete("data", "d/e0006")
	w.srv.PutObject("data", "d/e0006/child", []byte("x"), nil)
	_, err := w.f.Lookup(t.Context(), d.ID, "e0005")
	w.wantErr(err, os.ErrNotExist)
	if a := must[Attr](t)(w.f.Lookup(t.Context(), d.ID, "e0006")); a.Mode&syscall.S_IFMT != syscall.S_IFDIR {
		t.Errorf("a directory that came in its place shows %+v", a)
	}
}

// TestEmptyBesideDirectory: an empty object beside the directory of its name is its marker, a Swift large object there a file of its own; which it is is known
// before the names are told, also where the two come by different pages.
func TestEmptyBesideDirectory(t *testing.T) {
	w := newWorld(t)
	put := func(key string) { w.srv.PutObject("data", key, nil, nil) }
	put("d/marker")
	put("d/marker/x")
	w.srv.PutSLO("data", "d/slo", "data", "seg/", filled(5000, 1))
	put("d/slo/x")
	put("e/marker")
	w.srv.PutSLO("data", "e/slo", "data", "seg2/", filled(5000, 1))
	for i := range 1200 { // these lie between slo and slo/
		put(fmt.Sprintf("e/marker-%04d", i))
		put(fmt.Sprintf("e/slo-%04d", i))
	}
	put("e/marker/x")
	put("e/slo/x")
	for _, dir := range []string{"d", "e"} {
		seen := map[string]uint32{}
		for _, e := range w.list(w.hold(dir).ID) {
			if seen[e.Name] = e.Mode; strings.Contains(e.Name, "-") {
				delete(seen, e.Name)
			}
		}
		if want := map[string]uint32{"marker": syscall.S_IFDIR, "slo": syscall.S_IFDIR, "slo%{object}": syscall.S_IFREG}; !maps.Equal(seen, want) {
			t.Errorf("%s holds %v, want %v", dir, seen, want)
		}
	}
}
