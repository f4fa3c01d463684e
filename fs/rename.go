package fs

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"allasfs/fs/name"
	"allasfs/s3"
)

// Rename moves a file or directory within the mount, on the server; what newName named before is replaced, or os.ErrExist with noReplace. Buckets
// are not renamed: EXDEV, so that mv copies. A sidecar that is hidden beside a file goes with it.
func (f *FS) Rename(ctx context.Context, parent uint64, nm string, newParent uint64, newName string, noReplace bool) error {
	err := f.rename(ctx, parent, nm, newParent, newName, noReplace)
	if err == nil && f.o.HideSidecars && f.isFile(ctx, newParent, newName) {
		f.withSidecar(ctx, "rename", parent, nm, func(sidecar string) error {
			return f.Rename(ctx, parent, sidecar, newParent, newName+sidecarEnd, false)
		})
	}
	return err
}

func (f *FS) rename(ctx context.Context, parent uint64, nm string, newParent uint64, newName string, noReplace bool) error {
	for _, at := range []struct {
		dir  uint64
		name string
	}{{parent, nm}, {newParent, newName}} {
		if err := f.writableIn(at.dir, at.name); err != nil {
			return err
		}
	}
	src, err := f.lookup(ctx, parent, nm)
	if err != nil {
		return err
	}
	defer func() { f.unpin(src) }()
	dst, err := f.lookup(ctx, newParent, newName)
	if err != nil && !isNotExist(err) {
		return err
	}
	defer func() { f.unpin(dst) }()
	switch {
	case dst == src:
		return nil
	case dst != nil && noReplace:
		return os.ErrExist
	case dst != nil && src.kind == kindDir && dst.kind != kindDir:
		return syscall.ENOTDIR
	case dst != nil && src.kind != kindDir && dst.kind == kindDir:
		return syscall.EISDIR
	}
	f.mu.Lock()
	from := spot{dir: src.parent, name: nm}
	if from.dir == nil || from.dir.id != parent || src.name != nm {
		f.mu.Unlock()
		return os.ErrNotExist
	}
	f.mu.Unlock()
	to, err := f.spot(newParent, newName, src.kind == kindDir)
	if err == nil && dst == nil {
		err = f.nameFree(ctx, newParent, to.part)
	}
	if err != nil {
		return err
	}
	f.takeLeft(src)
	move := f.renameFile
	if src.kind == kindDir {
		move = f.renameFoldered
	}
	return f.detachedHolding(ctx, []*node{src, dst, to.dir}, func(ctx context.Context) error {
		err := move(ctx, src, dst, from, to)
		if err == nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			touch(from.dir, to.dir)
			src.tells = true
		}
		return err
	})
}

// spot is a name in a directory where something is to be.
type spot struct {
	dir   *node
	name  string
	part  name.Part
	isDir bool // of a directory: its key has a slash at its end
	key   string
	at    place // of dir
}

// in is s where its directory is at p.
func (s spot) in(p place) spot {
	s.at, s.key = p, p.list()+s.part.Elem
	if s.isDir {
		s.key += "/"
	}
	return s
}

// spot is where a file or a directory is to be.
func (f *FS) spot(parent uint64, nm string, isDir bool) (spot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, err := f.directory(parent)
	if err != nil {
		return spot{}, err
	}
	p := f.placeOf(d)
	if p.bucket == "" {
		return spot{}, syscall.EXDEV
	}
	look := childFor
	if isDir {
		look = childDirFor
	}
	part, err := look(p, nm)
	return spot{dir: d, name: nm, part: part, isDir: isDir}.in(p), err
}

// holds tells whether n still has the name; needs FS.mu.
func (s spot) holds(n *node) bool { return n.parent != nil && n.parent == s.dir && n.name == s.name }

// spotNow is a spot where its directory is now; needs f.mu, and the tree's gate so that it stays there.
func (f *FS) spotNow(s spot) (spot, error) {
	if s.dir.id != RootID && s.dir.parent == nil {
		return s, os.ErrNotExist
	}
	s = s.in(f.placeOf(s.dir))
	return s, name.CheckKey(s.key)
}

// renameFile sends what is unsent first, then copies on the server and removes the source.
func (f *FS) renameFile(ctx context.Context, src, dst *node, from, to spot) error {
	for {
		if done, err := f.renameUnsent(ctx, src, dst, from, to); done || err != nil {
			return err
		}
		if err := f.flush(ctx, src); err != nil {
			return err
		}
		again := false
		err := f.together(ctx, src, dst, func() error {
			f.mu.Lock()
			again = src.draft != nil && !src.unlinked && !src.inFlux()
			f.mu.Unlock()
			if again {
				return nil
			}
			return f.moveFile(ctx, src, dst, from, to)
		})
		if err != nil || !again {
			return err
		}
	}
}

