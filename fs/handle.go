package fs

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"syscall"
	"time"

	"allasfs/cache"
	"allasfs/s3"
)

// source binds a version to the store, for the cache.
type source struct {
	store *s3.Client
	v     s3.Version
}

// Get implements cache.Source.
func (s source) Get(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	return s.store.Get(ctx, s.v, off, n)
}

// ReadAt fills p from off and returns less only at the end of the file; 0, nil at and past it. syscall.ESTALE when another client replaced the
// version that was opened.
func (h *Handle) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if !h.read {
		return 0, syscall.EBADF
	}
	h.used()
	if err := h.timedOut.again(off); err != nil {
		return 0, err
	}
	n, err := h.f.read(ctx, h.n, p, off)
	h.timedOut.note(off, err)
	return n, err
}

// read serves local changes first, then the version in the store. What it reads from may be replaced under it by an upload that ends or a
// rename: then it reads again from what is there now.
func (f *FS) read(ctx context.Context, n *node, p []byte, off int64) (int, error) {
	if l := n.loan.Load(); l != nil {
		if got, err := l.read(p, off); !errors.Is(err, os.ErrClosed) {
			return got, err
		}
	}
	waited := false
	for {
		f.mu.Lock()
		d, r := n.draft, f.readerOf(n)
		if d == nil {
			f.asked(n, off, int64(len(p)))
		}
		f.mu.Unlock()
		got, err := readFrom(ctx, d, r, p, off)
		if err == nil || err == io.EOF { // itself: the EOF of a lost connection is wrapped, and is no end of file
			return got, nil
		}
		f.mu.Lock()
		same := n.draft == d && (n.reader == r || r == nil)
		f.mu.Unlock()
		if !same {
			continue
		}
		if d != nil && errors.Is(err, os.ErrClosed) || !waited && (errors.Is(err, s3.ErrChanged) || isNotExist(err)) {
			// an upload or a rename of ours may be about to replace the draft or the version: it says so before it gives the gate back
			if err := n.gate.Acquire(ctx, 1); err != nil {
				return 0, err
			}
			n.gate.Release(1)
			waited = true
			continue
		}
		return 0, f.readFailed(n, err)
	}
}

func readFrom(ctx context.Context, d *cache.Draft, r *cache.File, p []byte, off int64) (int, error) {
	switch {
	case d != nil && r != nil:
		return d.ReadAt(ctx, p, off, r.ReadAt)
	case d != nil:
		return d.ReadAt(ctx, p, off, noBase)
	case r != nil:
		return r.ReadAt(ctx, p, off)
	}
	return 0, nil // nothing is stored yet, or an empty object
}

func noBase(context.Context, []byte, int64) (int, error) { return 0, syscall.EIO }

// readerOf opens the cache's file of n's version when it is first read; needs f.mu. nil when nothing is in the store.
func (f *FS) readerOf(n *node) *cache.File {
	if n.reader == nil && n.obj.exists && n.obj.size > 0 {
		v := f.versionOf(n)
		id := f.cacheID(v)
		n.reader = f.o.Cache.File(id, v.Size, source{f.o.Store, v})
		if n.parent != nil && mayBeWhole(v.Size) && f.readWhole(n.parent) {
			n.reader.ExpectWhole()
		}
		f.visited(n, f.aheadOf(id))
	}
	return n.reader
}

// readFailed turns the store's word that the version is gone into ESTALE, and lets the next open see the new one.
func (f *FS) readFailed(n *node, err error) error {
	if !errors.Is(err, s3.ErrChanged) && !isNotExist(err) {
		return f.record("read", f.Path(n.id), err)
	}
	f.mu.Lock()
	var pid uint64
	nm := n.name
	if n.parent != nil && n.draft == nil {
		pid = n.parent.id
		f.disbelieve(n)
		f.leave(n)
	}
	f.mu.Unlock()
	if pid != 0 {
		f.notifyEntry(pid, nm)
	}
	return errStale{err}
}

// errStale is ESTALE with its reason.
type errStale struct{ err error }

func (e errStale) Error() string {
	return "another client changed or removed it meanwhile: " + e.err.Error()
}
func (e errStale) Unwrap() []error { return []error{syscall.ESTALE, e.err} }

// WriteAt writes to the local draft; nothing goes to the store before Flush. With O_APPEND off is ignored. It waits while the file is being sent, and
// for room among the drafts while others are; ENOSPC when none is to come.
func (h *Handle) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	return h.f.withRoom(ctx, func(func(error) bool) (int, error) { return h.writeAt(ctx, p, off) })
}

