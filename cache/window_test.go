package cache

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// pattern is a big object whose bytes are computed.
type pattern struct {
	size int64

	mu    sync.Mutex
	calls []call
	delay time.Duration
}

// page is 64 KiB of noise, twice; page n of the object begins at another place of it.
var page = func() []byte {
	b := newSource(1 << 16).data
	return append(b, b...)
}()

func pageAt(off int64) []byte {
	from := int(off>>16*7919) & 0xffff
	return page[from:][:1<<16][off&0xffff:]
}

type patternReader struct{ off, end int64 }

func (r *patternReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && r.off < r.end {
		m := copy(p[n:min(int64(len(p)), int64(n)+r.end-r.off)], pageAt(r.off))
		n, r.off = n+m, r.off+int64(m)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (s *pattern) Get(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	s.mu.Lock()
	s.calls = append(s.calls, call{off, n})
	s.mu.Unlock()
	select {
	case <-time.After(s.delay):
		return io.NopCloser(&patternReader{off, off + n}), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *pattern) count() (n int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		bytes += c.n
	}
	return len(s.calls), bytes
}

// twice tells whether a byte was asked for more than once.
func (s *pattern) twice() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[int64]bool{}
	for _, c := range s.calls {
		for off := c.off; off < c.off+c.n; off += DefaultBlockSize {
			if seen[off] {
				return true
			}
			seen[off] = true
		}
	}
	return false
}

func checkRead(t testing.TB, f *File, off int64, p []byte) {
	n, err := f.ReadAt(t.Context(), p, off)
	if err != nil && err != io.EOF {
		t.Fatalf("read at %d: %v", off, err)
	}
	for i := 0; i < n; {
		want := pageAt(off + int64(i))
		want = want[:min(len(want), n-i)]
		if !bytes.Equal(p[i:i+len(want)], want) {
			t.Fatalf("wrong bytes at %d", off+int64(i))
		}
		i += len(want)
	}
}

func TestSequentialReadIsFewRequests(t *testing.T) {
	for _, step := range []int{4 * kib, 128 * kib, mib} {
		c := mustOpen(t, testOptions(t))
		s := &pattern{size: 64*mib + 1000}
		f := c.File(testID, s.size, s)
		p := make([]byte, step)
		for off := int64(0); off < s.size; off += int64(step) {
			checkRead(t, f, off, p)
		}
		f.Close()
		n, bytes := s.count()
		if n > 40 || bytes != s.size || s.twice() {
			t.Errorf("reads of %d: %d requests for %d bytes of %d", step, n, bytes, s.size)
		}
	}
}

func TestEightSequencesInOneFile(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := &pattern{size: 256 * mib}
	f := c.File(testID, s.size, s)
	defer f.Close()
	p := make([]byte, 128*kib)
	for off := int64(0); off < 8*mib; off += int64(len(p)) {
		for i := range int64(8) {
			checkRead(t, f, i*32*mib+off, p)
		}
	}
	if n, _ := s.count(); n > 8*25 || s.twice() {
		t.Errorf("%d requests for 8 sequences of 64 reads", n)
	}
}

// Random reads beside a sequence neither break it nor are taken for one.
func TestSequenceAmongRandomReads(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := &pattern{size: 4 << 30}
	f := c.File(testID, s.size, s)
	defer f.Close()
	r := rand.New(rand.NewPCG(1, 2))
	p, q := make([]byte, 128*kib), make([]byte, 4*kib)
	random := 0
	for off := int64(0); off < 16*mib; off += int64(len(p)) {
		checkRead(t, f, off, p)
		for range 20 {
			checkRead(t, f, mib*64+r.Int64N(s.size-mib*65)&^4095, q)
			random++
		}
	}
	n, bytes := s.count()
	if n > random+100 || bytes > int64(random+200)*128*kib+64*mib {
		t.Errorf("%d requests, %d MiB for %d random reads and a sequence of 16 MiB", n, bytes/mib, random)
	}
}

func TestRandomReadsAreNotReadAhead(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := &pattern{size: 4 << 30}
	f := c.File(testID, s.size, s)
	defer f.Close()
	r := rand.New(rand.NewPCG(3, 4))
	p := make([]byte, 4*kib)
	for range 300 {
		off := r.Int64N(s.size/4096-1) * 4096
		checkRead(t, f, off, p)
		checkRead(t, f, off, p) // once more is not a sequence
	}
	settled(t, c)
	if n, bytes := s.count(); n > 302 || bytes > 310*128*kib {
		t.Errorf("%d requests for %d KiB", n, bytes/kib)
	}
}

func TestSmallSkipsKeepTheWindow(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := &pattern{size: 256 * mib}
	f := c.File(testID, s.size, s)
	defer f.Close()
	p := make([]byte, 128*kib)
	reads := 0
	for off := int64(0); off < 32*mib; reads++ {
		checkRead(t, f, off, p)
		off += int64(len(p))
		switch {
		case reads > 16 && reads%10 == 0:
			off += 64 * kib // forward
		case reads > 16 && reads%10 == 5:
			off -= 96 * kib // and back
		}
	}
	if n, _ := s.count(); n > 45 || s.twice() || len(f.v.cursors) != 1 {
		t.Errorf("%d requests for %d reads in %d sequences", n, reads, len(f.v.cursors))
	}
}

func TestJumpRestartsSmall(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := &pattern{size: 1 << 30}
	f := c.File(testID, s.size, s)
	defer f.Close()
	p := make([]byte, mib)
	for off := int64(0); off < 32*mib; off += int64(len(p)) {
		checkRead(t, f, off, p)
	}
	settled(t, c)
	_, before := s.count()
	checkRead(t, f, 512*mib, p[:4*kib])
	settled(t, c)
	if _, after := s.count(); after-before != 128*kib {
		t.Errorf("%d KiB after a jump", (after-before)/kib)
	}
}

// A reader that stops costs what its window was, and no more; one that closes the file, less.
func TestReadAheadStopsWithItsReader(t *testing.T) {
	o := testOptions(t)
	o.Memory = 32 * mib
	c := mustOpen(t, o)
	s := &pattern{size: 1 << 30}
	f := c.File(testID, s.size, s)
	p := make([]byte, 128*kib)
	for off := int64(0); off < 4*mib; off += int64(len(p)) {
		checkRead(t, f, off, p)
	}
	settled(t, c)
	if _, bytes := s.count(); bytes > 4*mib+16*mib {
		t.Errorf("%d MiB asked for after 4 were read", bytes/mib)
	}
	s.delay = time.Hour
	for off := int64(4 * mib); f.v.held.Load() >= off+int64(len(p)); off += int64(len(p)) {
		checkRead(t, f, off, p) // warm ones, that ask for more
	}
	f.Close() // or these would never end
	settled(t, c)
}

// 16 readers side by side stay within the memory, with a disk that takes nothing and with none.
func TestMemoryIsBounded(t *testing.T) {
	for _, name := range []string{"no disk", "disk", "stuck disk"} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			o.Memory = 16 * mib
			if name == "no disk" {
				o.Size = 0
			}
			c := mustOpen(t, o)
			if name == "stuck disk" {
				c.names.Lock()
				defer c.names.Unlock()
			}
			var wg sync.WaitGroup
			var most int64
			for i := range 16 {
				wg.Go(func() {
					s := &pattern{size: 8 * mib, delay: time.Millisecond}
					id := testID
					id.Key = string(rune('a' + i))
					f := c.File(id, s.size, s)
					defer f.Close()
					p := make([]byte, 128*kib)
					for off := int64(0); off < s.size; off += int64(len(p)) {
						checkRead(t, f, off, p)
						c.mu.Lock()
						most = max(most, c.mem.used)
						c.mu.Unlock()
					}
				})
			}
			wg.Wait()
			if most > o.Memory+c.request {
				t.Errorf("%d bytes in memory, bound %d", most, o.Memory)
			}
			checkMemory(t, c)
		})
	}
}

