package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// gate lets a test hand out the bytes of a request piece by piece.
type gate struct {
	started chan call  // a request came
	give    chan int   // so many bytes may go
	ended   chan error // its context ended
}

func newGate(s *source) *gate {
	g := &gate{started: make(chan call, 100), give: make(chan int), ended: make(chan error, 100)}
	s.setHook(func(ctx context.Context, c call, body io.Reader) (io.Reader, error) {
		g.started <- c
		return &gateReader{g: g, ctx: ctx, r: body}, nil
	})
	return g
}

type gateReader struct {
	g    *gate
	ctx  context.Context
	r    io.Reader
	left int
}

func (r *gateReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		select {
		case r.left = <-r.g.give:
		case <-r.ctx.Done():
			r.g.ended <- r.ctx.Err()
			return 0, r.ctx.Err()
		}
	}
	n, err := r.r.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

// reading starts a read and returns where its end will be told.
func reading(ctx context.Context, f *File, p []byte, off int64) chan error {
	done := make(chan error, 1)
	go func() {
		_, err := f.ReadAt(ctx, p, off)
		done <- err
	}()
	return done
}

// waiting waits until n readers wait for downloads.
func waiting(t *testing.T, c *Cache, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		c.mu.Lock()
		m := 0
		for _, v := range c.versions {
			for ft := range v.fetches {
				m += len(ft.waiters)
			}
		}
		c.mu.Unlock()
		if m == n {
			return
		}
	}
	t.Fatalf("no %d readers that wait", n)
}

func TestReadReturnsWithItsOwnBytes(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(mib)
	g := newGate(s)
	f := c.File(testID, mib, s)
	defer f.Close()
	a, b := make([]byte, 4*kib), make([]byte, 8*kib)
	first := reading(t.Context(), f, a, 0)
	<-g.started
	second := reading(t.Context(), f, b, 60*kib) // joins, and waits for its own bytes only
	waiting(t, c, 2)
	g.give <- 4 * kib
	if err := <-first; err != nil || !bytes.Equal(a, s.data[:4*kib]) {
		t.Fatalf("first: %v", err)
	}
	select {
	case err := <-second:
		t.Fatalf("second came before its bytes: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	g.give <- 64 * kib
	if err := <-second; err != nil || !bytes.Equal(b, s.data[60*kib:68*kib]) {
		t.Fatalf("second: %v", err)
	}
	g.give <- mib // the rest of the block, which is kept
	settled(t, c)
	s.setHook(nil)
	readRange(t, f, s, 100*kib, 28*kib)
	wantCalls(t, s, call{0, 128 * kib})
}

func TestReadersShareADownload(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(mib)
	f := c.File(testID, mib, s)
	defer f.Close()
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			g := c.File(testID, mib, s)
			defer g.Close()
			p := make([]byte, mib)
			if _, err := g.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, s.data) {
				t.Errorf("read: %v", err)
			}
		})
	}
	wg.Wait()
	wantCalls(t, s, call{0, mib})
}

func TestRunsBetweenBlocksThatAreThere(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(mib)
	f := c.File(testID, mib, s)
	defer f.Close()
	readRange(t, f, s, 256*kib, 1)
	settled(t, c)
	s.take()
	readRange(t, f, s, 0, mib)
	wantCallSet(t, s, call{0, 256 * kib}, call{384 * kib, 640 * kib})
}

func wantCallSet(t *testing.T, s *source, want ...call) {
	t.Helper()
	got := s.take()
	seen := map[call]int{}
	for _, c := range got {
		seen[c]++
	}
	for _, c := range want {
		seen[c]--
	}
	for _, n := range seen {
		if n != 0 {
			t.Fatalf("requests: %v, want %v in any order", got, want)
		}
	}
}

func TestReaderThatLeaves(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(mib)
	g := newGate(s)
	f := c.File(testID, mib, s)
	defer f.Close()
	p, q := make([]byte, 4*kib), make([]byte, 4*kib)
	ctx, cancel := context.WithCancel(t.Context())
	leaves := reading(ctx, f, p, 0)
	<-g.started
	stays := reading(t.Context(), f, q, 64*kib) // not next to the other: that would be read ahead of
	waiting(t, c, 2)
	cancel()
	if err := <-leaves; !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled read: %v", err)
	}
	g.give <- mib
	if err := <-stays; err != nil || !bytes.Equal(q, s.data[64*kib:68*kib]) {
		t.Fatalf("the other: %v", err)
	}
	settled(t, c)
	wantCalls(t, s, call{0, 128 * kib})
}

