package mount

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	kib = int64(1) << 10
	mib = int64(1) << 20
)

// pattern is a way in which programs read one file, and what it may cost of a cold file. The second time it costs nothing.
type pattern struct {
	name   string
	size   int64 // of the file
	gets   int   // GETs at most
	bytes  int64 // of GETs' bodies at most
	again  int   // GETs at most the second time: the kernel may then read ahead elsewhere (threads in one handle; once after each piece of a stride)
	direct bool  // O_DIRECT
	shared bool  // one handle for all cursors, as programs with threads do
	reads  func(size int64) [][]extent
}

// extent is one read.
type extent struct{ off, n int64 }

// patterns are the costs that are promised, as bounds: change a figure here when the shape of requests changes. A megabyte in order is one
// request or less once the window has grown; what is read at random is whole blocks.
func patterns() []pattern {
	const size, block = 32*mib + 12345, 128 * kib
	return []pattern{
		{name: "sequential in 1 MiB", size: size, gets: 32 + 8, bytes: size, reads: cursors(1, mib)},
		{name: "sequential in 4 KiB", size: size, gets: 32 + 8, bytes: size, reads: cursors(1, 4*kib)},
		{name: "sequential in 1000 bytes", size: 2*mib + 1, gets: 2*8 + 1, bytes: 2*mib + 1, reads: cursors(1, 1000)},
		{name: "sequential, O_DIRECT", size: size, gets: 32 + 8, bytes: size, direct: true, reads: cursors(1, mib)},
		{name: "backwards in 128 KiB", size: size, gets: 32*8 + 2, bytes: size, reads: backwards(block)},
		{name: "8 cursors taking turns", size: size, gets: 8 * 17, bytes: size, reads: turns(8, 64*kib)},
		{name: "8 threads, one handle", size: size, gets: 8 * 12, bytes: size, shared: true, reads: cursors(8, 256*kib)},
		{name: "8 threads, a handle each", size: size, gets: 8 * 12, bytes: size, reads: cursors(8, 256*kib)},
		{name: "random 4 KiB", size: size, gets: 64, bytes: 64 * block, reads: random(1, 64, 4*kib)},
		{name: "random 4 KiB, O_DIRECT", size: size, gets: 64, bytes: 64 * block, direct: true, reads: random(1, 64, 4*kib)},
		{name: "random 4 KiB, 8 threads", size: size, gets: 64, bytes: 64 * block, shared: true, reads: random(8, 8, 4*kib), again: 2},
		{name: "random 128 KiB", size: size, gets: 48 * 3 / 2, bytes: 48 * 3 * block, reads: random(1, 48, block), again: 6},
		{name: "random 128 KiB, 8 threads", size: size, gets: 48 * 3 / 2, bytes: 48 * 3 * block, shared: true, reads: random(8, 6, block), again: 6},
		{name: "1 MiB of every 8", size: 64 * mib, gets: 8 * 5, bytes: 8 * 3 * mib, reads: strides(mib, 8*mib), again: 8},
		{name: "4 KiB of every MiB", size: size, gets: 33 + 4, bytes: 33 * 2 * block, reads: strides(4*kib, mib)},
	}
}

// cursors read the file once, each its own piece of it from front to back.
func cursors(jobs int, n int64) func(int64) [][]extent {
	return func(size int64) [][]extent {
		share := (size/int64(jobs) + 4*kib) / (4 * kib) * (4 * kib)
		out := make([][]extent, jobs)
		for j := range out {
			for off := int64(j) * share; off < min(size, int64(j+1)*share); off += n {
				out[j] = append(out[j], extent{off, min(n, int64(j+1)*share-off)})
			}
		}
		return out
	}
}

// turns is cursors in one thread: a read of each, one after the other.
func turns(count int, n int64) func(int64) [][]extent {
	return func(size int64) [][]extent {
		var out []extent
		all := cursors(count, n)(size)
		for i := range all[0] {
			for _, c := range all {
				if i < len(c) {
					out = append(out, c[i])
				}
			}
		}
		return [][]extent{out}
	}
}

func backwards(n int64) func(int64) [][]extent {
	return func(size int64) [][]extent {
		var out []extent
		for off := size / n * n; off >= 0; off -= n {
			out = append(out, extent{off, n})
		}
		return [][]extent{out}
	}
}

func strides(n, step int64) func(int64) [][]extent {
	return func(size int64) [][]extent {
		var out []extent
		for off := int64(0); off < size; off += step {
			out = append(out, extent{off, n})
		}
		return [][]extent{out}
	}
}

