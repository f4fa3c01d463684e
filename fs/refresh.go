package fs

import (
	"context"
	"time"

	"allasfs/s3"
)

// refresh asks the store about a file that is known by its node alone and tells whether it is still the version that it was. Another version takes
// the node's place only where inPlace says so and nobody has it open; else the node keeps the old one without the name, and the kernel is told to look
// the name up again.
func (f *FS) refresh(ctx context.Context, n *node, inPlace bool) (same bool, err error) {
	f.mu.Lock()
	if n.parent == nil || n.kind == kindDir || n.draft != nil {
		f.mu.Unlock()
		return true, nil
	}
	bucket, key := f.keyOf(n)
	f.mu.Unlock()
	asked := time.Now()
	o, err := f.o.Store.Head(ctx, bucket, key)
	if err != nil && !isNotExist(err) {
		return false, err
	}
	if err == nil {
		f.learn(bucket, o)
	}
	f.mu.Lock()
	parent, nm := n.parent, n.name
	moved := parent == nil
	if !moved {
		b, k := f.keyOf(n)
		moved = b != bucket || k != key
	}
	if moved || n.draft != nil || n.attrsUnsent || n.checked.After(asked) {
		f.mu.Unlock()
		return true, nil
	}
	now := object{exists: true, etag: o.ETag, size: o.Size, modified: time.Unix(0, toSecond(o.Modified)), large: o.Large != s3.NotLarge}
	same = err == nil && n.obj.same(now)
	if same || err == nil && inPlace && !f.isFixed(n, now) {
		f.setObject(n, now)
		n.checked = asked
		f.confirmHead(n, asked)
		f.mu.Unlock()
		return same, nil
	}
	open := n.handles > 0
	if n.obj.large {
		f.disbelieve(n)
	}
	f.leave(n)
	f.mu.Unlock()
	f.notifyEntry(parent.id, nm)
	if open {
		return false, nil
	}
	return false, err
}
