package fs

import (
	"context"
	"slices"
	"time"

	"allasfs/cache"
	"allasfs/s3"
)

// A sending that failed may have stored the object all the same: the answer to one of its tries was lost. What it would have stored is remembered by its
// ETag. If that is what the store has when the file is sent again, the draft is made one of that version, of which it takes what it took from its old
// base; a removal of the file removes it.

// perhapsMost is how many sendings that failed are remembered of a file; the store carries out one that it took long ago no more.
const perhapsMost = 8

// mayBeStored remembers what a sending of n's draft d that the store was asked for, and that failed, may have stored; n's gate is held whole. What takes
// bytes from the store is not read for it.
func (f *FS) mayBeStored(ctx context.Context, n *node, d *cache.Draft) {
	etag := d.Upload().ETag
	if etag == "" && d.Size() <= singlePut && allLocal(d) {
		var err error
		if etag, err = f.etagOf(ctx, d); err != nil {
			etag = ""
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if etag == "" || slices.Contains(n.perhaps, etag) {
		return
	}
	n.perhaps = append(n.perhaps, etag)
	n.perhaps = n.perhaps[max(len(n.perhaps)-perhapsMost, 0):]
}

// allLocal tells whether a draft takes nothing from an object in the store.
func allLocal(d *cache.Draft) bool {
	for _, p := range d.Pieces() {
		if p.Kind == cache.FromBase || p.Kind == cache.FromOrigin {
			return false
		}
	}
	return true
}

// baseNow makes n's draft d one of what an earlier sending of it stored without an answer, if that is what the store has; n's gate is held whole. No
// request where no sending failed.
func (f *FS) baseNow(ctx context.Context, n *node, d *cache.Draft) error {
	t := d.Target()
	h, mine, err := f.isThere(ctx, n, t.Bucket, t.Key)
	if err != nil || !mine || h.ETag == d.Base().ETag {
		return err
	}
	o := object{exists: true, etag: h.ETag, size: h.Size, modified: h.Modified.Truncate(time.Second)}
	if err := d.Rebase(baseOf(o), ^uint64(0)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.reader != nil {
		f.closeReader(n)
	}
	n.obj = o
	return nil
}

// isThere tells whether the object of a key, which it returns, is what a sending of n stored without an answer; without a request where none failed.
func (f *FS) isThere(ctx context.Context, n *node, bucket, key string) (h s3.Object, mine bool, err error) {
	f.mu.Lock()
	perhaps := slices.Clone(n.perhaps)
	f.mu.Unlock()
	if len(perhaps) == 0 {
		return h, false, nil
	}
	h, err = f.o.Store.Head(ctx, bucket, key)
	if isNotExist(err) {
		return h, false, nil
	}
	return h, err == nil && slices.Contains(perhaps, h.ETag), err
}
