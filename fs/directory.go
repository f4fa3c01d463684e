package fs

import (
	"context"
	"os"
	"strings"
	"syscall"
	"time"

	"allasfs/fs/name"
	"allasfs/s3"
)

// Mkdir makes a directory; at the top of a project's mount a bucket. A directory is in the store as soon as anything below it is; an empty one gets
// a marker within seconds. A piece of a long name, which no marker can keep, is there until it is removed, as long as the mount lasts. Adds a reference.
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
	} else {
		part, err = childDirFor(p, nm)
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
	n.empty, n.stays = true, part.Continued
	if f.keepable(n) {
		n.hold()
		n.asked = f.stamp(n.checked)
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
	n.held, n.stays = false, false
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