// A reader that waits takes the memory of what is read ahead for another, the far end of it, in whatever order that came: the other goes on from what lies
// before that.
func TestMemoryTakenFromTheFarEnd(t *testing.T) {
	o := testOptions(t)
	const readers, step = 20, 128 * kib
	o.Size, o.Memory, o.Parallel = 0, 8*mib, 2*readers
	c := mustOpen(t, o)
	ahead, other := newSource(24*mib), newSource(3*readers*step)
	f := c.File(testID, int64(len(ahead.data)), ahead)
	defer f.Close()
	late, come := make(chan call, 1), make(chan struct{})
	ahead.setHook(func(_ context.Context, r call, b io.Reader) (io.Reader, error) {
		if r.off <= 8*mib && 8*mib < r.off+r.n {
			late <- r
			<-come
		}
		return b, nil
	})
	at := 0
	for ; len(late) == 0; at += step {
		readRange(t, f, ahead, at, step)
		waitUntil(t, c, func() bool { return c.sched.running == len(late) })
	}
	for end := int((<-late).off) - mib; at < end; at += step { // the window is wide by then
		readRange(t, f, ahead, at, step)
	}
	waitUntil(t, c, func() bool { return c.sched.running == 1 })
	close(come)
	settled(t, c)
	ahead.take()
	g := c.File(ID{Store: "s", Bucket: "b", Key: "other", ETag: "e"}, int64(len(other.data)), other)
	defer g.Close()
	var wg sync.WaitGroup
	var asked atomic.Int32
	all := make(chan struct{})
	other.setHook(func(_ context.Context, _ call, b io.Reader) (io.Reader, error) {
		if asked.Add(1) == readers {
			close(all)
		}
		<-all // all of them have their memory at once
		return b, nil
	})
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(readers) {
		wg.Go(func() { readRange(t, g, other, 3*i*step, step) })
	}
	wg.Wait()
	settled(t, c)
	for end := at + 3*mib; at < end; at += step {
		readRange(t, f, ahead, at, step)
	}
	for _, call := range ahead.take() {
		if call.off < int64(at) {
			t.Errorf("%d bytes from %d were asked for again, before %d", call.n, call.off, at)
		}
	}
	checkMemory(t, c)
}

// checkMemory compares the count of bytes in memory with the blocks.
func checkMemory(t testing.TB, c *Cache) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	blocks, fetches := map[*block]bool{}, map[*fetch]bool{}
	for _, v := range c.versions {
		for _, b := range v.mem {
			if b.fetch == nil {
				blocks[b] = true
			} else if b.fetch.state == running {
				fetches[b.fetch] = true
			}
		}
	}
	for _, l := range []*blockList{&c.mem.read, &c.mem.unread} {
		for b := l.oldest; b != nil; b = b.next { // of dropped versions too
			if b.gone || b.pins > 0 || b.fetch != nil {
				t.Errorf("block %+v may be evicted", b)
			}
			blocks[b] = true
		}
	}
	var sum int64
	for b := range blocks {
		sum += int64(b.size)
	}
	for ft := range fetches {
		sum += ft.n
	}
	if sum != c.mem.used {
		t.Errorf("memory counted %d, found %d", c.mem.used, sum)
	}
}
