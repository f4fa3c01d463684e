package fs

import (
	"context"
	"time"

	"allasfs/s3"
)

// sendAttrs brings attributes that were changed after the last sending to the store: a copy of the object onto itself, without its bytes.
func (f *FS) sendAttrs(ctx context.Context, n *node) error {
	return f.exclusively(ctx, n, func() error {
		f.mu.Lock()
		if !n.attrsUnsent || n.draft != nil || n.parent == nil || !n.obj.exists || n.obj.large {
			n.attrsUnsent = false
			f.mu.Unlock()
			return nil
		}
		v, at, o, path, seq := f.versionOf(n), n.at, n.obj, f.pathOf(n), n.attrsSeq
		f.mu.Unlock()
		at, err := f.fullAttrs(ctx, v.Bucket, v.Key, o, at)
		if err == nil {
			var now s3.Object
			now, err = f.o.Store.Copy(ctx, v, v.Bucket, v.Key, s3.CopyOptions{Replace: true, ContentType: at.contentType, Meta: at.encode()})
			if err == nil {
				f.attrsSent(n, v, now, at, seq)
				return nil
			}
		}
		f.mu.Lock()
		n.attrsUnsent = false
		f.mu.Unlock()
		f.record("set attributes", path, err)
		return err
	})
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
