package mount

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// reading is an open file of 32 MiB that is whole in the cache, read past the kernel: as the kernel's requests come.
type reading struct {
	b    *bridge
	in   fuse.ReadIn
	buf  []byte
	size int64
}

func newReading(t testing.TB, n int) *reading {
	t.Helper()
	const size = 32 * mib
	m := newMount(t)
	m.put("f", string(randomBytes(int(size))))
	h, err := m.fs.Open(t.Context(), lookUp(t, m, "f"), syscall.O_RDONLY)
	ok(t, err)
	r := &reading{b: m.server.bridge, buf: make([]byte, n), size: size}
	r.in = fuse.ReadIn{Fh: r.b.files.add(&file{handle: h}), Size: uint32(n)}
	r.in.NodeId = h.Node()
	t.Cleanup(func() {
		r.b.files.remove(r.in.Fh)
		h.Release()
	})
	for range size / int64(n) {
		r.next(t)
	}
	if !eventually(func() bool { return m.cache.Stats().Used >= size }) {
		t.Fatal("the file does not get into the cache")
	}
	return r
}

// lookUp is a file's number; the mount holds it for as long as it lives.
func lookUp(t testing.TB, m *mounted, name string) uint64 {
	t.Helper()
	a, err := m.fs.Lookup(context.WithoutCancel(t.Context()), 1, name)
	ok(t, err)
	return a.ID
}

// next reads as the kernel asks, and goes on behind that.
func (r *reading) next(t testing.TB) {
	res, status := r.b.Read(nil, &r.in, r.buf)
	if !status.Ok() || res.Size() != len(r.buf) {
		t.Fatalf("read at %d: %v", r.in.Offset, status)
	}
	res.Done()
	r.in.Offset = (r.in.Offset + uint64(len(r.buf))) % uint64(r.size)
}

// allocated is how many bytes a READ allocates. What else goes on in this process is counted too, so the smallest of several figures is taken.
func (r *reading) allocated(t *testing.T) uint64 {
	const reads = 200
	least := uint64(math.MaxUint64)
	for range 10 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range reads {
			r.next(t)
		}
		runtime.ReadMemStats(&after)
		least = min(least, (after.TotalAlloc-before.TotalAlloc)/reads)
	}
	return least
}

// A READ of what is cached allocates its context and its answer, a few hundred bytes, whatever its length: no buffer, no goroutine.
func TestReadAllocatesNoBuffer(t *testing.T) {
	const allocations, most = 8, 1024
	for _, n := range []int{4 << 10, 128 << 10, 1 << 20} {
		t.Run(fmt.Sprintf("%d KiB", n>>10), func(t *testing.T) {
			r := newReading(t, n)
			if a := testing.AllocsPerRun(500, func() { r.next(t) }); a > allocations {
				t.Errorf("%.1f allocations a READ, want at most %d", a, allocations)
			}
			if got := r.allocated(t); got > most {
				t.Errorf("%d bytes allocated a READ, want at most %d", got, most)
			}
		})
	}
}