// WritePages is WriteAt for what a program was told is written already: pages of a mapping, or of writes that the kernel collects. They may come by any
// handle that may write, and go where they say, with O_APPEND too. What cannot be kept of them is lost: then the file is torn, and is not sent.
func (h *Handle) WritePages(ctx context.Context, p []byte, off int64) (int, error) {
	n, err := h.f.withRoom(ctx, func(last func(error) bool) (int, error) { return h.writePages(ctx, p, off, last) })
	if err != nil && ctx.Err() != nil { // the mount ends, and who waited for room or the gate holds no gate
		h.f.lose(h.n, off+int64(n), int64(len(p)-n), err)
	}
	return n, err
}

// writePages is one try of it; last tells whether an error is the end of it.
func (h *Handle) writePages(ctx context.Context, p []byte, off int64, last func(error) bool) (got int, err error) {
	f, n := h.f, h.n
	h.used()
	if err := n.gate.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer n.gate.Release(1)
	d, err := f.draftOf(ctx, n)
	if err == nil {
		got, err = f.put(n, d, p, off)
	}
	if err != nil && last(err) {
		f.lose(n, off+int64(got), int64(len(p)-got), err)
	}
	return got, err
}

func (h *Handle) writeAt(ctx context.Context, p []byte, off int64) (int, error) {
	f, n := h.f, h.n
	if !h.write {
		return 0, syscall.EBADF
	}
	if off < 0 {
		return 0, syscall.EINVAL
	}
	h.used()
	d, done, err := f.edit(ctx, n)
	if err != nil {
		return 0, err
	}
	defer done()
	if h.append {
		n.appending.Lock()
		defer n.appending.Unlock()
		off = d.Size()
	}
	f.mtimeMoves(n)
	return f.put(n, d, p, off)
}

// put writes p to n's draft d at off; n's gate is held.
func (f *FS) put(n *node, d *cache.Draft, p []byte, off int64) (int, error) {
	if off+int64(len(p)) > maxSize {
		return 0, syscall.EFBIG
	}
	l, err := f.lentOf(n, d)
	if err != nil {
		return 0, err
	}
	got, err := d.WriteAt(p, off)
	if l != nil {
		err = cmp.Or(err, l.file.WriteAt(p[:got], off))
		l.mu.Unlock()
	}
	f.wrote(n, d, off, int64(len(p)))
	f.touch(n)
	f.regain(n, off, int64(got))
	return got, err
}

// edit returns n's draft, made if there is none, for changes until done is called; sending waits for that.
func (f *FS) edit(ctx context.Context, n *node) (d *cache.Draft, done func(), err error) {
	if err := f.writable(); err != nil {
		return nil, nil, err
	}
	if err := n.gate.Acquire(ctx, 1); err != nil {
		return nil, nil, err
	}
	d, err = f.draftOf(ctx, n)
	if err != nil {
		n.gate.Release(1)
		return nil, nil, err
	}
	return d, func() { n.gate.Release(1) }, nil
}

