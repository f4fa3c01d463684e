package fs

import (
	"context"
	"errors"

	"allasfs/cache"
)

// roomCame wakes those who wait for room among the drafts: one of them was sent, failed or went. Needs f.mu.
func (f *FS) roomCame() {
	close(f.room)
	f.room = make(chan struct{})
}

// outlook is what there is to hope for by who finds no room among the drafts.
type outlook struct {
	came   <-chan struct{} // closed when there may be room
	first  bool            // drafts are on their way, or about to be, that did not fail before
	again  bool            // drafts are on their way that did
	vainly uint64          // sendings that failed, since the mount began
}

// roomComing is what there is to hope for. The drafts of the file systems beside this one count, too: came is of one that has some on their way.
func (f *FS) roomComing() outlook {
	all := f.ownRoomComing()
	for _, o := range f.o.Group.others(f) {
		more := o.ownRoomComing()
		if !all.first && (more.first || !all.again) {
			all.came = more.came
		}
		all.first, all.again, all.vainly = all.first || more.first, all.again || more.again, all.vainly+more.vainly
	}
	return all
}

// closing counts a file that is on its way to the queue of uploads until done is called.
func (f *FS) closing() (done func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closings++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.closings--
		f.roomCame()
	}
}

func (f *FS) ownRoomComing() outlook {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := outlook{came: f.room, first: f.closings > 0 || f.hopeful(), again: f.queue.retries > 0, vainly: f.vainly}
	for op := range f.sendings {
		o.first, o.again = o.first || !op.again, o.again || op.again
	}
	for _, op := range f.resends {
		o.first, o.again = o.first || !op.again, o.again || op.again
	}
	return o
}

// hopeful tells whether a file of the queue is about to be sent, and neither failed before nor waits for one that is being changed; needs f.mu.
func (f *FS) hopeful() bool {
	u := &f.queue
	if u.smalls+u.larges > u.retries {
		return true
	}
	for _, h := range []dueHeap{u.small, u.large} {
		for _, q := range h {
			sending := q.n != nil && q.n.sending != nil // then it counts among FS.sendings
			if !sending && !q.failed() && (q.d == nil || !f.isBehind(q.d)) {
				return true
			}
		}
	}
	return false
}

// failed tells whether the last try to send q was in vain.
func (q *queued) failed() bool {
	d := q.d
	if q.n != nil {
		d = q.n.draft
	}
	return d != nil && failedBefore(d)
}

// failedBefore tells whether the last try to send d was in vain, or it is kept from being sent.
func failedBefore(d *cache.Draft) bool {
	_, why := d.State()
	return why != ""
}

// sendingEnded notes that a sending is over; needs f.mu.
func (f *FS) sendingEnded(err error) {
	if err != nil {
		f.vainly++
	}
	f.roomCame()
}

// withRoom does a write again and again while it finds no room and uploads are about to make some; no gate is held while it waits. ENOSPC where waiting
// cannot help: what failed before, and is tried once more, is waited for until one such try fails. The write is told by last whether an error that it ends in is tried again.
func (f *FS) withRoom(ctx context.Context, write func(last func(error) bool) (int, error)) (int, error) {
	begun := f.roomComing().vainly
	for {
		o := f.roomComing()
		coming := o.first || o.again && o.vainly == begun
		last := func(err error) bool { return !coming || !errors.Is(err, cache.ErrDraftSpace) }
		n, err := write(last)
		if last(err) {
			return n, err
		}
		select {
		case <-o.came:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
