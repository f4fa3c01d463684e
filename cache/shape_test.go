package cache

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wire is an object behind a network: each request is answered after delay, and its bytes come at rate. Time is that of synctest.
type wire struct {
	pattern
	delay time.Duration
	rate  int64 // bytes a second of one connection; 0 = at once
	total int64 // bytes a second of all of them; 0 = no limit

	flight sync.Mutex
	now    int
	most   int // requests side by side
}

func (w *wire) Get(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	b, err := w.pattern.Get(ctx, off, n)
	if err != nil {
		return nil, err
	}
	w.flight.Lock()
	w.now++
	w.most = max(w.most, w.now)
	w.flight.Unlock()
	select {
	case <-time.After(w.delay):
	case <-ctx.Done():
		w.leave()
		return nil, ctx.Err()
	}
	return &wireBody{w: w, ctx: ctx, r: b}, nil
}

func (w *wire) leave() {
	w.flight.Lock()
	w.now--
	w.flight.Unlock()
}

// speed is what one connection gets at the moment, in bytes a second.
func (w *wire) speed() int64 {
	w.flight.Lock()
	defer w.flight.Unlock()
	if w.total == 0 {
		return w.rate
	}
	return min(w.rate, w.total/int64(max(1, w.now)))
}

type wireBody struct {
	w   *wire
	ctx context.Context
	r   io.ReadCloser
}

func (b *wireBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p[:min(len(p), 64*kib)])
	if s := b.w.speed(); s > 0 && n > 0 {
		select {
		case <-time.After(time.Duration(float64(n) / float64(s) * float64(time.Second))):
		case <-b.ctx.Done():
			return 0, b.ctx.Err()
		}
	}
	return n, err
}

func (b *wireBody) Close() error {
	b.w.leave()
	return b.r.Close()
}

// onWire runs a test in synctest's time on a cache without a disk.
func onWire(t *testing.T, f func(t *testing.T, c *Cache)) {
	t.Helper()
	o := testOptions(t)
	o.Size, o.Whole = 0, 0
	synctest.Test(t, func(t *testing.T) { f(t, mustOpen(t, o)) })
}

// A program that looks at the header of a small file does not wait for all of it.
func TestHeaderOfASmallFile(t *testing.T) {
	onWire(t, func(t *testing.T, c *Cache) {
		s := &wire{pattern: pattern{size: mib}, delay: loopDelay}
		f := c.File(testID, s.size, s)
		defer f.Close()
		reads(t, f, 16*kib, 0)
		if n, bytes := s.count(); n != 1 || bytes != 128*kib {
			t.Errorf("%d requests for %d bytes", n, bytes)
		}
	})
}

// reads reads ranges of n bytes one after the other and compares them.
func reads(t *testing.T, f *File, n int64, offs ...int64) {
	t.Helper()
	p := make([]byte, n)
	for _, off := range offs {
		checkRead(t, f, off, p)
	}
}

// steps is from, from+step, … below end.
func steps(from, end, step int64) (offs []int64) {
	for ; from < end; from += step {
		offs = append(offs, from)
	}
	return offs
}

// What a gateway on loopback does, about.
const (
	loopDelay = 3 * time.Millisecond
	loopRate  = 300 << 20
)

func TestRequestsOfWholeFiles(t *testing.T) {
	for _, tt := range []struct{ size, step, requests int64 }{
		{4 * kib, 4 * kib, 1},
		{128 * kib, 128 * kib, 1},
		{128 * kib, 4 * kib, 1},
		{mib, 128 * kib, 1},
		{mib, mib, 1},
		{2 * mib, mib, 2},
		{4 * mib, mib, 2},
		{4 * mib, 128 * kib, 2},
		{16 * mib, mib, 8},
		{64 * mib, mib, 20},
		{64 * mib, 128 * kib, 20},
	} {
		t.Run(fmt.Sprintf("%dKiB by %dKiB", tt.size/kib, tt.step/kib), func(t *testing.T) {
			onWire(t, func(t *testing.T, c *Cache) {
				s := &wire{pattern: pattern{size: tt.size}, delay: loopDelay, rate: loopRate}
				f := c.File(testID, s.size, s)
				defer f.Close()
				reads(t, f, tt.step, steps(0, tt.size, tt.step)...)
				if n, bytes := s.count(); int64(n) > tt.requests || bytes != tt.size {
					t.Errorf("%d requests for %d bytes, want %d for %d: %v", n, bytes, tt.requests, tt.size, s.calls)
				}
			})
		})
	}
}

