package fs

import (
	"sync"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// TestFetchAheadInParallel: files are fetched ahead side by side, not one after the other, and no more of them than the window once their reader has stopped.
func TestFetchAheadInParallel(t *testing.T) {
	const side, read, window = 4, 10, walkerMost / 2
	w := newWorld(t)
	names := w.tree("d", 200, "f%03d")
	for _, nm := range names[:read-1] {
		w.wantRead("d/" + nm)
	}
	w.settled()
	w.f.mu.Lock()
	for _, n := range w.f.nodes {
		for _, walker := range n.walkers.list {
			walker.want = window // as it becomes where files come slowly
		}
	}
	w.f.mu.Unlock()
	var mu sync.Mutex
	held, all := 0, make(chan struct{})
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op != "GetObject" {
			return nil
		}
		mu.Lock()
		if held++; held == side {
			close(all)
		}
		mu.Unlock()
		<-all // none is answered before so many are asked for
		return nil
	})
	w.wantRead("d/" + names[read-1]) // which is there
	select {
	case <-all:
	case <-time.After(10 * time.Second):
		mu.Lock()
		t.Errorf("%d files asked for side by side, want %d", held, side)
		close(all)
		mu.Unlock()
		return
	}
	w.settled()
	if n := w.srv.Count("GetObject"); n > read+window+1 { // a hit may make it one larger
		t.Errorf("%d files fetched for %d that were read, with a window of %d", n, read, window)
	}
	w.f.mu.Lock()
	ready := len(w.f.ahead.files)
	w.f.mu.Unlock()
	if ready == 0 {
		t.Error("nothing is ready for a reader that goes on")
	}
}

// TestOrderThatEndsDropsItsFiles: what was fetched ahead for an order is given up when the order does not hold, and on its way ends.
func TestOrderThatEndsDropsItsFiles(t *testing.T) {
	w := newWorld(t)
	names := w.tree("d", 200, "f%03d")
	ahead := func() int {
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		return len(w.f.ahead.files)
	}
	for _, nm := range names[:walkerRing+1] {
		w.wantRead("d/" + nm)
	}
	if ahead() == 0 {
		t.Fatal("nothing is fetched ahead of an order")
	}
	w.wantRead("d/" + names[walkerRing+walkerNear/2])
	if n := ahead(); n != 0 {
		t.Errorf("%d files are kept for an order that has ended", n)
	}
}
