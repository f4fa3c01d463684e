package fs

import (
	"cmp"
	"context"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"allasfs/cache"
)

// direct is the draft of a new or emptied file of which the kernel writes the data file itself, past the daemon, as long as the file is open: no write is told of, and
// the file's time tells of them (cache.Draft.Touched). When the draft was sent it is parked: the node has no draft, as if there were none, and what
// is written to the file after that makes it the node's draft again.
type direct struct {
	f *FS
	n *node
	d *cache.Draft

	opened atomic.Int64 // when the file was opened last, in nanoseconds
	free   atomic.Bool  // programs were let at the file without being asked

	refs   int  // guarded by FS.mu: the kernel, and who waits for the end of mappings
	mapped bool // guarded by FS.mu: programs may write to the file by mappings, which its time need not tell
	dirty  bool // guarded by FS.mu: the file was written since its sending began, though its time may not tell
	parked bool // guarded by FS.mu: the store has what the file held when it was armed last
}

const (
	directLook = 30 * time.Millisecond // between two looks at the sizes of such files
	directRoom = 512 << 20             // see Options.DirectRoom: half of it is more than a disk takes in between two looks
	openGrace  = 20 * time.Millisecond // for which the kernel may take to open the file after it was told to
)

// BackingToWrite lends the data file of the draft of h's file, for the kernel to write in the daemon's place; nil when it may not, or not all that is written by h is seen: see Map. The draft has to be empty and open by h
// alone, for writing alone: a mapping could write to it without a word. A file that is lent already, because it is mapped, is lent again. The caller closes what it gets.
func (h *Handle) BackingToWrite(seen bool) *Backing {
	f, n := h.f, h.n
	if f.o.DirectFrom == 0 || f.o.ReadOnly {
		return nil
	}
	n.drafting.Lock()
	defer n.drafting.Unlock()
	f.mu.Lock()
	if w := n.direct; w != nil && w.refs > 0 {
		w.refs++
		f.mu.Unlock()
		return &Backing{f: f, n: n, w: w}
	}
	d := n.draft
	fits := seen && f.byDaemon == "" && d != nil && h.write && !h.read && n.handles == 1 && n.kind == kindFile && n.direct == nil && n.loan.Load() == nil && !n.unlinked && n.parent != nil && f.torn[n] == nil && !f.closed && n.expects(f.o.DirectFrom)
	f.mu.Unlock()
	if !fits || d.Size() != 0 {
		return nil
	}
	if left, err := d.Room(0); err != nil || left >= 0 && left < f.o.DirectRoom {
		return nil
	}
	w := &direct{f: f, n: n, d: d, refs: 1}
	w.opened.Store(time.Now().UnixNano())
	if err := d.Direct(w.ask); err != nil {
		f.noDirect(err)
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n.direct = w
	n.pages = ""
	f.watching[n] = struct{}{}
	if !f.looking {
		f.looking = true
		f.spawn(f.lookAtDirect)
	}
	return &Backing{f: f, n: n, w: w}
}

// tryDirect finds out, before the first file, whether files can be written past the daemon.
func (f *FS) tryDirect() {
	if f.o.ReadOnly || f.o.DirectFrom == 0 {
		return
	}
	switch {
	case f.o.WriteBack:
		f.byDaemon = "close(2) does not wait for the upload"
	case f.o.KernelWrites:
		f.byDaemon = "the kernel collects writes"
	default:
		f.noDirect(f.o.Cache.CanLend(f.o.DirectRoom))
	}
}

// noDirect notes that files cannot be written past the daemon here, if err says so.
func (f *FS) noDirect(err error) {
	why, never := errors.AsType[cache.NotLent](err)
	if err != nil && !never {
		f.log.Warn("write a file past the daemon", "err", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byDaemon = cmp.Or(f.byDaemon, string(why))
}

// DirectWrites tells whether the kernel is to write new files past the daemon (Options.DirectFrom), and in words why it may not, "" = it may.
func (f *FS) DirectWrites() (asked bool, off string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.o.DirectFrom != 0 && !f.o.ReadOnly, f.byDaemon
}

// takeUpDirect makes the file the node's draft again when it was written since it was sent.
func (f *FS) takeUpDirect(ctx context.Context, w *direct) error {
	f.mu.Lock()
	parked, kept, touched := w.parked, w.n.draft == w.d, w.isTouched()
	f.mu.Unlock()
	if kept || !touched {
		return nil
	}
	if !parked { // another client was first, and what is written is kept for `allasfs recover`
		return errStale{os.ErrNotExist}
	}
	if err := w.n.gate.Acquire(ctx, 1); err != nil {
		return err
	}
	defer w.n.gate.Release(1)
	_, err := f.draftOf(ctx, w.n)
	return err
}

// unpark makes the parked draft of n, if there is one, n's draft; n.drafting is held.
func (f *FS) unpark(n *node) (*cache.Draft, error) {
	f.mu.Lock()
	w, o := n.direct, n.obj
	none, stale := w == nil || !w.parked, n.stale
	f.mu.Unlock()
	if none {
		return nil, nil
	}
	err := w.d.Rebase(baseOf(o), ^uint64(0))
	if stale {
		err = errors.Join(err, w.d.SetState(cache.StateConflict, "another client changed or removed it before this was written"))
	}
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	w.parked = false
	if stale {
		f.orphans.add(w.d)
		return nil, syscall.ESTALE
	}
	n.setDraft(w.d)
	f.stayBehind(n)
	return w.d, nil
}

// arm is called before n's draft is sent: what is written from here on is found by isTouched.
func (f *FS) arm(n *node) error {
	f.mu.Lock()
	w := n.direct
	if w == nil || w.d != n.draft {
		f.mu.Unlock()
		return nil
	}
	d := w.d
	w.dirty = false
	if at, _, touched := d.Touched(); touched {
		n.at.mtime = at
	}
	base := baseOf(n.obj)
	f.mu.Unlock()
	if base.ETag != d.Base().ETag { // it was renamed while it was written
		if err := d.Rebase(base, ^uint64(0)); err != nil {
			return err
		}
	}
	return d.Arm()
}

// dated is called before a time is set: it holds, whatever was written before.
func (f *FS) dated(ctx context.Context, n *node) error {
	f.mu.Lock()
	w := n.direct
	f.mu.Unlock()
	if w == nil {
		return nil
	}
	if err := f.takeUpDirect(ctx, w); err != nil {
		return err
	}
	f.mu.Lock()
	parked := w.parked
	w.dirty = w.dirty || !parked
	f.mu.Unlock()
	if parked {
		return nil
	}
	return w.d.Arm()
}

// inFlux tells whether a file that was sent may be written at any moment, so that who waits until it is sent as it is might wait for ever; needs FS.mu.
func (n *node) inFlux() bool { return n.draft != nil && n.lentDraft(n.draft) && n.obj.exists }

// isTouched tells whether the file was written since it was armed; needs FS.mu.
func (w *direct) isTouched() bool {
	_, _, touched := w.d.Touched()
	return touched || w.dirty || w.mapped
}

// lentDraft tells whether the kernel writes the file of n's draft d; needs f.mu.
func (n *node) lentDraft(d *cache.Draft) bool { return n.direct != nil && n.direct.d == d }

// endDirect ends the lending with the last handle, and with the last mapping if programs may have made some. stray: programs may go on writing to the file.
func (f *FS) endDirect(w *direct, stray bool) {
	f.mu.Lock()
	w.refs--
	last, mapped := w.refs == 0, w.mapped
	f.mu.Unlock()
	if !last {
		return
	}
	if mapped && !stray && !w.d.Alone() {
		own, err := f.open(f.ctx, w.n, syscall.O_RDWR)
		if err == nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			w.refs++
			f.spawn(func() { f.awaitMappings(own, w) })
			return
		}
		stray = true
	}
	f.finishDirect(w, stray)
}

// awaitMappings ends the lending when no program maps the file any more, and own, by which it stays open until then: what came after the last close is sent.
func (f *FS) awaitMappings(own *Handle, w *direct) {
	for pause, stray := minWatch, false; ; pause = min(2*pause, maxWatch) {
		select {
		case <-f.ctx.Done():
			stray = true
		case <-time.After(pause):
		}
		alone := stray || w.d.Alone()
		f.mu.Lock()
		last := alone && w.refs == 1
		if last {
			w.refs = 0
		}
		f.mu.Unlock()
		if last || stray {
			f.finishDirect(w, stray)
			own.Release()
			return
		}
	}
}

// finishDirect takes the file back. What was written and not sent stays the node's draft; a file that was sent as it is goes to the cache.
func (f *FS) finishDirect(w *direct, stray bool) {
	n := w.n
	w.d.GiveBack(stray)
	if err := f.takeUpDirect(context.WithoutCancel(f.ctx), w); err != nil {
		f.record("take up what was written", f.Path(n.id), err)
	}
	n.drafting.Lock()
	defer n.drafting.Unlock()
	f.mu.Lock()
	if at, _, touched := w.d.Touched(); touched && n.draft == w.d {
		n.at.mtime = at
	}
	n.direct = nil
	delete(f.watching, n)
	parked, o := w.parked, n.obj
	here := n.parent != nil && !n.stale && o.exists
	var id cache.ID
	if here {
		id = f.cacheID(f.versionOf(n))
	}
	f.mu.Unlock()
	if !parked {
		return
	}
	err := os.ErrNotExist
	if here && o.size == w.d.Size() {
		err = w.d.Commit(id)
	}
	if err != nil {
		err = w.d.Discard()
	}
	if err != nil && !errors.Is(err, os.ErrClosed) {
		f.log.Warn("keep what was sent in the cache", "key", id.Key, "err", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.reader != nil {
		f.closeReader(n)
	}
}

// storedLent journals that the store has what n's draft d, which is lent, held when its sending began.
func (f *FS) storedLent(n *node, d *cache.Draft, now object) {
	err := d.Stored(baseOf(now))
	if err == nil {
		return
	}
	f.log.Error("journal of a draft", "key", d.Target().Key, "err", err)
	f.mu.Lock()
	defer f.mu.Unlock()
	n.direct.dirty = true
}

// Map is called before the kernel is told to open a file that it writes so that not each write is seen when it has ended: for reading and writing, since a program can map it then, and
// with O_DIRECT. From then on it counts as written, and is sent by each close.
func (b *Backing) Map() {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	b.w.mapped = true
}

// expects tells whether a file will have least bytes or more, by what it had, else by the last one that was stored in its directory, in both cases if that was not empty; true where nothing is known. It needs FS.mu.
func (n *node) expects(least int64) bool {
	size := n.parent.wrote
	if n.obj.exists && n.obj.size > 0 {
		size = n.obj.size
	}
	return size == 0 || size >= least
}