// Files that were read to their end, or closed, take nothing from the window of the next one.
func TestFilesOneAfterAnother(t *testing.T) {
	const files, size = 60, 4 * mib
	for _, tt := range []struct {
		name string
		read int64 // bytes of each, from its start
		keep bool  // open
		want int   // requests a file
	}{
		{"to the end, closed", size, false, 2},
		{"to the end, open", size, true, 2},
		{"half, closed", size / 2, false, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onWire(t, func(t *testing.T, c *Cache) {
				s := &wire{pattern: pattern{size: size}, delay: loopDelay, rate: loopRate}
				for i := range files {
					f := c.File(ID{Store: "s", Bucket: "b", Key: fmt.Sprint(i), ETag: "e"}, size, s)
					reads(t, f, 128*kib, steps(0, tt.read, 128*kib)...)
					if tt.keep {
						defer f.Close()
					} else {
						f.Close()
					}
				}
				if n, _ := s.count(); n > tt.want*files {
					t.Errorf("%d requests for %d files, want %d a file", n, files, tt.want)
				}
			})
		})
	}
}

func TestWindowFollowsTheNetwork(t *testing.T) {
	for _, tt := range []struct {
		name        string
		delay       time.Duration
		rate, total int64
		want        float64 // MiB/s
	}{
		{"loopback", loopDelay, loopRate, 500 << 20, 450},
		{"10ms", 10 * time.Millisecond, 60 << 20, 0, 1100},
		{"50ms", 50 * time.Millisecond, 60 << 20, 0, 750},
		{"slow line", 50 * time.Millisecond, 60 << 20, 100 << 20, 90},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onWire(t, func(t *testing.T, c *Cache) {
				s := &wire{pattern: pattern{size: 2 << 30}, delay: tt.delay, rate: tt.rate, total: tt.total}
				f := c.File(testID, s.size, s)
				defer f.Close()
				begin := time.Now()
				reads(t, f, mib, steps(0, s.size, mib)...)
				got := float64(s.size) / mib / time.Since(begin).Seconds()
				n, _ := s.count()
				if got < tt.want || n > 700 {
					t.Errorf("%d requests, %d side by side, %.0f MiB/s, want %.0f", n, s.most, got, tt.want)
				}
			})
		})
	}
}

// A reader that is slower than the network is not read ahead of by all the memory.
func TestSlowReaderHoldsLittle(t *testing.T) {
	onWire(t, func(t *testing.T, c *Cache) {
		s := &wire{pattern: pattern{size: 1 << 30}, delay: loopDelay, rate: loopRate}
		f := c.File(testID, s.size, s)
		defer f.Close()
		p := make([]byte, mib)
		for off := int64(0); off < 200*mib; off += mib {
			checkRead(t, f, off, p)
			time.Sleep(50 * time.Millisecond) // 20 MiB/s
			if _, asked := s.count(); asked-off > 17*mib {
				t.Fatalf("%d MiB asked for ahead of a slow reader", (asked-off)/mib)
			}
		}
	})
}

// One that slows down gives back what was read ahead of it while it was fast.
func TestReaderThatSlowsDownHoldsLittle(t *testing.T) {
	onWire(t, func(t *testing.T, c *Cache) {
		s := &wire{pattern: pattern{size: 1 << 30}, delay: loopDelay, rate: loopRate, total: 500 << 20}
		f := c.File(testID, s.size, s)
		defer f.Close()
		const fast, slow = 500 * mib, 900 * mib
		reads(t, f, mib, steps(0, fast, mib)...)
		if _, asked := s.count(); asked-fast < 64*mib {
			t.Fatalf("%d MiB asked for ahead of a fast reader", (asked-fast)/mib)
		}
		for off := int64(fast); off < slow; off += mib {
			reads(t, f, mib, off)
			time.Sleep(50 * time.Millisecond) // 20 MiB/s
		}
		if _, asked := s.count(); asked-slow > 17*mib {
			t.Errorf("%d MiB asked for ahead of a slow reader", (asked-slow)/mib)
		}
	})
}

// The delay between answer and answer is what a measured link is made of: one outlier changes little.
func TestLinkForgivesOutliers(t *testing.T) {
	var l link
	if l.long() != maxRequest {
		t.Errorf("unknown link: %d", l.long())
	}
	for range 50 {
		l.learn(10*time.Millisecond, mib, time.Second/60)
	}
	before := l.long()
	l.learn(time.Minute, mib, time.Microsecond)
	if got := l.long(); before != 6291456 || got > before*2 || got < before/2 {
		t.Errorf("long request %d, %d after an outlier", before, got)
	}
	for range 50 {
		l.learn(200*time.Millisecond, mib, time.Second/60) // our own requests queue up
	}
	if got := l.long(); got > before*2 {
		t.Errorf("long request %d, %d on a full line", before, got)
	}
}
