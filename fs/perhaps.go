package fs

import (
	"context"

	"allasfs/cache"
	"allasfs/s3"
)

// A sending that failed may have stored the object all the same: the answer to one of its tries was lost. What it would have stored is remembered by its
// ETag, so that the next sending replaces it, though it is not the version that the draft was made from, and a removal of the file removes it.

// mayBeStored remembers what the failed sending of n's draft d may have stored; n's gate is held whole. What takes bytes from the store is not read for it.
func (f *FS) mayBeStored(ctx context.Context, n *node, d *cache.Draft) {
	etag := d.Upload().ETag
	if etag == "" && d.Size() <= singlePut && allLocal(d) {
		var err error
		if etag, err = f.etagOf(ctx, d); err != nil {
			etag = ""
		}
	}
	if etag == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n.perhaps = etag
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

// conditionOver is condition, but over what a sending of ours may have stored, if that is there.
func (f *FS) conditionOver(ctx context.Context, d *cache.Draft, perhaps string) (s3.PutOptions, error) {
	t := d.Target()
	mine, err := f.isThere(ctx, t.Bucket, t.Key, perhaps)
	if mine {
		return s3.PutOptions{IfMatch: perhaps}, err
	}
	return condition(d.Base()), err
}

// isThere tells whether the object of a key has that ETag; without a request where it is "".
func (f *FS) isThere(ctx context.Context, bucket, key, etag string) (bool, error) {
	if etag == "" {
		return false, nil
	}
	h, err := f.o.Store.Head(ctx, bucket, key)
	if isNotExist(err) {
		return false, nil
	}
	return err == nil && h.ETag == etag, err
}
