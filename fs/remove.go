package fs

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"allasfs/cache"
	"allasfs/fs/name"
	"allasfs/s3"
)

// Mkdir makes a directory; at the top of a project's mount a bucket. A directory is in the store as soon as anything below it is; an empty one gets
// a marker within seconds. Adds a reference.
func (f *FS) Mkdir(ctx context.Context, parent uint64, nm string, mode uint32) (Attr, error) {
	if err := f.writableIn(parent, nm); err != nil {
		return Attr{}, err
	}
	if err := f.absent(ctx, parent, nm); err != nil {
		return Attr{}, err
	}
	f.mu.Lock()
	d, err := f.directory(parent)
	if err != nil {
		f.mu.Unlock()
		return Attr{}, err
	}
	p := f.placeOf(d)
	f.mu.Unlock()
	part := name.Part{Elem: nm}
	if p.bucket == "" {
		err = f.makeBucket(ctx, nm)
	} else if part, err = childFor(p, nm); err == nil && (part.Object || part.Continued) {
		err = name.ErrInvalid
	} else if err == nil {
		err = name.CheckKey(p.list() + part.Elem + "/")
	}
	if err != nil {
		return Attr{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := d.children[nm]; c != nil {
		if c.local() || c.kind == kindDir {
			return Attr{}, os.ErrExist
		}
		f.detach(c)
	}
	n := f.newNode(d, nm, part, kindDir)
	n.checked = time.Now()
	n.obj.modified = n.checked
	n.refs++
	touch(d)
	mode |= f.own(ctx, d, &n.at)
	if mode &= 0o7777; mode != 0o777&^f.o.Umask {
		n.at.hasMode, n.at.mode = true, mode
	}
	if f.keepable(n) {
		n.hold()
		n.empty, n.asked = true, f.stamp(n.checked)
		f.schedule(n)
	}
	f.note(d, nm, change{e: entry{dir: true}})
	n.listing = &listing{place: f.placeOf(n), started: n.checked, seq: f.seq, done: true, more: make(chan struct{})}
	return f.attrOf(n), nil
}

func (f *FS) makeBucket(ctx context.Context, nm string) error {
	if err := name.CheckBucket(nm); err != nil {
		return err
	}
	return f.detached(ctx, func(ctx context.Context) error { return f.o.Store.MakeBucket(ctx, nm) })
}

// Rmdir removes an empty directory; at the top of a project's mount an empty bucket.
func (f *FS) Rmdir(ctx context.Context, parent uint64, nm string) error {
	if err := f.writableIn(parent, nm); err != nil {
		return err
	}
	n, err := f.lookup(ctx, parent, nm)
	if err != nil {
		return err
	}
	defer f.unpin(n)
	if n.kind != kindDir {
		return syscall.ENOTDIR
	}
	return f.detachedOn(ctx, n, func(ctx context.Context) error {
		return f.exclusively(ctx, n, func() error {
			if !f.isNamed(n, parent, nm) {
				return os.ErrNotExist
			}
			return f.removeDir(ctx, n)
		})
	})
}

// isNamed tells whether n still has the name under which it was looked up: a rename that nobody waited for any more may have taken it away.
func (f *FS) isNamed(n *node, parent uint64, nm string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return n.parent != nil && n.parent.id == parent && n.name == nm
}

// removeDir runs with n's gate held whole, or the tree's: a marker that is on its way would land after all was deleted.
func (f *FS) removeDir(ctx context.Context, n *node) error {
	begun := time.Now()
	f.mu.Lock()
	if n.parent == nil {
		f.mu.Unlock()
		return os.ErrNotExist
	}
	if n.unsentBelow() {
		f.mu.Unlock()
		return s3.ErrNotEmpty
	}
	p, born, plain := f.placeOf(n), n.empty, n.plain
	top := f.placeOf(n.parent).bucket == ""
	leaf := !top && f.leafEmpty(n, begun)
	f.mu.Unlock()
	left := leaf && f.removeLeaf(n)
	switch {
	case left:
	case top:
		if err := f.o.Store.RemoveBucket(ctx, p.bucket); err != nil {
			return err
		}
		f.rememberBucket(p.bucket, os.ErrNotExist)
	default:
		near, err := f.nearbyEmpty(ctx, n, p)
		if err != nil {
			return err
		}
		if err := f.dropMarkers(ctx, p, near, plain); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	parent := n.parent
	if parent == nil {
		return nil
	}
	if n.unsentBelow() { // made meanwhile
		f.childGone(n)
		return s3.ErrNotEmpty
	}
	n.held = false
	touch(parent)
	f.note(parent, n.name, change{gone: true, left: left})
	if !born {
		f.childGone(parent)
	}
	if left {
		n.was = &formerPlace{parent, n.name}
	}
	f.leave(n)
	f.unlinks.count(begun, 0, 1)
	return nil
}

// nearbyEmpty is nearby of n, whose place is p; s3.ErrNotEmpty where the store has something below it.
func (f *FS) nearbyEmpty(ctx context.Context, n *node, p place) (nearby, error) {
	near, err := f.nearbyOf(ctx, p)
	if err != nil || !near.child {
		return near, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n.showLeft()
	return near, s3.ErrNotEmpty
}

// dropMarkers removes the markers of an empty directory: those that near tells of, and with plain the one whose key has no slash.
func (f *FS) dropMarkers(ctx context.Context, p place, near nearby, plain bool) error {
	if near.marker {
		if err := f.o.Store.Delete(ctx, p.bucket, p.prefix); err != nil {
			return err
		}
	}
	if plain {
		if err := f.dropPlain(ctx, p); err != nil {
			return err
		}
	}
	return f.dropFolder(ctx, p, near)
}

// dropPlain removes the marker of a directory whose key has no slash, unless another client has made a file of it since it was listed.
func (f *FS) dropPlain(ctx context.Context, p place) error {
	key := strings.TrimSuffix(p.prefix, "/")
	h, err := f.o.Store.Head(ctx, p.bucket, key)
	if isNotExist(err) || err == nil && (h.Size > 0 || h.Large != s3.NotLarge) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.o.Store.Delete(ctx, p.bucket, key)
}

// Unlink removes a file or symbolic link. Handles that are open go on with its data. Of a Swift large object only the front object goes: its
// segments stay in their bucket. A sidecar that is hidden beside it goes with it.
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
