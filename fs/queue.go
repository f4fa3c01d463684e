package fs

import (
	minheap "container/heap"
	"errors"
	"syscall"
	"time"

	"allasfs/cache"
)

const (
	queueSmall   = 32                     // small files of the queue that are on their way at once
	queueLarge   = 6                      // others: each takes several of FS.parts
	smallFile    = 1 << 20                // bytes, at most
	queueAfter   = 200 * time.Millisecond // see Options.QueueAfter
	queueMost    = 25                     // times that: no file waits longer, however often it is written and closed
	queueRetry   = time.Second            // what failed waits so long, twice as long each time
	queueLongest = time.Minute            // and no longer than this
)

// queued is a file that is in the journal and has to get to the store without anybody waiting: one that was closed here (n), or one that an earlier
// mount left (d). Its fields are guarded by FS.mu.
type queued struct {
	n       *node
	d       *cache.Draft
	gen     uint64 // generation of the draft that was journalled
	size    int64  // bytes
	first   time.Time
	due     time.Time
	tries   int // that failed, one after the other
	at      int // in its heap; -1 = taken out to be sent
	large   bool
	running bool // a worker has it
	retry   bool // and it had failed before
	again   bool // it was closed again since the worker took it
}

// uploadQueue are the files that wait for their upload, the small ones apart from the large ones so that neither wait for the other.
type uploadQueue struct { // guarded by FS.mu
	small, large   dueHeap
	files          int // waiting or on their way
	bytes          int64
	smalls, larges int // on their way
	retries        int // of these, that failed before
	wake           chan struct{}
}

// dueHeap is ordered by the time at which a file is to be sent.
type dueHeap []*queued

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *dueHeap) Push(x any) {
	q := x.(*queued)
	q.at = len(*h)
	*h = append(*h, q)
}
func (h *dueHeap) Pop() any {
	old := *h
	q := old[len(old)-1]
	old[len(old)-1] = nil
	*h, q.at = old[:len(old)-1], -1
	return q
}

func (u *uploadQueue) heapOf(q *queued) *dueHeap {
	if q.large {
		return &u.large
	}
	return &u.small
}

// put lets q wait until due.
func (u *uploadQueue) put(q *queued, due time.Time) {
	q.due = due
	if q.at >= 0 {
		minheap.Fix(u.heapOf(q), q.at)
	} else {
		minheap.Push(u.heapOf(q), q)
	}
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// resize notes how large the file is now; only of one that does not wait.
func (u *uploadQueue) resize(q *queued, size int64) {
	u.bytes += size - q.size
	q.size, q.large = size, size > smallFile
}

// take takes out the next file that is due and may go, nil = none; next is when one may be, zero = when something happens.
func (u *uploadQueue) take(now time.Time) (q *queued, next time.Time) {
	for _, k := range []struct {
		h       *dueHeap
		running *int
		most    int
	}{{&u.small, &u.smalls, queueSmall}, {&u.large, &u.larges, queueLarge}} {
		if len(*k.h) == 0 || *k.running >= k.most {
			continue
		}
		if due := (*k.h)[0].due; due.After(now) {
			if next.IsZero() || due.Before(next) {
				next = due
			}
			continue
		}
		q = minheap.Pop(k.h).(*queued)
		q.running, q.again, q.retry = true, false, q.failed()
		if q.retry {
			u.retries++
		}
		*k.running++
		return q, time.Time{}
	}
	return nil, next
}

// gave notes that a worker is done with q.
func (u *uploadQueue) gave(q *queued) {
	q.running = false
	if q.retry {
		u.retries--
	}
	if q.large {
		u.larges--
	} else {
		u.smalls--
	}
}

// drop takes q out for good.
func (u *uploadQueue) drop(q *queued) {
	if q.at >= 0 {
		minheap.Remove(u.heapOf(q), q.at)
	}
	u.files--
	u.bytes -= q.size
}

// enqueue lets n's draft, which is in the journal as it was at gen, go out by and by; needs f.mu.
func (f *FS) enqueue(n *node, gen uint64, size int64) {
	now, u := time.Now(), &f.queue
	q := n.queued
	if q == nil {
		q = &queued{n: n, first: now, at: -1}
		n.queued = q
		u.files++
	}
	q.gen, q.tries = gen, 0
	if q.running {
		q.again = true
		return
	}
	if q.at >= 0 {
		minheap.Remove(u.heapOf(q), q.at)
	}
	u.resize(q, size)
	u.put(q, earlier(now.Add(f.o.QueueAfter), q.first.Add(queueMost*f.o.QueueAfter)))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// enqueueLeft lets a draft that an earlier mount left go out; needs f.mu.
func (f *FS) enqueueLeft(d *cache.Draft) {
	q := &queued{d: d, first: time.Now(), at: -1}
	f.queue.files++
	f.queue.resize(q, d.Size())
	f.queue.put(q, q.first)
}

// dequeue takes n out of the queue; needs f.mu.
func (f *FS) dequeue(n *node) {
	q := n.queued
	if q == nil {
		return
	}
	n.queued = nil
	f.queue.drop(q)
	f.roomCame()
}

// runQueue sends what is in the queue until the mount ends.
func (f *FS) runQueue() {
	defer f.wg.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		f.mu.Lock()
		q, next := f.queue.take(time.Now())
		if q != nil && !f.ended {
			f.wg.Go(func() { f.sendQueued(q) })
		}
		f.mu.Unlock()
		if q != nil {
			continue
		}
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case <-f.queue.wake:
		case <-timer.C:
		case <-f.ctx.Done():
			return
		}
	}
}

