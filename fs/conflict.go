package fs

import (
	"context"
	"errors"
	"maps"
	"os"
	"strings"

	"allasfs/cache"
	"allasfs/s3"
)

// overwriteTries is how often a draft goes out anew, over versions that others put there between the look and the sending.
const overwriteTries = 5

// isConflict tells whether another client was first.
func isConflict(err error) bool { return errors.Is(err, s3.ErrChanged) || errors.Is(err, os.ErrExist) }

// storeOnce is store that takes the object that is there for success when it is the draft itself: the answer to an earlier sending was lost, which
// before tells; attributes that were set since follow it. With Options.Overwrite another client's version is replaced, as long as what the draft takes from the version that it was made from can
// be had.
func (f *FS) storeOnce(ctx context.Context, d *cache.Draft, path string, o s3.PutOptions) (sent s3.Object, before bool, err error) {
	if d.Upload().ETag != "" || wasStored(d) { // an earlier sending may have ended with this: what it took from its base would be gone
		if there, ok := f.sentBefore(ctx, d); ok {
			sent, err = f.attrsAfter(ctx, d, path, there)
			return sent, true, err
		}
	}
	sent, err = f.store(ctx, d, path, o)
	if isConflict(err) {
		if there, ok := f.sentBefore(ctx, d); ok {
			sent, err = f.attrsAfter(ctx, d, path, there)
			return sent, true, err
		}
	}
	if isConflict(err) && o.IfNoneMatch && strings.HasSuffix(d.Target().Key, "/") {
		sent, err = f.storeOverMarker(ctx, d, path, err)
	}
	defer func() {
		if err != nil && !lost(d, err) {
			f.mayBeStored(ctx, d, err)
		}
	}()
	for tries := 0; f.o.Overwrite && lost(d, err) && tries < overwriteTries; tries++ {
		if o, err = f.conditionNow(ctx, d); err == nil {
			f.log.Warn("what another client has changed meanwhile is replaced", "path", path, "its etag", o.IfMatch)
			sent, err = f.store(ctx, d, path, o)
		}
	}
	return sent, false, err
}

// attrsAfter gives there, which an earlier sending of d stored, the attributes that d has now, by a copy onto itself where they differ, and returns what is there
// then. That the store does not allow it is recorded: the bytes are stored all the same.
func (f *FS) attrsAfter(ctx context.Context, d *cache.Draft, path string, there s3.Object) (s3.Object, error) {
	a := d.Attrs()
	if (a.ContentType == "" || a.ContentType == there.ContentType) && maps.Equal(a.Meta, there.Meta) || there.Large != s3.NotLarge {
		return there, nil
	}
	now, err := f.replaceAttrs(ctx, there.Version(d.Target().Bucket), attrsOf(s3.Object{ContentType: a.ContentType, Meta: a.Meta}))
	switch {
	case err == nil:
		return now, nil
	case isFinal(err) && !isConflict(err) && !isNotExist(err):
		_ = f.record("set attributes", path, err) // nobody waits for it
		return there, nil
	}
	return there, err
}

// storeOverMarker sends a new file whose key is that of its directory's marker, and which met that: the marker is no file that another client has made.
func (f *FS) storeOverMarker(ctx context.Context, d *cache.Draft, path string, met error) (s3.Object, error) {
	t := d.Target()
	h, err := f.o.Store.Head(ctx, t.Bucket, t.Key)
	if err != nil && !isNotExist(err) {
		return s3.Object{}, err
	}
	if h.Size > 0 || h.Large != s3.NotLarge {
		return s3.Object{}, met
	}
	return f.store(ctx, d, path, condition(cache.Base{ETag: h.ETag}))
}

// lost tells whether err of sending a draft means that another client was first: its version, or the removal, came between.
func lost(d *cache.Draft, err error) bool {
	return isConflict(err) || isNotExist(err) && d.Base().ETag != ""
}

// condition is what must hold of the key when the draft of a version goes out: that this version, or nothing, is there.
func condition(b cache.Base) s3.PutOptions {
	return s3.PutOptions{IfNoneMatch: b.ETag == "", IfMatch: b.ETag}
}
