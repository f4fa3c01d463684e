package fs

import (
	"context"
	"errors"
	"syscall"
	"time"

	"allasfs/cache"
)

// Guard is called before the kernel is told to open once more a file that it writes: programs ask before they get at it.
func (b *Backing) Guard() error {
	b.w.opened.Store(time.Now().UnixNano())
	return b.w.d.Guard()
}

// ask lets a program at the file, when there is room for what it writes and all bytes of the draft are in the file.
func (w *direct) ask(a cache.Access) syscall.Errno {
	f := w.f
	if !w.d.IsDirect() {
		if err := f.fillIn(f.ctx, w); err != nil {
			f.record("bring what was copied to the disk", f.Path(w.n.id), err)
			return syscall.EIO
		}
	}
	_, err := f.withRoom(f.ctx, func(func(error) bool) (int, error) {
		more := max(a.Off+a.Len-w.d.Size(), 0) // what is written over needs no room
		left, err := w.d.Room(more)
		if err != nil && a.Reads() {
			return 0, nil
		}
		if err == nil && (left < 0 || left-more > f.o.DirectRoom/2) && time.Since(time.Unix(0, w.opened.Load())) > openGrace {
			w.free.Store(true)
			err = w.d.Unguard()
		}
		return 0, err
	})
	switch {
	case err == nil:
		return 0
	case errors.Is(err, syscall.ENOSPC):
		return syscall.ENOSPC
	}
	return syscall.EIO
}

// fillIn makes the file the draft again, where it holds ranges of objects: before anybody gets at it.
func (f *FS) fillIn(ctx context.Context, w *direct) error {
	if err := w.n.gate.Acquire(ctx, 1); err != nil {
		return err
	}
	defer w.n.gate.Release(1)
	f.mu.Lock()
	parked := w.parked
	f.mu.Unlock()
	if parked {
		if _, err := f.draftOf(ctx, w.n); err != nil {
			return err
		}
	}
	if err := w.d.Settle(ctx); err != nil {
		return err
	}
	if err := f.withoutBase(ctx, w.d); err != nil {
		return err
	}
	return w.d.Redirect()
}

// lookAtDirect looks at the files that the kernel writes, until there is none: their full parts leave, and each write asks when room gets short.
func (f *FS) lookAtDirect() {
	tick := time.NewTicker(directLook)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			return
		}
		var all []*direct
		f.mu.Lock()
		for n := range f.watching {
			if n.direct != nil {
				all = append(all, n.direct)
			}
		}
		if len(all) == 0 {
			f.looking = false
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		for _, w := range all {
			f.lookAt(w)
		}
	}
}

func (f *FS) lookAt(w *direct) {
	if left, _ := w.d.Room(0); left >= 0 && left < f.o.DirectRoom/2 {
		if err := w.d.Guard(); err != nil {
			f.log.Error("watch the room for unsent data", "err", err)
		}
	}
	if w.d.Size() > singlePut && w.n.gate.TryAcquire(1) {
		f.wrote(w.n, w.d, maxSize, 0)
		w.n.gate.Release(1)
	}
}

// copiesPast tells whether ranges of src can be copied to n though the kernel writes one of them: to one that nobody got at yet, from one that holds what was sent.
func (f *FS) copiesPast(n, src *node) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := n.direct; w != nil && w.free.Load() {
		return false
	}
	w := src.direct
	return w == nil || w.parked && !w.isTouched()
}
