package fs

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// TestListingOfLargeObjects: `ls -l` costs one HEAD for each entry that may be a Swift large object, an empty one or one with the ETag of nothing, whatever lies
// beside it, and none again while the entry stands; a directory without such entries costs none. Sizes are true beyond what one PUT holds.
func TestListingOfLargeObjects(t *testing.T) {
	const (
		part  = 3 << 30
		whole = 2 * part // over the 5 GiB line
	)
	w := newWorld(t, ttlZero)
	w.srv.MakeBucket("data_segments")
	segments := fmt.Sprintf("dlo/1700000000.5/%d/%d/", whole, part) // as the Swift client names them
	w.srv.PutRepeated("data_segments", segments+"00000000", bytes.Repeat([]byte("a"), 1<<20), part)
	w.srv.PutRepeated("data_segments", segments+"00000001", bytes.Repeat([]byte("b"), 1<<20), part)
	w.srv.PutDLO("data", "d/dlo", "data_segments", segments) // its segments are those above
	w.srv.PutSLO("data", "d/slo", "data_segments", "slo/", filled(5000, 1), filled(4000, 2))
	w.srv.PutObject("data", "d/empty", nil, nil)
	for i := range 20 {
		w.srv.PutObject("data", fmt.Sprintf("d/f%02d", i), []byte("x"), nil)
		w.srv.PutObject("data", fmt.Sprintf("plain/f%02d", i), []byte("x"), nil)
	}
	d, plain := w.hold("d"), w.hold("plain")
	want := map[string]int64{"dlo": whole, "slo": 9000, "empty": 0}
	for when, heads := range []int{3, 0} {
		w.wantCounts(w.counts(func() {
			sizes := w.sizes(d.ID)
			for name, size := range want {
				if sizes[name] != size {
					t.Errorf("listing %d: %s has %d bytes, want %d", when, name, sizes[name], size)
				}
			}
			if len(sizes) != 23 || sizes["f00"] != 1 {
				t.Errorf("listing %d: sizes %v", when, sizes)
			}
		}), withHeads(heads))
		w.wantCounts(w.counts(func() { w.sizes(plain.ID) }), withHeads(0))
	}
	w.srv.SetModified("data", "d/empty", time.Now().Add(-time.Hour))
	w.wantCounts(w.counts(func() { w.sizes(d.ID) }), withHeads(1)) // another object may have come in its place
}

// TestLargeObjectGrows: a dynamic large object to which another client adds a segment, with its manifest as it was, is another version for who reads it, and shows
// its new size after that, in listings too.
func TestLargeObjectGrows(t *testing.T) {
	w := newWorld(t, ttlZero)
	w.srv.PutDLO("data", "d/log", "data", "seg/", filled(5000, 1))
	d := w.hold("d")
	if sizes := w.sizes(d.ID); sizes["log"] != 5000 {
		t.Fatalf("the large object shows %d bytes", sizes["log"])
	}
	h := must[*Handle](t)(w.open("d/log", 0))
	defer h.Release()
	w.srv.PutObject("data", "seg/00000001", filled(4000, 2), nil)
	_, err := h.ReadAt(t.Context(), make([]byte, 100), 0)
	w.wantErr(err, syscall.ESTALE)
	if sizes := w.sizes(d.ID); sizes["log"] != 9000 {
		t.Errorf("the grown object shows %d bytes", sizes["log"])
	}
}

// TestGrownLargeObjectOpens: who opens a dynamic large object reads all that it holds then, though its entry stands; to find out costs one HEAD as often as
// metadata is asked for.
func TestGrownLargeObjectOpens(t *testing.T) {
	w := newWorld(t)
	w.srv.PutDLO("data", "d/log", "data", "seg/", filled(5000, 1))
	d := w.hold("d")
	w.sizes(d.ID)
	must[[]byte](t)(w.read("d/log"))
	age := func() {
		nm := objectName{"data", "d/log"}
		h, _ := w.f.heads.Get(nm)
		h.asked = h.asked.Add(-time.Hour)
		w.f.heads.Add(nm, h)
	}
	reopen := func() { must[*Handle](t)(w.open("d/log", 0)).Release() }
	w.wantCounts(w.counts(reopen), map[string]int{})
	age()
	w.wantCounts(w.counts(reopen), map[string]int{"HeadObject": 1, "ListObjectsV2": 1}) // of the object, and of its segments
	w.wantCounts(w.counts(reopen), map[string]int{})
	age()
	w.srv.PutObject("data", "seg/00000001", filled(4000, 2), nil)
	_, err := w.open("d/log", 0)
	w.wantErr(err, syscall.ESTALE) // the kernel looks the name up again
	if got := must[[]byte](t)(w.read("d/log")); !bytes.Equal(got, append(filled(5000, 1), filled(4000, 2)...)) {
		t.Errorf("%d bytes, or not the right ones", len(got))
	}
	if sizes := w.sizes(d.ID); sizes["log"] != 9000 {
		t.Errorf("the grown object shows %d bytes", sizes["log"])
	}
}

