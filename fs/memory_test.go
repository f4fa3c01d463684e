package fs

import (
	"fmt"
	"runtime"
	"testing"
)

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemoryOfAListing: an entry costs at most 1 KiB after `ls -l`, that is with its node, and what the kernel forgets is given back.
func TestMemoryOfAListing(t *testing.T) {
	const n = 20000
	w := newWorld(t)
	for i := range n {
		w.srv.PutObject("data", fmt.Sprintf("d/sample-%06d.fastq.gz", i), []byte("x"), nil)
	}
	d := w.hold("d").ID
	before := heap()
	h := must[*DirHandle](t)(w.f.OpenDir(t.Context(), d))
	ids := make([]uint64, 0, n)
	for i := 0; ; i++ {
		_, ok, err := h.Entry(t.Context(), i)
		if w.ok(err); !ok {
			break
		}
		ids = append(ids, must[Attr](t)(h.Stat(t.Context(), i)).ID)
	}
	h.Release()
	full := heap()
	if len(ids) != n {
		t.Fatalf("%d entries", len(ids))
	}
	for _, id := range ids {
		w.f.Forget(id, 1)
	}
	forgotten := heap()
	t.Logf("%d bytes an entry, %d once the kernel forgot it", (full-before)/n, (forgotten-before)/n)
	if got := (full - before) / n; got > 1024 {
		t.Errorf("%d bytes an entry, want at most 1024", got)
	}
	if got := (forgotten - before) / n; got > 400 {
		t.Errorf("%d bytes an entry stay, want at most 400", got)
	}
}