// moveFile runs with the gates of both files held whole.
func (f *FS) moveFile(ctx context.Context, src, dst *node, from, to spot) error {
	f.mu.Lock()
	if !from.holds(src) || !src.obj.exists {
		f.mu.Unlock()
		return os.ErrNotExist
	}
	to, err := f.spotNow(to)
	if err == nil && dst != nil && !to.holds(dst) {
		err = syscall.ESTALE
	}
	if err != nil {
		f.mu.Unlock()
		return err
	}
	v, o, at, unsent, seq := f.versionOf(src), src.obj, src.at, src.attrsUnsent, src.attrsSeq
	f.mu.Unlock()
	var now s3.Object
	opts := s3.CopyOptions{Brief: true}
	if unsent && !o.large {
		full, err := f.fullAttrs(ctx, v.Bucket, v.Key, o, at)
		if err != nil {
			return err
		}
		at = full
		opts = s3.CopyOptions{Brief: true, Replace: true, ContentType: at.contentType, Meta: at.encode()}
	}
	if v.Bucket == to.at.bucket && v.Key == to.key {
		return os.ErrNotExist // it has been moved there already: a copy onto itself and a removal would be the end of it
	}
	letGo, err := f.supersedeBoth(ctx, spot{at: place{bucket: v.Bucket}, key: v.Key}, to)
	if err != nil {
		return err
	}
	err = errors.Join(f.beforeGone(ctx, v.Bucket, v.Key, nil), f.beforeGone(ctx, to.at.bucket, to.key, nil))
	if err == nil {
		defer f.notingMove(src, to)()
		err = f.copyOver(ctx, v, dst, to, opts, &now)
	}
	if err != nil {
		letGo()
		return err
	}
	f.persistEnds()
	if err := f.o.Store.Delete(ctx, v.Bucket, v.Key); err != nil {
		f.stayed(ctx, dst, to, err)
		return err
	}
	if dst != nil {
		f.removed(dst, false)
	}
	f.moved(src, v, now, at, seq, to)
	return nil
}

// notingMove lets what the journal tells of n's attributes, now and while it is being renamed, name both places, until the function that it returns is called.
func (f *FS) notingMove(n *node, to spot) (end func()) {
	f.mu.Lock()
	f.movingTo[n] = objectName{to.at.bucket, to.key}
	noted := f.notes[n] != nil
	f.mu.Unlock()
	if noted {
		f.noteAttrs(n)
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.movingTo, n)
		if f.notes[n] != nil {
			f.spawn(func() { f.noteAttrs(n) })
		}
	}
}

// copyOver copies v to where it is to be and tells the copy; the bytes of dst, which has that name if it is not nil, are kept for those who have it open.
func (f *FS) copyOver(ctx context.Context, v s3.Version, dst *node, to spot, opts s3.CopyOptions, now *s3.Object) (err error) {
	undo := func() {}
	if dst != nil {
		if undo, err = f.preserve(ctx, dst); err != nil {
			return err
		}
	}
	if *now, err = f.copyObject(ctx, v, to.at.bucket, to.key, opts); err != nil {
		undo()
	}
	return err
}

// stayed is for a rename whose source could not be removed: the copy goes again if it replaced nothing and the source is surely there, for
// the store refused; else it shows beside the source, and dst, which it replaced, is a file without a name.
func (f *FS) stayed(ctx context.Context, dst *node, to spot, err error) {
	if dst != nil {
		f.removed(dst, false)
	} else if errors.Is(err, os.ErrPermission) {
		if err := f.o.Store.Delete(ctx, to.at.bucket, to.key); err == nil {
			return
		}
	}
	f.mu.Lock()
	delete(to.dir.changes, to.name)
	to.dir.listing = nil
	f.mu.Unlock()
	f.notifyEntry(to.dir.id, to.name)
}

// moved makes the node what the store holds now.
func (f *FS) moved(n *node, old s3.Version, now s3.Object, at knownAttrs, seq uint64, to spot) {
	v := now.Version(to.at.bucket)
	v.Key, v.Size = to.key, old.Size
	f.o.Cache.Rename(f.cacheID(old), f.cacheID(v))
	if at.known {
		at.modified = now.Modified
		f.attrs.Add(versionKey{to.at.bucket, to.key, now.ETag}, at)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.reader != nil {
		f.closeReader(n)
	}
	oldDir := n.parent
	if oldDir != nil {
		f.note(oldDir, n.name, change{gone: true})
		f.childGone(oldDir)
	}
	f.attach(n, to)
	if n.pages == n.obj.etag {
		n.pages = now.ETag
	}
	n.obj.etag, n.obj.large, n.checked = now.ETag, now.Large != s3.NotLarge, time.Now()
	f.attrsStored(n, at, seq)
	if !now.Modified.IsZero() {
		n.obj.modified = now.Modified.Truncate(time.Second)
	}
	f.noteFile(n)
	f.childStored(to.dir)
	if oldDir != nil {
		f.dropUnused(oldDir)
	}
}

// attach moves n to a new place; needs f.mu. Whatever had the name there is detached.
func (f *FS) attach(n *node, to spot) {
	if c := to.dir.children[to.name]; c != nil && c != n {
		f.leave(c)
	}
	if n.parent != nil && n.parent.children[n.name] == n {
		delete(n.parent.children, n.name)
		delete(n.parent.unsents, n)
	}
	n.parent, n.name, n.part, n.stale = to.dir, to.name, to.part, false
	to.dir.children[to.name] = n
	n.markUnsent()
}
