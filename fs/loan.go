package fs

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"allasfs/cache"
)

// loan is a cache file that the kernel reads for a node, past the daemon. Who has the node open reads that file to the end, so what is written to the node
// meanwhile is written to it too: at the first write it leaves the cache for that. A program that has the node open for reading and writing maps the file
// itself, and nobody tells what it writes there: so from such an open on the loan is watched, and what changed in the file goes into the draft at each
// close and fsync by anybody, and every second, until nobody can write by a mapping any more.
type loan struct {
	refs int          // guarded by FS.mu: the kernel, and who watches
	of   *cache.Draft // guarded by FS.mu: what was written last; the file holds the same bytes while nobody maps it

	mu      sync.Mutex // orders what is written to the draft and the file; taken after node.gate, before node.drafting
	file    *cache.Backing
	watched atomic.Bool
}

// The watcher looks at a mapped file after minWatch, and later every maxWatch, or less often where a look takes more than that divided by watchShare.
const (
	minWatch   = 20 * time.Millisecond
	maxWatch   = time.Second
	watchShare = 20
)

// lend makes the loan of what r reads; nil when that is not to be had. node.drafting is held.
func (f *FS) lend(n *node, r *cache.File) *loan {
	file := r.Backing(!f.o.ReadOnly)
	if file == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &loan{refs: 1, file: file}
	n.loan.Store(l)
	return l
}

// endLoan gives the file back with the last of who lent it.
func (f *FS) endLoan(n *node, l *loan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n.drafting.Lock() // who opens the node meanwhile is lent the file when it is back
	defer n.drafting.Unlock()
	f.mu.Lock()
	l.refs--
	last := l.refs == 0
	if last {
		n.loan.Store(nil)
		if l.of != nil && f.loans[l.of] == l {
			delete(f.loans, l.of)
		}
	}
	f.mu.Unlock()
	if last {
		l.file.Close()
	}
}

