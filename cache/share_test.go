package cache

import (
	"context"
	"fmt"
	"io"
	"testing"
)

// A store that does not answer, asked by many readers, leaves requests and memory to the readers of the others, and several such do.
func TestStoreThatHangsLeavesRoom(t *testing.T) {
	o := testOptions(t)
	o.Memory = 16 * mib
	c := mustOpen(t, o)
	hold := make(chan struct{})
	for _, store := range []string{"hangs", "hangs too", "s"} {
		c.Serve(store)
	}
	var all []chan error
	for _, store := range []string{"hangs", "hangs too"} {
		for i := range 2 * DefaultParallel {
			s := newSource(2 * mib)
			s.setHook(func(_ context.Context, _ call, b io.Reader) (io.Reader, error) {
				<-hold
				return b, nil
			})
			id := ID{Store: store, Bucket: "b", Key: fmt.Sprint(i), ETag: "e"}
			f := c.File(id, 2*mib, s)
			defer f.Close()
			all = append(all, reading(t.Context(), f, make([]byte, mib), 0))
		}
	}
	waiting(t, c, len(all))
	s := newSource(mib)
	f := c.File(testID, mib, s)
	defer f.Close()
	readRange(t, f, s, 0, mib)
	readRange(t, f, s, 0, mib)
	close(hold)
	for _, done := range all {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	settled(t, c)
	if c.sched.running != 0 || c.sched.bytes != 0 {
		t.Errorf("%d requests and %d bytes are still counted", c.sched.running, c.sched.bytes)
	}
	for store, l := range c.sched.links {
		if l.running != 0 || l.bytes != 0 {
			t.Errorf("%s: %d requests and %d bytes are still counted", store, l.running, l.bytes)
		}
	}
}

// One store alone has all requests; of two, one that is alone in asking has three quarters.
func TestShareOfAStore(t *testing.T) {
	for _, tt := range []struct{ stores, want int }{{1, DefaultParallel}, {2, DefaultParallel - DefaultParallel/4}} {
		c := mustOpen(t, testOptions(t))
		for i := range tt.stores {
			c.Serve(fmt.Sprint(i))
		}
		hold := make(chan struct{})
		var all []chan error
		for i := range 2 * DefaultParallel {
			s := newSource(mib)
			s.setHook(func(_ context.Context, _ call, b io.Reader) (io.Reader, error) {
				<-hold
				return b, nil
			})
			f := c.File(ID{Store: "0", Bucket: "b", Key: fmt.Sprint(i), ETag: "e"}, mib, s)
			defer f.Close()
			all = append(all, reading(t.Context(), f, make([]byte, 10), 0))
		}
		waiting(t, c, len(all))
		if got := c.Stats().Requests; got != tt.want {
			t.Errorf("%d stores: %d requests at once, want %d", tt.stores, got, tt.want)
		}
		close(hold)
		for _, done := range all {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
}
