package fs

import (
	"syscall"
	"testing"
)

// TestLittleMoves: a small change of a large object moves little, and downloads nothing but what a part needs to be long enough. The store copies the rest, however
// much that is (TestPlanMovesLittle).
func TestLittleMoves(t *testing.T) {
	const size = 64 << 20
	for name, tt := range map[string]struct {
		off, n, down int64 // what is downloaded at the most
	}{
		"a byte at the start":  {0, 1, minPart},
		"a byte in the middle": {40<<20 + 12345, 1, minPart},
		"a MiB in the middle":  {48<<20 + 1, 1 << 20, minPart},
		"a MiB behind the end": {size, 1 << 20, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.srv.PutRepeated("data", "f", random(1<<20), size)
			h := must[*Handle](t)(w.open("f", syscall.O_WRONLY))
			for off := int64(0); off < tt.n; off += 64 << 10 {
				must[int](t)(h.WriteAt(t.Context(), make([]byte, min(64<<10, tt.n-off)), tt.off+off))
			}
			w.ok(h.Flush(t.Context()))
			h.Release()
			w.stop() // what was read ahead has come by then, or was given up
			down, up := w.moved()
			const edges, rest = 2 * 128 << 10, 64 << 10 // whole blocks are read; answers and lists
			if down > tt.down+edges+rest {
				t.Errorf("%d bytes were downloaded, at most %d are needed", down, tt.down+edges)
			}
			if down+up > 16<<20 {
				t.Errorf("%d bytes moved", down+up)
			}
			if n := w.srv.Count("UploadPart"); n != 1 {
				t.Errorf("%d parts were sent", n)
			}
		})
	}
}

// moved is how many bytes the store's client has received and sent so far.
func (w *world) moved() (down, up int64) {
	for _, o := range w.store.Stats().Operations {
		down, up = down+o.Received, up+o.Sent
	}
	return down, up
}