func TestDownloadThatNobodyWantsEnds(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(4 * mib)
	g := newGate(s)
	f := c.File(testID, 4*mib, s)
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	one := reading(ctx, f, make([]byte, mib), 0)
	two := reading(ctx, f, make([]byte, mib), 0)
	<-g.started
	waiting(t, c, 2)
	cancel()
	<-one
	<-two
	select {
	case <-g.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the request goes on")
	}
	s.setHook(nil)
	s.take()
	readRange(t, f, s, 0, mib)
	wantCalls(t, s, call{0, mib})
}

func TestDownloadThatIsNearlyDoneGoesOn(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(mib)
	g := newGate(s)
	f := c.File(testID, mib, s)
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	r := reading(ctx, f, make([]byte, 128*kib), 0)
	<-g.started
	g.give <- 100 * kib
	waiting(t, c, 1)
	for done := false; !done; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		for ft := range f.v.fetches {
			done = ft.have == 100*kib
		}
		c.mu.Unlock()
	}
	cancel()
	<-r
	g.give <- mib
	settled(t, c)
	if f.Cached() != 128*kib {
		t.Errorf("cached %d: the block was lost", f.Cached())
	}
}

func TestCloseEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	c, err := Open(testOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(32 * mib)
	g := newGate(s)
	f := c.File(testID, 32*mib, s)
	var reads []chan error
	for i := range 30 { // more than may run at once
		reads = append(reads, reading(context.Background(), f, make([]byte, kib), int64(i)*mib))
	}
	<-g.started
	waiting(t, c, 30)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range reads {
		if err := <-r; !errors.Is(err, os.ErrClosed) && !errors.Is(err, context.Canceled) {
			t.Errorf("read of a closed cache: %v", err)
		}
	}
	if _, err := f.ReadAt(t.Context(), make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	f.Close()
	if s.open != 0 {
		t.Errorf("%d bodies left open", s.open)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestNeverMoreRequestsThanParallel(t *testing.T) {
	o := testOptions(t)
	o.Parallel = 4
	c := mustOpen(t, o)
	s := newSource(32 * mib)
	var mu sync.Mutex
	now, most := 0, 0
	s.setHook(func(_ context.Context, _ call, b io.Reader) (io.Reader, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		return b, nil
	})
	f := c.File(testID, 32*mib, s)
	defer f.Close()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 16 {
				readRange(t, f, s, (i*2*mib)+j*128*kib, 128*kib)
			}
		})
	}
	wg.Wait()
	if most > 4 || most < 2 {
		t.Errorf("%d requests at once, want at most 4", most)
	}
	if s.requested() != 32*mib {
		t.Errorf("%d bytes requested of %d", s.requested(), 32*mib)
	}
}

// A reader of a sequence that is gone takes its own request with it, and what was read ahead for it, though the file is still open; what somebody else waits
// for goes on.
func TestReaderOfASequenceThatLeaves(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("shared=%t", shared), func(t *testing.T) {
			c := mustOpen(t, testOptions(t))
			s := newSource(32 * mib)
			f := c.File(testID, int64(len(s.data)), s)
			defer f.Close()
			for off := 0; off < 2*mib; off += 128 * kib {
				readRange(t, f, s, off, 128*kib)
			}
			settled(t, c)
			g := newGate(s)
			at := int(f.Cached()) // the first byte that is missing: what came so far came in order
			for off := 2 * mib; off < at; off += 128 * kib {
				readRange(t, f, s, off, 128*kib)
			}
			ctx, cancel := context.WithCancel(t.Context())
			p := make([]byte, 128*kib)
			done := reading(ctx, f, p, int64(at))
			waiting(t, c, 1)
			var other chan error
			if shared {
				other = reading(t.Context(), f, make([]byte, 4*kib), int64(at))
				waiting(t, c, 2)
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Fatalf("read: %v", err)
			}
			s.setHook(nil)
			if shared {
				if err := giveUntil(g, other); err != nil {
					t.Errorf("the other reader: %v", err)
				}
			} else {
				for end := time.Now().Add(10 * time.Second); fetching(c) > 0; time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("%d requests go on", fetching(c))
					}
				}
			}
			again := reading(t.Context(), f, p, int64(at)) // who comes again gets all
			if err := giveUntil(g, again); err != nil || !bytes.Equal(p, s.data[at:at+len(p)]) {
				t.Errorf("the next reader: %v", err)
			}
			checkMemory(t, c)
		})
	}
}

// giveUntil lets every request have its bytes until a read ends.
func giveUntil(g *gate, done chan error) error {
	for {
		select {
		case g.give <- 64 * mib:
		case err := <-done:
			return err
		}
	}
}

// fetching is how many downloads are queued or under way.
func fetching(c *Cache) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, v := range c.versions {
		n += len(v.fetches)
	}
	return n
}
