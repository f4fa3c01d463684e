package mount

import (
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// listener is a kernel that answers when it is let.
type listener struct {
	let chan struct{}

	mu   sync.Mutex
	told []news
}

func (l *listener) tell(x news) fuse.Status {
	<-l.let
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, x)
	return fuse.ENOENT
}

func (l *listener) EntryNotify(parent uint64, name string) fuse.Status {
	return l.tell(news{parent, name})
}

func (l *listener) InodeNotify(node uint64, _, _ int64) fuse.Status { return l.tell(news{node: node}) }

func TestNotifierNeitherWaitsNorRepeats(t *testing.T) {
	l := &listener{let: make(chan struct{})}
	n := newNotifier(slog.New(slog.DiscardHandler))
	n.start(l)
	n.EntryChanged(1, "first") // taken by the goroutine, sooner or later, which then waits
	l.let <- struct{}{}
	for range 3 {
		n.EntryChanged(1, "a")
		n.ContentChanged(7)
		n.EntryChanged(2, "a")
	}
	for range 3 {
		l.let <- struct{}{}
	}
	n.EntryChanged(1, "a") // news again after it was told
	l.let <- struct{}{}
	close(l.let)
	n.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := slices.Compact(l.told)
	want := []news{{1, "first"}, {1, "a"}, {7, ""}, {2, "a"}}
	if len(seen) < len(want) || !slices.Equal(seen[:len(want)], want) {
		t.Errorf("told %v, want %v first", seen, want)
	}
	if len(l.told) > 9 {
		t.Errorf("told %d times: %v", len(l.told), l.told)
	}
}

func TestNotifierCloseDropsTheQueue(t *testing.T) {
	n := newNotifier(slog.New(slog.DiscardHandler))
	n.EntryChanged(1, "a")
	n.close() // never started
	n.ContentChanged(5)
	if len(n.queue) > 1 {
		t.Errorf("queue %v after close", n.queue)
	}
}
