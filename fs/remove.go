package fs

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"allasfs/cache"
)

// Unlink removes a file or symbolic link. Handles that are open go on with its data. Of a Swift large object only the front object goes: its
// segments stay in their bucket, which is told (tellSegments). A sidecar that is hidden beside it goes with it.
func (f *FS) Unlink(ctx context.Context, parent uint64, nm string) error {
	err := f.unlink(ctx, parent, nm)
	if err == nil {
		f.withSidecar(ctx, "unlink", parent, nm, func(sidecar string) error { return f.Unlink(ctx, parent, sidecar) })
	}
	return err
}

func (f *FS) unlink(ctx context.Context, parent uint64, nm string) error {
	if err := f.writable(); err != nil {
		return err
	}
	n, err := f.lookup(ctx, parent, nm)
	if err != nil {
		return err
	}
	defer f.unpin(n)
	if n.kind == kindDir {
		return syscall.EISDIR
	}
	if f.isStored(n) { // else it is here alone, and may go
		if err := f.writableIn(parent, nm); err != nil {
			return err
		}
	}
	return f.detachedOn(ctx, n, func(ctx context.Context) error {
		return f.exclusively(ctx, n, func() error {
			if !f.isNamed(n, parent, nm) {
				return os.ErrNotExist
			}
			return f.removeFile(ctx, n)
		})
	})
}

// isStored tells whether the store holds an object of n.
func (f *FS) isStored(n *node) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return n.obj.exists
}

// removeFile runs with n's gate held whole.
func (f *FS) removeFile(ctx context.Context, n *node) error {
	undo, err := f.preserve(ctx, n)
	if err != nil {
		return err
	}
	f.mu.Lock()
	if n.parent == nil {
		f.mu.Unlock()
		undo()
		return os.ErrNotExist
	}
	bucket, key := f.keyOf(n)
	stored, d := n.obj.exists, n.draft
	f.mu.Unlock()
	letGo, err := f.supersede(ctx, bucket, key)
	if err == nil && !stored && d != nil {
		var is cache.Perhaps
		_, is, err = f.isThere(ctx, d, bucket, key)
		stored = is.ETag != ""
	}
	if err == nil && stored {
		err = f.beforeGone(ctx, bucket, key, nil)
		f.persistEnds()
		if err == nil && !f.deleteLater(n, bucket, key) {
			err = f.o.Store.Delete(ctx, bucket, key)
		}
	}
	if err != nil {
		letGo()
		undo()
		return err
	}
	f.removed(n, stored)
	f.countUnlink()
	return nil
}

// removed makes n a file without a name.
func (f *FS) removed(n *node, stored bool) {
	f.mu.Lock()
	parent := n.parent
	var draft *cache.Draft
	if parent != nil {
		f.tellSegments(n)
		touch(parent)
		f.note(parent, n.name, change{gone: true})
		if stored {
			f.childGone(parent)
		}
	}
	n.unlinked = true
	f.attrsSettled(n)
	had := n.draft
	f.dequeue(n)
	if n.handles == 0 {
		draft, n.draft = n.draft, nil
	}
	f.detach(n)
	gone := n.last
	f.mu.Unlock()
	f.dropLeft(gone)
	f.dropEarly(had)
	if had != nil && draft == nil {
		f.unsend(had)
	}
	if draft != nil {
		if err := draft.Discard(); err != nil {
			f.log.Warn("discard the draft of a removed file", "err", err)
		}
	}
}

// replacedWhy is what a later mount tells of the bytes of a file that a program still had open when it was removed or replaced.
const replacedWhy = "its file was removed or replaced after this was written"

// unsend lets no later mount send the draft of a file without a name, should the daemon end before its last handle does: the name would be back.
func (f *FS) unsend(d *cache.Draft) {
	if state, _ := d.State(); state != cache.StateClosed {
		return
	}
	if err := d.SetState(cache.StateConflict, replacedWhy); err != nil && !errors.Is(err, os.ErrClosed) {
		f.log.Error("journal of a draft", "key", d.Target().Key, "err", err)
	}
}

// preserve brings all bytes of an open file to the local disk, before the object that holds them goes; n's gate is held whole. undo, which is never
// nil, takes the draft away again that was made for this alone, for when the object stays.
func (f *FS) preserve(ctx context.Context, n *node) (undo func(), err error) {
	undo = func() {}
	f.mu.Lock()
	if w := n.direct; w != nil && w.parked {
		f.mu.Unlock()
		d, err := f.draftOf(ctx, n)
		if err == nil {
			err = f.withoutBase(ctx, d)
		}
		return undo, err
	}
	if n.handles == 0 || !n.obj.exists || n.obj.size == 0 {
		f.mu.Unlock()
		return undo, nil
	}
	d, r, o, at := n.draft, f.readerOf(n), n.obj, n.at
	f.mu.Unlock()
	if d != nil {
		return undo, materialize(ctx, d, r)
	}
	f.mu.Lock()
	v := f.versionOf(n)
	f.mu.Unlock()
	d, err = f.o.Cache.NewDraft(cache.Target{Store: f.o.Name, Bucket: v.Bucket, Key: v.Key}, baseOf(o), o.size,
		cache.Attrs{ContentType: at.contentType, Meta: at.encode()})
	if err != nil {
		return undo, err
	}
	if err := materialize(ctx, d, r); err != nil {
		return undo, errors.Join(err, d.Discard())
	}
	f.mu.Lock()
	n.setDraft(d)
	f.mu.Unlock()
	return func() { f.unpreserve(n, d) }, nil
}

// unpreserve discards the draft that preserve made; the file is what the store holds again.
func (f *FS) unpreserve(n *node, d *cache.Draft) {
	f.mu.Lock()
	held := n.draft == d
	if held {
		n.draft = nil
		f.dropUnused(n)
	}
	f.mu.Unlock()
	if !held {
		return // taken away by the last handle's end
	}
	if err := d.Discard(); err != nil {
		f.log.Warn("discard the copy of a file that was not removed", "err", err)
	}
}

// materialize replaces a draft's ranges of the base by local bytes.
func materialize(ctx context.Context, d *cache.Draft, base *cache.File) error {
	buf := make([]byte, 1<<20)
	for _, p := range d.Pieces() {
		if p.Kind != cache.FromBase {
			continue
		}
		for off := int64(0); off < p.Len; {
			b := buf[:min(int64(len(buf)), p.Len-off)]
			got, err := base.ReadAt(ctx, b, p.BaseOff+off)
			if got < len(b) {
				if err == nil || err == io.EOF {
					err = io.ErrUnexpectedEOF
				}
				return err
			}
			if _, err := d.WriteAt(b, p.Off+off); err != nil {
				return err
			}
			off += int64(got)
		}
	}
	return nil
}