// draftOf returns n's draft, or makes one that is the whole of the present version. Nothing is downloaded. What an earlier mount left for n's key and is on its way
// is waited for: that is another version then (ESTALE).
func (f *FS) draftOf(ctx context.Context, n *node) (*cache.Draft, error) {
	for {
		d, first, err := f.makeDraft(n)
		if first == nil {
			return d, err
		}
		if err := first.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// makeDraft is draftOf that does not wait; first is what has to be waited for.
func (f *FS) makeDraft(n *node) (d *cache.Draft, first *sendOp, err error) {
	n.drafting.Lock()
	defer n.drafting.Unlock()
	if d, err := f.unpark(n); d != nil || err != nil {
		return d, nil, err
	}
	f.mu.Lock()
	d, stale, o, at := n.draft, n.stale, n.obj, n.at
	if d != nil || stale { // each write comes here
		f.mu.Unlock()
		if d == nil {
			err = syscall.ESTALE
		}
		return d, nil, err
	}
	var v s3.Version
	if o.exists {
		v = f.versionOf(n)
	} else if n.parent != nil {
		v.Bucket, v.Key = f.keyOf(n)
	}
	older := f.orphans.of(v.Bucket, v.Key)
	first = f.goingTo(v.Bucket, v.Key)
	f.mu.Unlock()
	if first != nil {
		return nil, first, nil
	}
	d, err = f.o.Cache.NewDraft(cache.Target{Store: f.o.Name, Bucket: v.Bucket, Key: v.Key}, baseOf(o), o.size,
		cache.Attrs{ContentType: at.contentType, Meta: at.encode()})
	if err != nil {
		return nil, nil, err
	}
	f.inherit(f.ctx, d, older, true)
	f.mu.Lock()
	torn := f.torn[n]
	stale, first = n.stale, f.goingTo(v.Bucket, v.Key)
	if !stale && first == nil {
		n.setDraft(d)
		f.stayBehind(n)
	}
	f.mu.Unlock()
	switch {
	case stale:
		return nil, nil, errors.Join(syscall.ESTALE, d.Discard())
	case first != nil:
		return nil, first, d.Discard()
	}
	if torn != nil {
		f.journalTear(torn, d)
	}
	return d, nil, nil
}

func baseOf(o object) cache.Base {
	if !o.exists {
		return cache.Base{}
	}
	return cache.Base{ETag: o.etag, Size: o.size, Modified: o.modified, Large: o.large}
}

// touch notes that n's bytes changed now.
func (f *FS) touch(n *node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n.at.mtime = time.Now()
}

// Flush is close(2): it returns when the object is in the store (with Options.WriteBack: when it is safe on the local disk), or with the reason why not.
// A second call has nothing to do.
func (h *Handle) Flush(ctx context.Context) error {
	h.used()
	if !h.sends {
		return nil
	}
	if err := h.f.takeUp(ctx, h.n); err != nil {
		return err
	}
	return h.f.closeFile(ctx, h.n)
}

// Fsync returns when bytes and attributes are in the store.
func (h *Handle) Fsync(ctx context.Context) error {
	if err := h.f.takeUp(ctx, h.n); err != nil {
		return err
	}
	if err := h.f.flush(ctx, h.n); err != nil {
		return err
	}
	return h.f.sendAttrs(ctx, h.n)
}

// truncate sets the size of a file's draft.
func (f *FS) truncate(ctx context.Context, n *node, size int64) error {
	if size < 0 {
		return syscall.EINVAL
	}
	if size > maxSize {
		return syscall.EFBIG
	}
	d, done, err := f.edit(ctx, n)
	if err != nil {
		return err
	}
	defer done()
	err = f.inBoth(n, d, func() error { return d.Truncate(size) }, func(b *cache.Backing) error { return b.Truncate(size) })
	f.wrote(n, d, size, maxSize-size)
	f.touch(n)
	if err == nil {
		f.regain(n, size, math.MaxInt64-size)
	}
	return err
}

// fallocate(2) modes.
const (
	keepSize  = 1
	punchHole = 2
	zeroRange = 16
)

// Allocate is fallocate(2): plain, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE; EOPNOTSUPP for other modes.
func (h *Handle) Allocate(ctx context.Context, off, n int64, mode uint32) error {
	if !h.write {
		return syscall.EBADF
	}
	if off < 0 || n <= 0 {
		return syscall.EINVAL
	}
	if mode&^(keepSize|punchHole|zeroRange) != 0 || mode == punchHole {
		return syscall.EOPNOTSUPP
	}
	if mode&keepSize == 0 && off+n > maxSize {
		return syscall.EFBIG
	}
	if mode == keepSize {
		return nil // nothing to reserve
	}
	d, done, err := h.f.edit(ctx, h.n)
	if err != nil {
		return err
	}
	defer done()
	h.f.touch(h.n)
	size := d.Size()
	if mode&(punchHole|zeroRange) != 0 && off < size {
		punched := min(n, size-off)
		err := h.f.inBoth(h.n, d, func() error { return d.Punch(off, punched) }, func(b *cache.Backing) error { return b.Punch(off, punched) })
		h.f.wrote(h.n, d, off, n)
		if err != nil {
			return err
		}
		h.f.regain(h.n, off, punched)
	}
	if mode&keepSize == 0 && off+n > size {
		return h.f.inBoth(h.n, d, func() error { return d.Allocate(size, off+n-size) }, func(b *cache.Backing) error { return b.Truncate(off + n) })
	}
	return nil
}

// Seek is lseek(2) with SEEK_DATA and SEEK_HOLE; ENXIO past the end. Holes are ranges known to be zeros.
func (h *Handle) Seek(ctx context.Context, off int64, whence int) (int64, error) {
	const seekData, seekHole = 3, 4
	if err := h.f.takeUp(ctx, h.n); err != nil {
		return 0, err
	}
	h.f.mu.Lock()
	d, size := h.n.draft, h.n.obj.size
	h.f.mu.Unlock()
	pieces := []cache.Piece{{Len: size, Kind: cache.FromBase}}
	if d != nil {
		pieces, size = d.Pieces(), d.Size()
	}
	if off < 0 || off >= size {
		return 0, syscall.ENXIO
	}
	if whence != seekData && whence != seekHole {
		return 0, syscall.EINVAL
	}
	for _, p := range pieces {
		if p.Off+p.Len > off && (p.Kind == cache.Zero) == (whence == seekHole) {
			return max(off, p.Off), nil
		}
	}
	if whence == seekHole {
		return size, nil
	}
	return 0, syscall.ENXIO
}
