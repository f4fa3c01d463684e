package cache

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"
)

// refusing is a store that asks for patience until a time, and a client that waits and tries again as the one of package s3 does.
type refusing struct {
	wire
	c     *Cache
	until time.Time

	mu    sync.Mutex
	tries int // in flight at the last refusal
}

func (s *refusing) Get(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	for time.Now().Before(s.until) {
		s.c.Busy()
		s.mu.Lock()
		s.tries = s.c.Stats().Requests
		s.mu.Unlock()
		time.Sleep(time.Second)
	}
	return s.wire.Get(ctx, off, n)
}

// A store that refuses for 10 s gets fewer requests; all its readers wait and get their bytes, and the requests come back.
func TestBusyStoreGetsFewerRequests(t *testing.T) {
	onWire(t, func(t *testing.T, c *Cache) {
		s := &refusing{wire: wire{pattern: pattern{size: 1 << 30}, delay: loopDelay, rate: 30 << 20}, c: c}
		f := c.File(testID, s.size, s)
		defer f.Close()
		if n := c.Stats().Budget; n != DefaultParallel {
			t.Fatalf("budget %d at first", n)
		}
		s.until = time.Now().Add(10 * time.Second)
		var wg sync.WaitGroup
		for i := range int64(40) {
			wg.Go(func() { reads(t, f, 128*kib, steps(i*20*mib, i*20*mib+mib, 128*kib)...) })
		}
		time.Sleep(9900 * time.Millisecond)
		if n := c.Stats().Budget; n > 2 {
			t.Errorf("budget %d while the store refuses", n)
		}
		wg.Wait()
		reads(t, f, mib, steps(800*mib, 1024*mib, mib)...)
		for i := range int64(300) {
			reads(t, f, 4*kib, (i*7919)%800*mib+300*kib)
		}
		if n := c.Stats().Budget; n != DefaultParallel {
			t.Errorf("budget %d in the end", n)
		}
	})
}

func TestBudget(t *testing.T) {
	b := budget{now: 24, most: 24}
	now := time.Unix(1e9, 0)
	for _, want := range []int{12, 6, 3, 1, 1} {
		b.lower(b.allowed(), now)
		b.lower(b.allowed(), now.Add(busyPause/2)) // of the same crowd
		if b.allowed() != want {
			t.Fatalf("%d requests, want %d", b.allowed(), want)
		}
		now = now.Add(busyPause)
	}
	successes := 0
	for ; b.allowed() < 24; successes++ {
		b.raise()
	}
	if successes < 24 || successes > 24*24 {
		t.Errorf("back after %d successes", successes)
	}
	b.raise()
	if b.lower(3, now); b.allowed() != 1 {
		t.Errorf("%d requests after a refusal of 3", b.allowed())
	}
}
