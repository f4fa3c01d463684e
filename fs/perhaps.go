package fs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"allasfs/cache"
	"allasfs/s3"
)

// A sending that failed may have stored the object all the same: the answer to one of its tries was lost. What it would have stored is kept with the
// draft, over a crash too, by its ETag (cache.Perhaps). If that is what the store has when the file is sent again, the draft is made one of that version; a
// removal of the file removes it. So it is with an older draft that this one replaces, and with wrong bytes that the store made of what was sent.

// mayBeStored keeps what a sending of d that the store was asked for, and that failed with err, may have stored; d is not being changed. What takes bytes from
// the store is not read for it.
func (f *FS) mayBeStored(ctx context.Context, d *cache.Draft, err error) {
	may := f.storedOf(ctx, d)
	if wrong := s3.StoredWrong(err); wrong != "" {
		may = append(may, cache.Perhaps{ETag: wrong, Other: true})
	}
	f.addPerhaps(d, may)
}

// storedOf is what the store has if it carried out an unanswered sending of d as it is now.
func (f *FS) storedOf(ctx context.Context, d *cache.Draft) []cache.Perhaps {
	etag := d.Upload().ETag
	if etag == "" && d.Size() <= singlePut && allLocal(d) {
		var err error
		if etag, err = f.etagOf(ctx, d); err != nil {
			etag = ""
		}
	}
	if etag == "" {
		return nil
	}
	return []cache.Perhaps{{ETag: etag}}
}

func (f *FS) addPerhaps(d *cache.Draft, may []cache.Perhaps) {
	if err := d.AddPerhaps(may...); err != nil {
		f.log.Debug("journal of what may be stored", "key", d.Target().Key, "err", err)
	}
}

// inherit keeps with d what the store may hold of older drafts that it replaces. left: an earlier mount left them, and may have been about to send those that are closed.
func (f *FS) inherit(ctx context.Context, d *cache.Draft, older []*cache.Draft, left bool) {
	var may []cache.Perhaps
	for _, o := range older {
		may = append(may, o.Perhaps()...)
		if state, _ := o.State(); left && state == cache.StateClosed {
			may = append(may, f.storedOf(ctx, o)...)
		}
	}
	for i := range may {
		may[i].Other = true
	}
	f.addPerhaps(d, may)
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

// baseNow makes d one of what was stored of it without an answer, if that is what the store has, and tells of that version, and that it is another. d is not being
// changed. No request where no sending failed. s3.ErrChanged, or os.ErrNotExist, when bytes that it needs are gone with the version that it was made from.
func (f *FS) baseNow(ctx context.Context, d *cache.Draft) (o object, changed bool, err error) {
	t := d.Target()
	h, is, err := f.isThere(ctx, d, t.Bucket, t.Key)
	if err != nil || is.ETag == "" || h.ETag == d.Base().ETag {
		return o, false, err
	}
	if is.Other {
		if err := f.withoutBase(ctx, d); err != nil {
			return o, false, err
		}
	}
	o = object{exists: true, etag: h.ETag, size: h.Size, modified: h.Modified.Truncate(time.Second)}
	return o, true, d.Rebase(baseOf(o), ^uint64(0))
}

// wasStored tells whether the version that d was made one of may be d itself, by a PUT of all of it.
func wasStored(d *cache.Draft) bool {
	own := cache.Perhaps{ETag: d.Base().ETag}
	return slices.Contains(d.Perhaps(), own) && d.Size() <= singlePut && allLocal(d)
}

// nodeBaseNow is baseNow for n's draft d; n's gate is held whole.
func (f *FS) nodeBaseNow(ctx context.Context, n *node, d *cache.Draft) error {
	o, changed, err := f.baseNow(ctx, d)
	if err != nil || !changed {
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

// withoutBase brings what d takes from the version that it was made from to the local disk, from the cache or the store.
func (f *FS) withoutBase(ctx context.Context, d *cache.Draft) error {
	base := baseVersion(d)
	if base.ETag == "" || base.Size == 0 {
		return nil
	}
	r := f.o.Cache.File(f.cacheID(base), base.Size, source{f.o.Store, base})
	defer r.Close()
	err := materialize(ctx, d, r)
	if errors.Is(err, s3.ErrChanged) || isNotExist(err) {
		return fmt.Errorf("the parts that were not changed are gone from the store: %w", err)
	}
	return err
}

// isThere tells whether the object of a key, which it returns, is what a sending of d, or of what it replaces, stored without an answer; zero when it is not. No request
// where none failed.
func (f *FS) isThere(ctx context.Context, d *cache.Draft, bucket, key string) (h s3.Object, is cache.Perhaps, err error) {
	perhaps := d.Perhaps()
	if len(perhaps) == 0 {
		return h, is, nil
	}
	h, err = f.o.Store.Head(ctx, bucket, key)
	if isNotExist(err) {
		return h, is, nil
	}
	if i := slices.IndexFunc(perhaps, func(p cache.Perhaps) bool { return p.ETag == h.ETag }); err == nil && i >= 0 {
		is = perhaps[i]
	}
	return h, is, err
}
