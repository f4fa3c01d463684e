package fs

import (
	"context"
	"errors"
	"os"
	"time"

	"allasfs/s3"
)

// sendAttrs brings attributes that were changed after the last sending to the store: a copy of the object onto itself, without its bytes. It runs on the
// mount's context; ctx ends only the waiting. What fails in passing is tried again by and by (FS.doLater).
func (f *FS) sendAttrs(ctx context.Context, n *node) error {
	f.mu.Lock()
	unsent := n.attrsUnsent
	f.mu.Unlock()
	if !unsent {
		return nil
	}
	return f.onMount(ctx, []*node{n}, func(ctx context.Context) error {
		return f.exclusively(ctx, n, func() error { return f.sendAttrsNow(ctx, n) })
	})
}

// sendAttrsNow runs with n's gate held whole.
func (f *FS) sendAttrsNow(ctx context.Context, n *node) error {
	f.mu.Lock()
	if !n.attrsUnsent || n.draft != nil || n.parent == nil || !n.obj.exists || n.obj.large {
		f.attrsSettled(n)
		f.mu.Unlock()
		return nil
	}
	v, at, o, path, seq := f.versionOf(n), n.at, n.obj, f.pathOf(n), n.attrsSeq
	f.mu.Unlock()
	at, err := f.fullAttrs(ctx, v.Bucket, v.Key, o, at)
	var now s3.Object
	if err == nil {
		now, err = f.replaceAttrs(ctx, v, at)
	}
	if err == nil {
		f.attrsSent(n, v, now, at, seq)
		return nil
	}
	final := ctx.Err() == nil && isFinal(err)
	f.mu.Lock()
	if final {
		f.attrsSettled(n)
	} else {
		f.schedule(n)
	}
	f.mu.Unlock()
	if final {
		f.record("set attributes", path, err)
	}
	return err
}

// replaceAttrs makes at the attributes of v, which are all that it has: a copy onto itself, as long as v is what is there.
func (f *FS) replaceAttrs(ctx context.Context, v s3.Version, at knownAttrs) (s3.Object, error) {
	return f.copyObject(ctx, v, v.Bucket, v.Key, s3.CopyOptions{Brief: true, Replace: true, ContentType: at.contentType, Meta: at.encode()})
}

// isFinal tells the store's answers that trying again does not change: another version is there, none is, or it is not allowed.
func isFinal(err error) bool {
	return isConflict(err) || isNotExist(err) || errors.Is(err, os.ErrPermission) || errors.Is(err, errors.ErrUnsupported)
}

func (f *FS) attrsSent(n *node, v s3.Version, now s3.Object, at knownAttrs, seq uint64) {
	at.modified = now.Modified
	f.attrs.Add(versionKey{v.Bucket, v.Key, now.ETag}, at)
	f.mu.Lock()
	defer f.mu.Unlock()
	n.checked = time.Now()
	f.attrsStored(n, at, seq)
	if !now.Modified.IsZero() {
		n.obj.modified = now.Modified.Truncate(time.Second)
	}
	if n.obj.etag != now.ETag && now.ETag != "" { // a server whose copies of multipart objects get another ETag
		if n.pages == n.obj.etag {
			n.pages = now.ETag
		}
		n.obj.etag = now.ETag
		if n.reader != nil {
			f.closeReader(n)
		}
	}
	if n.parent != nil {
		f.noteFile(n)
	}
}
