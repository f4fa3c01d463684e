package mount

import (
	"log/slog"
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"

	"allasfs/fs"
)

// kernel is what the notifier talks to: *fuse.Server.
type kernel interface {
	EntryNotify(parent uint64, name string) fuse.Status
	InodeNotify(node uint64, off, length int64) fuse.Status
}

// news is one thing that the kernel must forget: the entry name of node, or, with no name, what it knows of node itself.
type news struct {
	node uint64
	name string
}

// notifier implements fs.Notifier by a queue, see the package's doc. News that waits is not queued twice, so the queue is no longer than what the
// kernel knows.
type notifier struct {
	log  *slog.Logger
	done chan struct{} // closed when the goroutine has ended; nil before start

	mu      sync.Mutex
	more    *sync.Cond
	queue   []news
	waiting map[news]struct{}
	closed  bool
}

var _ fs.Notifier = (*notifier)(nil)

func newNotifier(log *slog.Logger) *notifier {
	n := &notifier{log: log, waiting: make(map[news]struct{})}
	n.more = sync.NewCond(&n.mu)
	return n
}

// EntryChanged implements fs.Notifier; it does not wait.
func (n *notifier) EntryChanged(parent uint64, name string) { n.add(news{parent, name}) }

// ContentChanged implements fs.Notifier; it does not wait.
func (n *notifier) ContentChanged(id uint64) { n.add(news{node: id}) }

func (n *notifier) add(x news) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, twice := n.waiting[x]; twice || n.closed {
		return
	}
	n.waiting[x] = struct{}{}
	n.queue = append(n.queue, x)
	n.more.Signal()
}

// start tells k what is queued, until close.
func (n *notifier) start(k kernel) {
	n.done = make(chan struct{})
	go func() {
		defer close(n.done)
		for x, ok := n.next(); ok; x, ok = n.next() {
			n.tell(k, x)
		}
	}()
}

// next takes the oldest news, waiting for some; ok is false after close.
func (n *notifier) next() (x news, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.queue) == 0 && !n.closed {
		n.more.Wait()
	}
	if n.closed {
		return news{}, false
	}
	x, n.queue = n.queue[0], n.queue[1:]
	delete(n.waiting, x)
	return x, true
}

func (n *notifier) tell(k kernel, x news) {
	var st fuse.Status
	if x.name != "" {
		st = k.EntryNotify(x.node, x.name)
	} else {
		st = k.InodeNotify(x.node, 0, 0) // all pages and the attributes
	}
	// ENOENT: the kernel does not know it. The others come at the unmount.
	if !st.Ok() && st != fuse.ENOENT && st != fuse.ENODEV && st != fuse.EBADF {
		n.log.Warn("the kernel refused a notification", "node", x.node, "name", x.name, "status", st)
	}
}

// close drops what is queued and waits for the goroutine, if it was started.
func (n *notifier) close() {
	n.mu.Lock()
	n.closed = true
	n.more.Broadcast()
	n.mu.Unlock()
	if n.done != nil {
		<-n.done
	}
}