// TestGrownLargeObjectFound: a dynamic large object that was looked up by its name, and had grown, shows its new size in listings after that, too.
func TestGrownLargeObjectFound(t *testing.T) {
	w := newWorld(t, ttlZero)
	w.srv.PutDLO("data", "d/log", "data", "seg/", filled(5000, 1))
	d := w.hold("d")
	w.sizes(d.ID)
	w.srv.PutObject("data", "seg/00000001", filled(4000, 2), nil)
	if a := must[Attr](t)(w.walk("d/log")); a.Size != 9000 {
		t.Errorf("the grown object has %d bytes", a.Size)
	}
	if sizes := w.sizes(d.ID); sizes["log"] != 9000 {
		t.Errorf("the grown object shows %d bytes", sizes["log"])
	}
}

// TestEmptyBecomesLarge: a large object that takes the place of an empty one within the same second shows its size, whose entry differs by milliseconds alone.
func TestEmptyBecomesLarge(t *testing.T) {
	for _, full := range []bool{false, true} {
		w := newWorld(t, ttlZero, func(o *Options) { o.FullStat = full })
		second := time.Now().Truncate(time.Second).Add(-time.Hour)
		w.srv.PutObject("data", "d/x", nil, nil)
		w.srv.SetModified("data", "d/x", second.Add(200*time.Millisecond))
		d := w.hold("d")
		for range 2 {
			if sizes := w.sizes(d.ID); sizes["x"] != 0 {
				t.Errorf("the empty object shows %d bytes", sizes["x"])
			}
		}
		w.srv.PutDLO("data", "d/x", "data", "seg/", filled(5000, 1))
		w.srv.SetModified("data", "d/x", second.Add(700*time.Millisecond))
		if sizes := w.sizes(d.ID); sizes["x"] != 5000 {
			t.Errorf("--stat=full %t: the large object shows %d bytes", full, sizes["x"])
		}
	}
}

// withHeads is what a listing of one page costs.
func withHeads(n int) map[string]int {
	want := map[string]int{"ListObjectsV2": 1}
	if n > 0 {
		want["HeadObject"] = n
	}
	return want
}

// sizes reads one directory with its attributes, as `ls -l` does, and returns the size of each file.
func (w *world) sizes(id uint64) map[string]int64 {
	w.t.Helper()
	h := must[*DirHandle](w.t)(w.f.OpenDir(w.t.Context(), id))
	defer h.Release()
	sizes := map[string]int64{}
	for i := 0; ; i++ {
		e, more, err := h.Entry(w.t.Context(), i)
		w.ok(err)
		if !more {
			return sizes
		}
		a := must[Attr](w.t)(h.Stat(w.t.Context(), i))
		sizes[e.Name] = int64(a.Size)
		w.f.Forget(a.ID, 1)
	}
}

// TestReadOverTheLine: a Swift large object of more than 5 GiB reads right on both sides of a segment's border and at its end.
func TestReadOverTheLine(t *testing.T) {
	const part = 3 << 30
	w := newWorld(t)
	w.srv.MakeBucket("data_segments")
	w.srv.PutRepeated("data_segments", "dlo/0", bytes.Repeat([]byte("a"), 1<<20), part)
	w.srv.PutRepeated("data_segments", "dlo/1", bytes.Repeat([]byte("b"), 1<<20), part)
	w.srv.PutDLO("data", "dlo", "data_segments", "dlo/")
	h := must[*Handle](t)(w.open("dlo", 0))
	defer h.Release()
	for off, want := range map[int64]string{0: "aaaa", part - 2: "aabb", 5<<30 - 2: "bbbb", 2*part - 2: "bb", 2 * part: ""} {
		got := make([]byte, 4)
		n, err := h.ReadAt(t.Context(), got, off)
		w.ok(err)
		if string(got[:n]) != want {
			t.Errorf("at %d: %q, want %q", off, got[:n], want)
		}
	}
}