// sendQueued is one try to send a file of the queue. What failed is tried again for as long as the mount lives, but not what a person has to decide on.
func (f *FS) sendQueued(q *queued) {
	var err error
	open := false
	if q.n != nil {
		f.mu.Lock()
		open = q.n.writers > 0 && time.Since(q.first) < queueMost*f.o.QueueAfter
		f.mu.Unlock()
	}
	switch {
	case open: // its next close is near
	case q.n != nil:
		err = f.flush(f.ctx, q.n)
	default:
		err = f.resend(f.ctx, q.d, condition(q.d.Base()), false)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.roomCame() // or none is to be waited for any more
	f.queue.gave(q)
	if q.d != nil && errors.Is(err, syscall.ESTALE) {
		f.unseen[q.d.ID()] = struct{}{}
	}
	left := q.n != nil && q.n.queued == q && q.n.draft != nil
	if q.n == nil {
		state, _ := q.d.State()
		left = f.orphans.holds(q.d) && state == cache.StateClosed
	}
	switch {
	case f.ended || !left && q.n != nil && q.n.queued != q:
	case !left:
		if q.n != nil {
			f.dequeue(q.n)
			f.dropUnused(q.n)
		} else {
			f.queue.drop(q)
			f.roomCame()
		}
	default:
		f.again(q, err, open)
	}
	select {
	case f.queue.wake <- struct{}{}:
	default:
	}
}

// again puts a file back that could not be sent yet; needs f.mu.
func (f *FS) again(q *queued, err error, open bool) {
	size := q.size
	if q.n != nil {
		size = q.n.draft.Size()
	}
	wait := f.o.QueueAfter
	if (err != nil || q.d != nil) && !q.again { // or it waits for a file that is being changed
		wait = min(queueRetry<<min(q.tries, 10), queueLongest)
		q.tries++
	}
	if !open {
		q.first = time.Now()
	}
	f.queue.resize(q, size)
	f.queue.put(q, time.Now().Add(wait))
}

// queuedBelow tells whether a file below n is in the queue, which is unsent then; needs FS.mu.
func (n *node) queuedBelow() bool {
	for c := range n.unsents {
		if c.parent == n && (c.queued != nil || c.queuedBelow()) {
			return true
		}
	}
	return false
}