// read fills p from off as Handle.ReadAt does.
func (l *loan) read(p []byte, off int64) (int, error) {
	n, err := l.file.ReadAt(p, off)
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// lentOf is the file that has to change with n's draft d, whose change begins (nil: by mappings); nil when there is none. It is locked, and the caller
// unlocks it.
func (f *FS) lentOf(n *node, d *cache.Draft) (*loan, error) {
	l := n.loan.Load()
	if l == nil {
		return nil, nil
	}
	l.mu.Lock()
	if n.loan.Load() != l { // it has ended, and beside a draft none begins
		l.mu.Unlock()
		return nil, nil
	}
	if err := l.file.Take(); err != nil {
		l.mu.Unlock()
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if d != nil && l.of != d {
		delete(f.loans, l.of)
		l.of, f.loans[d] = d, l
	}
	return l, nil
}

// baseFrom reads what d has of its base from the lent file that holds the same bytes, where there is one and nobody maps it, and else by base: the version's
// own bytes have left the cache with that file.
func (f *FS) baseFrom(d *cache.Draft, base readAt) (readAt, bool) {
	f.mu.Lock()
	l := f.loans[d]
	f.mu.Unlock()
	if l == nil || l.watched.Load() {
		return base, false
	}
	return func(ctx context.Context, p []byte, off int64) (int, error) {
		if !l.watched.Load() {
			if n, err := l.file.ReadAt(p, off); err == nil {
				return n, nil
			}
		}
		return base(ctx, p, off) // it was given back, or somebody maps it now
	}, true
}

// inBoth makes a change of n's draft d, and the same one of the file that the kernel reads in its place, if there is one. n's gate is held.
func (f *FS) inBoth(n *node, d *cache.Draft, change func() error, same func(*cache.Backing) error) error {
	l, err := f.lentOf(n, d)
	if err != nil {
		return err
	}
	if l == nil {
		return change()
	}
	defer l.mu.Unlock()
	if err := change(); err != nil {
		return err
	}
	return same(l.file)
}

// Watch is for a handle for reading and writing of a node that the kernel reads past the daemon: what its program writes by mappings is found from now on.
func (h *Handle) Watch(ctx context.Context) error {
	f, n := h.f, h.n
	l, err := f.lentOf(n, nil)
	if l == nil {
		return err
	}
	defer l.mu.Unlock()
	if l.watched.Load() {
		return nil
	}
	if err := l.file.Watch(); err != nil {
		return err
	}
	own, err := f.open(ctx, n, syscall.O_RDWR)
	if err != nil {
		return err
	}
	l.watched.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	n.inPlace = true
	l.refs++
	f.watching[n] = struct{}{}
	f.spawn(func() { f.watch(own, l) })
	return nil
}

// watch takes up what is written by mappings until there can be none, and ends own, by which the file stays open for writing until then: so what came after
// the last close is sent.
func (f *FS) watch(own *Handle, l *loan) {
	n := own.n
	for pause := minWatch; ; {
		select {
		case <-f.ctx.Done():
		case <-time.After(pause):
		}
		began := time.Now()
		if f.unwatched(own, l) {
			break
		}
		if err := f.takeUp(f.ctx, n); err != nil && f.ctx.Err() == nil {
			f.record("take up what was written by a mapping", f.Path(n.id), err)
		}
		pause = max(min(2*pause, maxWatch), watchShare*time.Since(began))
	}
	f.notifyContent(n.id) // pages that the kernel has of it may be older
	own.Release()
	f.endLoan(n, l)
}

// unwatched ends the watch when nobody can write by a mapping any more, or the mount ends. What was written by then has been taken up.
func (f *FS) unwatched(own *Handle, l *loan) bool {
	n := own.n
	ending := f.ctx.Err() != nil
	f.mu.Lock()
	others := n.writers > 1
	f.mu.Unlock()
	if !ending && others {
		return false
	}
	l.mu.Lock()
	free := !l.file.Writers()
	l.mu.Unlock()
	if !free && !ending {
		return false
	}
	if err := f.takeUp(context.WithoutCancel(f.ctx), n); err != nil {
		f.record("take up what was written by a mapping", f.Path(n.id), err)
		if ending { // nobody sends it any more
			f.lose(n, 0, maxSize, err)
		}
		return ending
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ending && l.file.Writers() { // since
		return false
	}
	l.watched.Store(false)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watching, n)
	return true
}

// takeUp brings what programs wrote past the daemon to a lent file into n's draft; nothing is to be done for a file that nobody watches.
func (f *FS) takeUp(ctx context.Context, n *node) error {
	f.mu.Lock()
	w := n.direct
	f.mu.Unlock()
	if w != nil {
		return f.takeUpDirect(ctx, w)
	}
	l := n.loan.Load()
	if l == nil {
		return nil
	}
	l.mu.Lock()
	idle := !l.watched.Load() || !l.file.Changed()
	l.mu.Unlock()
	if idle {
		return nil
	}
	_, err := f.withRoom(ctx, func(last func(error) bool) (int, error) { return 0, f.takeChanges(ctx, n, l, last) })
	return err
}

// takeChanges is one try of takeUp. What could not be taken is taken by the next one, while l lasts; the file is torn until then.
func (f *FS) takeChanges(ctx context.Context, n *node, l *loan, last func(error) bool) error {
	if err := n.gate.Acquire(ctx, 1); err != nil {
		return err
	}
	defer n.gate.Release(1)
	if err := f.leftOfNodeArrives(ctx, n); err != nil { // draftOf would wait for it with a lock
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Changes(ctx, func(off int64, p []byte) error {
		got := 0
		d, err := f.draftOf(ctx, n)
		if err == nil {
			got, err = d.WriteAt(p, off)
			f.wrote(n, d, off, int64(len(p)))
			f.touch(n)
			f.regain(n, off, int64(got))
		}
		if err != nil && last(err) {
			f.lose(n, off+int64(got), int64(len(p)-got), err)
		}
		return err
	})
}

// takeUpBelow is takeUp for every file at and below a path that is watched.
func (f *FS) takeUpBelow(ctx context.Context, path string) error {
	f.mu.Lock()
	var watched []*node
	for n := range f.watching {
		if isBelow(f.pathOf(n), path) {
			watched = append(watched, n)
		}
	}
	f.mu.Unlock()
	var errs []error
	for _, n := range watched {
		errs = append(errs, f.takeUp(ctx, n))
	}
	return errors.Join(errs...)
}

// isMapped tells whether programs may write to n by mappings that nobody tells of.
func (n *node) isMapped() bool {
	l := n.loan.Load()
	return l != nil && l.watched.Load()
}
