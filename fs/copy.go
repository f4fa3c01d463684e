package fs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"

	"allasfs/cache"
	"allasfs/s3"
)

// errOrigin tells that the store cannot copy an object any more that a draft is a copy of: the bytes have to come from the cache.
var errOrigin = errors.New("what was copied is not in the store any more")

// CopyFrom is copy_file_range(2): n bytes of src from srcOff become those of h from off on, without being read, and the number of them comes back: less
// than n only at the end of src. syscall.EOPNOTSUPP, after which reading and writing has to do it, for a source that has changes of its own, is the same
// file, a Swift large object, or a second one in a file that holds ranges of another already.
func (h *Handle) CopyFrom(ctx context.Context, src *Handle, srcOff, off, n int64) (int64, error) {
	switch {
	case !h.write || h.append || !src.read:
		return 0, syscall.EBADF
	case srcOff < 0 || off < 0 || n < 0:
		return 0, syscall.EINVAL
	case h.n == src.n:
		return 0, syscall.EOPNOTSUPP
	}
	h.used()
	src.used()
	f := h.f
	d, done, err := f.edit(ctx, h.n)
	if err != nil {
		return 0, err
	}
	defer done()
	if h.n.loan.Load() != nil || src.n.isMapped() || !f.copiesPast(h.n, src.n) { // bytes have to be written that the kernel reads past us, or may be there that we do not know
		return 0, syscall.EOPNOTSUPP
	}
	// Not waited for: who holds these whole may wait for the gate that we have.
	if !f.tree.TryAcquire(1) {
		return 0, syscall.EOPNOTSUPP
	}
	defer f.tree.Release(1)
	if !src.n.gate.TryAcquire(1) {
		return 0, syscall.EOPNOTSUPP
	}
	defer src.n.gate.Release(1)
	v, ok := f.copyable(src.n)
	if !ok {
		return 0, syscall.EOPNOTSUPP
	}
	return f.copyRange(h.n, d, v, srcOff, off, min(n, v.Size-srcOff))
}

// copyable is the version that is all of a file; false when there is none that the store can copy as it is.
func (f *FS) copyable(n *node) (s3.Version, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.draft != nil || n.unlinked || n.stale || n.parent == nil || !n.obj.exists || n.obj.large || n.obj.etag == "" {
		return s3.Version{}, false
	}
	return f.versionOf(n), true
}

// copyRange notes the range in n's draft; n's gate and the source's are held.
func (f *FS) copyRange(n *node, d *cache.Draft, v s3.Version, from, off, count int64) (int64, error) {
	if count <= 0 {
		return 0, nil
	}
	if off+count > maxSize {
		return 0, syscall.EFBIG
	}
	o := cache.Origin{Bucket: v.Bucket, Key: v.Key, Base: cache.Base{ETag: v.ETag, Size: v.Size}}
	err := d.CopyFrom(o, f.originFile(o), from, off, count)
	f.mu.Lock()
	f.copies[d.ID()] = &copying{d} // before the source's gate is given back: who takes the source away looks here
	f.mu.Unlock()
	f.wrote(n, d, off, count)
	if errors.Is(err, cache.ErrOrigin) {
		return 0, syscall.EOPNOTSUPP
	}
	if err != nil {
		return 0, err
	}
	f.touch(n)
	f.regain(n, off, count)
	return count, nil
}

func originVersion(o cache.Origin) s3.Version {
	return s3.Version{Bucket: o.Bucket, Key: o.Key, ETag: o.ETag, Size: o.Size}
}

func (f *FS) originFile(o cache.Origin) *cache.File {
	v := originVersion(o)
	return f.o.Cache.File(f.cacheID(v), v.Size, source{f.o.Store, v})
}

// openOrigin makes a draft that an earlier mount left readable where it holds ranges of another object.
func (f *FS) openOrigin(d *cache.Draft) {
	o, ok := d.Origin()
	if !ok {
		return
	}
	if err := d.OpenOrigin(f.originFile(o)); err != nil {
		f.log.Warn("open what a kept file was copied from", "bucket", o.Bucket, "key", o.Key, "err", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.copies[d.ID()] = &copying{d}
}

// wholeCopy is the version that a draft is a copy of, from the first byte to the last.
func wholeCopy(d *cache.Draft) (s3.Version, bool) {
	o, ok := d.Origin()
	if !ok {
		return s3.Version{}, false
	}
	p := d.Pieces()
	whole := len(p) == 1 && p[0].Kind == cache.FromOrigin && p[0].BaseOff == 0 && p[0].Len == o.Size
	return originVersion(o), whole
}

// sendCopy makes t a copy of src inside the store, with a's attributes, on the conditions of o. The gateway ignores conditions on what a copy replaces, so
// that is looked at just before. errOrigin when src is not there any more.
func (f *FS) sendCopy(ctx context.Context, src s3.Version, t cache.Target, a cache.Attrs, o s3.PutOptions) (s3.Object, error) {
	if err := f.holds(ctx, t, o); err != nil {
		return s3.Object{}, err
	}
	sent, err := f.copyObject(ctx, src, t.Bucket, t.Key, s3.CopyOptions{Replace: true, ContentType: a.ContentType, Meta: a.Meta, Brief: true})
	if errors.Is(err, s3.ErrChanged) || isNotExist(err) {
		return s3.Object{}, fmt.Errorf("%w: %w", errOrigin, err)
	}
	return sent, err
}

// holds compares what is under a key with the conditions of o: os.ErrExist or s3.ErrChanged when they do not hold.
func (f *FS) holds(ctx context.Context, t cache.Target, o s3.PutOptions) error {
	if !o.IfNoneMatch {
		if o.IfMatch == "" {
			return nil
		}
		return f.unchanged(ctx, s3.Version{Bucket: t.Bucket, Key: t.Key, ETag: o.IfMatch})
	}
	_, err := f.o.Store.Head(ctx, t.Bucket, t.Key)
	if err == nil {
		return fmt.Errorf("%s/%s: %w", t.Bucket, t.Key, os.ErrExist)
	}
	if isNotExist(err) {
		return nil
	}
	return err
}

// copying is a draft that held ranges of another object when this was made.
type copying struct{ d *cache.Draft }

// forgetCopy forgets that a draft held ranges of another object, unless it has got some again.
func (f *FS) forgetCopy(c *copying) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.copies[c.d.ID()] == c {
		delete(f.copies, c.d.ID())
	}
}

func isKey(key string) func(string) bool { return func(k string) bool { return k == key } }

// settleCopies brings the bytes of objects that are about to go or to be replaced to the drafts that hold ranges of them. What another client replaced
// before cannot be had, and is no error here: who closes such a draft is told.
func (f *FS) settleCopies(ctx context.Context, bucket string, match func(key string) bool) error {
	f.mu.Lock()
	copies := slices.Collect(maps.Values(f.copies))
	f.mu.Unlock()
	for _, c := range copies { // asked without the lock: a change of a draft may take the disk long
		d := c.d
		o, ok := d.Origin()
		if !ok {
			f.forgetCopy(c)
		}
		if !ok || o.Bucket != bucket || !match(o.Key) {
			continue
		}
		err := d.Settle(ctx)
		if errors.Is(err, s3.ErrChanged) || isNotExist(err) {
			f.log.Warn("a file that was copied from another cannot be sent: another client changed that one", "bucket", bucket, "key", d.Target().Key, "err", err)
			continue
		}
		if err != nil && !errors.Is(err, os.ErrClosed) {
			return err
		}
	}
	return nil
}
