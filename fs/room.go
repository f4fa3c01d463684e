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

// roomComing tells whether drafts are on their way to the store, after which there is room for others, and returns what is closed when there may be some.
// The drafts of the file systems beside this one count, too.
func (f *FS) roomComing() (came <-chan struct{}, coming bool) {
	came, coming = f.ownRoomComing()
	for _, o := range f.o.Group.others(f) {
		if coming {
			break
		}
		came, coming = o.ownRoomComing()
	}
	return came, coming
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

func (f *FS) ownRoomComing() (came <-chan struct{}, coming bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	coming = f.sendings > 0 || f.closings > 0 || len(f.resends) > 0 || f.hopeful()
	return f.room, coming
}

// hopeful tells whether a file of the queue is about to be sent, and neither failed before nor waits for one that is being changed; needs f.mu.
func (f *FS) hopeful() bool {
	u := &f.queue
	if u.smalls+u.larges > 0 {
		return true
	}
	for _, h := range []dueHeap{u.small, u.large} {
		for _, q := range h {
			if !q.failed() && (q.d == nil || !f.isBehind(q.d)) {
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
	if d == nil {
		return false
	}
	_, why := d.State()
	return why != ""
}

// withRoom does a write again and again while it finds no room and uploads are about to make some; no gate is held while it waits. ENOSPC where waiting
// cannot help. The write is told by last whether an error that it ends in is tried again.
func (f *FS) withRoom(ctx context.Context, write func(last func(error) bool) (int, error)) (int, error) {
	for {
		came, coming := f.roomComing()
		last := func(err error) bool { return !coming || !errors.Is(err, cache.ErrDraftSpace) }
		n, err := write(last)
		if last(err) {
			return n, err
		}
		select {
		case <-came:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
