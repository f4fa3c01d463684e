package fs

import (
	"fmt"
	"testing"
	"time"
)

// TestHugeDirectory: a directory of half a million objects shows its first names after its first page, costs about a request a thousand names, and shows each
// once while another client makes and removes objects elsewhere in the bucket; what its entries take is bounded and given back.
func TestHugeDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	w := newWorld(t)
	for i := range hugeDir {
		w.srv.PutObject("data", "d/"+hugeName(i), []byte("x"), nil)
	}
	d := w.hold("d")
	w.srv.ResetCounts()
	before := heap()
	h := must[*DirHandle](t)(w.f.OpenDir(t.Context(), d.ID))
	defer h.Release()
	for i := range 10 {
		wantEntry(t, h, i)
	}
	if got := w.srv.Count("ListObjectsV2"); got > 3 { // its first page, and those that are a page ahead of the reader
		t.Errorf("the first names cost %d requests", got)
	}
	stop := w.disturb()
	ids := make([]uint64, hugeDir)
	for i := range ids {
		wantEntry(t, h, i)
		ids[i] = must[Attr](t)(h.Stat(t.Context(), i)).ID
	}
	if _, more, err := h.Entry(t.Context(), hugeDir); more || err != nil {
		t.Errorf("more names than objects, or %v", err)
	}
	stop()
	pages := hugeDir / 1000
	if got := w.srv.Count("ListObjectsV2"); got > pages+pages/10+rangesWidth { // a range may end in a page that is not full
		t.Errorf("%d requests for %d pages", got, pages)
	}
	if got := (heap() - before) / hugeDir; got > 1024 {
		t.Errorf("%d bytes an entry with its node, want at most 1024", got)
	}
	for _, id := range ids {
		w.f.Forget(id, 1)
	}
	if got := (heap() - before) / hugeDir; got > 400 {
		t.Errorf("%d bytes an entry stay when the kernel forgot it, want at most 400", got)
	}
}

// hugeName is the i-th name in order; names are uneven, so that no key lies where a guess at half the range would have it.
func hugeName(i int) string {
	if i%3 == 0 {
		return fmt.Sprintf("sample-%06d", i)
	}
	return fmt.Sprintf("sample-%06d.%d.fastq.gz", i, i%7)
}

func wantEntry(t *testing.T, h *DirHandle, i int) {
	t.Helper()
	e, ok, err := h.Entry(t.Context(), i)
	if err != nil || !ok || e.Name != hugeName(i) {
		t.Fatalf("entry %d is %q (%v, %v), want %q", i, e.Name, ok, err, hugeName(i))
	}
}

// disturb makes and removes objects beside the directory until stop is called, which waits for it.
func (w *world) disturb() (stop func()) {
	ends, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-ends:
				return
			case <-time.After(time.Millisecond):
			}
			for _, key := range []string{"a/%d", "d%d", "d-/%d", "e/%d/f"} {
				key = fmt.Sprintf(key, i%7)
				if w.srv.PutObject("data", key, []byte("x"), nil); i%2 == 1 {
					w.srv.Delete("data", key)
				}
			}
		}
	}()
	return func() { close(ends); <-ended }
}