func random(jobs, count int, n int64) func(int64) [][]extent {
	return func(size int64) [][]extent {
		r := rand.New(rand.NewPCG(uint64(n), uint64(jobs)))
		out := make([][]extent, jobs)
		for j := range out {
			for range count {
				out[j] = append(out[j], extent{r.Int64N(size-n) / (4 * kib) * (4 * kib), n})
			}
		}
		return out
	}
}

// TestPatterns: every pattern reads the right bytes, cold in no more requests and bytes than promised, and no other request once the directory
// is listed; again, with the kernel's pages dropped, from the cache.
func TestPatterns(t *testing.T) {
	for _, p := range patterns() {
		t.Run(p.name, func(t *testing.T) {
			m := newMount(t)
			data := randomBytes(int(p.size))
			m.put("d/f", string(data))
			run(t, exec.Command("ls", "-l", m.path("d")))
			m.s3.ResetCounts()
			m.readPattern(t, p, data)
			gets, bytes := m.got()
			t.Logf("%d GETs of %d KiB in all", gets, bytes>>10)
			if gets > p.gets || bytes > p.bytes || m.s3.Count() > gets {
				t.Errorf("%d GETs of %d bytes, want at most %d of %d and nothing else; all requests: %v", gets, bytes, p.gets, p.bytes, m.s3.Counts())
			}
			m.forget(t, "d/f")
			m.s3.ResetCounts()
			m.readPattern(t, p, data)
			if n := m.s3.Count(); n > p.again {
				t.Errorf("%d requests the second time, want at most %d", n, p.again)
			}
		})
	}
}

// got returns the GETs since the last reset and the bytes that they sent.
func (m *mounted) got() (gets int, bytes int64) {
	m.t.Helper()
	eventually(func() bool { // those that nobody waits for end too
		gets, bytes = 0, 0
		for _, r := range m.s3.Log() {
			if r.Op == "GetObject" {
				gets, bytes = gets+1, bytes+r.Out
			}
		}
		return gets == m.s3.Count("GetObject")
	})
	return gets, bytes
}

// forget drops the kernel's pages of a file that nobody has open.
func (m *mounted) forget(t testing.TB, name string) {
	t.Helper()
	m.idle()
	fd := must[int](t)(unix.Open(m.path(name), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	ok(t, unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED))
	ok(t, unix.Close(fd))
	m.idle() // what was lent to the kernel for this open is back
}

// readPattern does a pattern's reads and compares every byte.
func (m *mounted) readPattern(t *testing.T, p pattern, data []byte) {
	t.Helper()
	flags := os.O_RDONLY
	if p.direct {
		flags |= unix.O_DIRECT
	}
	open := func() *os.File {
		f, err := os.OpenFile(m.path("d/f"), flags, 0)
		if err != nil {
			t.Error(err)
		}
		return f
	}
	all := p.reads(p.size)
	common := open()
	defer common.Close()
	var wg sync.WaitGroup
	for _, list := range all {
		wg.Go(func() {
			f := common
			if !p.shared && len(all) > 1 {
				f = open()
				defer f.Close()
			}
			if err := readExtents(f, list, data); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// readExtents reads them in order and compares every byte.
func readExtents(f *os.File, list []extent, data []byte) error {
	var most int64
	for _, e := range list {
		most = max(most, e.n)
	}
	buf := aligned(most)
	for _, e := range list {
		want := data[e.off:min(e.off+e.n, int64(len(data)))]
		got, err := preadFull(f, buf[:e.n], e.off)
		if err != nil {
			return fmt.Errorf("read of %d bytes at %d: %w", e.n, e.off, err)
		}
		if string(got) != string(want) {
			return fmt.Errorf("read of %d bytes at %d: %d come, want %d; first difference %d", e.n, e.off, len(got), len(want), differsAt(got, want))
		}
	}
	return nil
}

// preadFull reads until p is full or the file ends.
func preadFull(f *os.File, p []byte, off int64) ([]byte, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Pread(int(f.Fd()), p[done:], off+int64(done))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return p[:done], err
		}
		if n == 0 {
			break
		}
		done += n
	}
	return p[:done], nil
}

func differsAt(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// aligned returns n bytes at a page boundary, as O_DIRECT may want.
func aligned(n int64) []byte {
	p := make([]byte, n+4*kib)
	skip := -uintptr(unsafe.Pointer(&p[0])) & uintptr(4*kib-1)
	return p[skip : int64(skip)+n]
}
