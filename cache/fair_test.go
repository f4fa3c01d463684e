package cache

import (
	"context"
	"fmt"
	"io"
	"sort"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// idOf is a version of the tests below.
func idOf(key string) ID { return ID{Store: "s", Bucket: "b", Key: key, ETag: "e"} }

// named records whose bytes are asked for, in order.
type named struct {
	*wire
	key   string
	order *[]string // guarded by mu
	mu    *sync.Mutex
}

func (n named) Get(ctx context.Context, off, size int64) (io.ReadCloser, error) {
	n.mu.Lock()
	*n.order = append(*n.order, n.key)
	n.mu.Unlock()
	return n.wire.Get(ctx, off, size)
}

// What is read ahead for several files takes turns among them, however much of one was asked for first, and leaves a quarter of the requests to readers.
func TestReadAheadTakesTurns(t *testing.T) {
	for _, tt := range []struct {
		parallel, ahead int
		want            string
	}{
		{parallel: 1, ahead: 1, want: "[a b a b a a a a]"},
		{parallel: 8, ahead: 6, want: "[a a a a b b demand a a]"},
	} {
		t.Run(fmt.Sprint(tt.parallel), func(t *testing.T) {
			o := testOptions(t)
			o.Size, o.Whole, o.Parallel = 0, -1, tt.parallel
			synctest.Test(t, func(t *testing.T) {
				c := mustOpen(t, o)
				var order []string
				var mu sync.Mutex
				open := func(key string) *File {
					w := &wire{pattern: pattern{size: 1 << 30}, delay: loopDelay}
					return c.File(idOf(key), w.size, named{w, key, &order, &mu})
				}
				a, b, d := open("a"), open("b"), open("demand")
				defer a.Close()
				defer b.Close()
				defer d.Close()
				blocks := c.request / c.o.BlockSize
				c.mu.Lock()
				a.download(0, 6*blocks, true, nil)
				b.download(0, 2*blocks, true, nil)
				c.dispatch()
				if c.sched.running != tt.ahead {
					t.Errorf("%d requests of read-ahead at once, want %d", c.sched.running, tt.ahead)
				}
				c.mu.Unlock()
				synctest.Wait()
				if tt.parallel > 1 {
					checkRead(t, d, 0, make([]byte, 4*kib))
				}
				settled(t, c)
				if got := startsOf(order, tt.ahead); got != tt.want {
					t.Errorf("asked for %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// startsOf is the order of requests. The first ones, so many, begin at once, in any order: they come sorted by what they are of.
func startsOf(order []string, atOnce int) string {
	sort.Strings(order[:min(atOnce, len(order))])
	return fmt.Sprint(order)
}

// onSmallWire is onWire with 32 MiB of memory.
func onSmallWire(t *testing.T, f func(t *testing.T, c *Cache)) {
	t.Helper()
	o := testOptions(t)
	o.Size, o.Whole, o.Memory = 0, -1, 32*mib
	synctest.Test(t, func(t *testing.T) { f(t, mustOpen(t, o)) })
}

// inOrder reads n bytes from off, a MiB at a time.
func inOrder(t *testing.T, f *File, off, n int64) {
	t.Helper()
	p := make([]byte, mib)
	for end := off + n; off < end; off += mib {
		if _, err := f.ReadAt(t.Context(), p, off); err != nil {
			t.Fatal(err)
		}
	}
}

// Of several sequences none keeps more of the memory than its share, the first one neither, which had all of it before.
func TestSequencesShareTheMemory(t *testing.T) {
	onSmallWire(t, func(t *testing.T, c *Cache) {
		s := &wire{pattern: pattern{size: 64 << 30}, delay: 50 * time.Millisecond, rate: 60 << 20}
		one, other := c.File(idOf("one"), s.size, s), c.File(idOf("other"), s.size, s)
		defer one.Close()
		defer other.Close()
		held := func() int64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			cur := one.v.cursors[0]
			return cur.ahead - cur.next
		}
		inOrder(t, one, 0, 100*mib)
		share := c.o.Memory / 8 * 7 / 2
		if held() <= share+c.request {
			t.Fatalf("alone it is read ahead of by %d MiB", held()/mib)
		}
		for i := range int64(20) {
			inOrder(t, other, i*mib, mib)
			inOrder(t, one, (100+i)*mib, mib)
		}
		if held() > share+c.request {
			t.Errorf("it is read ahead of by %d MiB, its share is %d", held()/mib, share/mib)
		}
	})
}

// A window that nobody reads shrinks when others need the memory, and grows again from there when its reader comes back.
func TestUnreadWindowShrinks(t *testing.T) {
	onSmallWire(t, func(t *testing.T, c *Cache) {
		s := &wire{pattern: pattern{size: 64 << 30}, delay: 50 * time.Millisecond, rate: 60 << 20}
		one := c.File(idOf("one"), s.size, s)
		defer one.Close()
		window := func() int64 {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.window(one.v.cursors[0], one.v)
		}
		inOrder(t, one, 0, 100*mib)
		wide := window()
		if wide < 16*mib {
			t.Fatalf("a window of %d MiB", wide/mib)
		}
		time.Sleep(2 * staleUnread)
		other := c.File(idOf("other"), s.size, s)
		defer other.Close()
		inOrder(t, other, 0, 100*mib)
		time.Sleep(2 * streamIdle) // the other's share is free again
		if narrow := window(); narrow > wide/2 {
			t.Errorf("a window of %d MiB after nobody read its %d MiB", narrow/mib, wide/mib)
		}
		inOrder(t, one, 100*mib, 150*mib)
		if again := window(); again < wide/2 {
			t.Errorf("a window of %d MiB after its reader came back, it was of %d", again/mib, wide/mib)
		}
	})
}
