package fs

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"allasfs/fs/name"
	"allasfs/s3"
)

// movedKey is one object of a directory that is renamed.
type movedKey struct {
	from s3.Version
	to   string
	now  s3.Object // the copy
}

// renameDir copies everything below the directory side by side and removes the sources only when every copy is there. Nothing else changes the
// mount's namespace meanwhile.
func (f *FS) renameDir(ctx context.Context, src, dst *node, from, to spot) error {
	if err := f.dirMovable(src, to); err != nil {
		return err
	}
	for {
		if err := f.flushBelow(ctx, src); err != nil {
			return err
		}
		if err := f.tree.Acquire(ctx, whole); err != nil {
			return err
		}
		again, err := f.unsentBelow(src), error(nil)
		if again == nil {
			err = f.moveDir(ctx, src, dst, from, to)
		}
		f.tree.Release(whole)
		if again == nil || err != nil {
			return err
		}
	}
}

func (f *FS) dirMovable(src *node, to spot) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if src.parent == nil {
		return os.ErrNotExist
	}
	if f.placeOf(src).prefix == "" {
		return syscall.EXDEV // a bucket
	}
	for n := to.dir; n != nil; n = n.parent {
		if n == src {
			return syscall.EINVAL
		}
	}
	if to.part.Object || f.placeOf(src).cont != "" {
		return name.ErrInvalid
	}
	return nil
}

// unsentBelow finds files below dir that have unsent bytes or attributes.
func (f *FS) unsentBelow(dir *node) []*node {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*node
	walk(dir, func(n *node) {
		if n.kind != kindDir && (n.draft != nil || n.attrsUnsent) {
			out = append(out, n)
		}
	})
	return out
}

// walk visits the known nodes below dir; needs FS.mu.
func walk(dir *node, visit func(*node)) {
	for _, c := range dir.children {
		visit(c)
		if c.kind == kindDir {
			walk(c, visit)
		}
	}
}

func (f *FS) flushBelow(ctx context.Context, dir *node) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxParts)
	for _, n := range f.unsentBelow(dir) {
		g.Go(func() error {
			if err := f.flush(ctx, n); err != nil {
				return err
			}
			return f.sendAttrs(ctx, n)
		})
	}
	return g.Wait()
}

// moveDir runs with the tree's gate held whole.
func (f *FS) moveDir(ctx context.Context, src, dst *node, from, to spot) error {
	f.mu.Lock()
	var err error
	if !from.holds(src) {
		err = os.ErrNotExist
	} else if to, err = f.spotNow(to); err == nil && dst != nil && !to.holds(dst) {
		err = syscall.ESTALE
	}
	f.mu.Unlock()
	if err != nil {
		return err
	}
	if dst != nil {
		if err := f.removeDir(ctx, dst); err != nil {
			return err
		}
	}
	f.mu.Lock()
	p, plain := f.placeOf(src), src.plain
	f.mu.Unlock()
	target := to.at.child(to.part)
	keys, err := f.keysBelow(ctx, p, target.prefix)
	if err == nil && plain {
		keys, err = f.withPlain(ctx, keys, p, target.prefix)
	}
	if err != nil {
		return err
	}
	if err := f.settleCopies(ctx, p.bucket, func(key string) bool { return strings.HasPrefix(key, p.prefix) }); err != nil {
		return err
	}
	if err := f.copyKeys(ctx, keys, target.bucket); err != nil {
		return err
	}
	f.mu.Lock()
	oldDir, oldName := src.parent, src.name
	f.mu.Unlock()
	f.dirMoved(src, keys, target.bucket, to)
	err = f.deleteKeys(ctx, p.bucket, keys)
	f.sourcesGone(oldDir, oldName, err)
	return err
}

// sourcesGone ends the rename of what was a directory dir/nm: a listing that began before the sources were deleted may show them, and is not to be used.
// When they could not all be deleted, the name is there again.
func (f *FS) sourcesGone(dir *node, nm string, err error) {
	if dir == nil {
		return
	}
	f.mu.Lock()
	dir.listing, f.sweeps = nil, nil
	c := dir.children[nm]
	if err != nil {
		delete(dir.changes, nm)
	} else {
		f.note(dir, nm, change{gone: true})
		if c != nil && !c.unsent() {
			f.leave(c)
		}
	}
	f.mu.Unlock()
	f.notifyEntry(dir.id, nm)
}

// keysBelow lists all objects of a directory with their new keys, and refuses before anything is done if one cannot be.
func (f *FS) keysBelow(ctx context.Context, p place, prefix string) ([]movedKey, error) {
	var keys []movedKey
	o := s3.ListOptions{Prefix: p.prefix}
	for {
		page, err := f.o.Store.List(ctx, p.bucket, o)
		if err != nil {
			return nil, err
		}
		for _, obj := range page.Objects {
			k := movedKey{from: obj.Version(p.bucket), to: prefix + obj.Key[len(p.prefix):]}
			if err := name.CheckKey(k.to); err != nil {
				return nil, err
			}
			if obj.MaybeLarge() && !strings.HasSuffix(obj.Key, "/") {
				h, err := f.o.Store.Head(ctx, p.bucket, obj.Key)
				if err != nil {
					return nil, err
				}
				k.from = h.Version(p.bucket)
			}
			keys = append(keys, k)
		}
		if page.Token == "" {
			return keys, nil
		}
		o.Token = page.Token
	}
}

// copyKeys copies all; if one fails the copies that were made are removed again.
func (f *FS) copyKeys(ctx context.Context, keys []movedKey, bucket string) error {
	var g errgroup.Group // which ends no copy that is under way: what it made would be unknown
	g.SetLimit(maxRequests)
	var mu sync.Mutex
	var made []string
	var failed atomic.Bool
	for i := range keys {
		k := &keys[i]
		if failed.Load() {
			break
		}
		g.Go(func() (err error) {
			if k.now, err = f.o.Store.Copy(ctx, k.from, bucket, k.to, s3.CopyOptions{Brief: true}); err != nil {
				failed.Store(true)
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			made = append(made, k.to)
			return nil
		})
	}
	err := g.Wait()
	if err != nil && len(made) > 0 {
		if failed, derr := f.o.Store.DeleteMany(context.WithoutCancel(ctx), bucket, made); derr != nil || len(failed) > 0 {
			f.log.Error("remove the copies of a rename that failed", "bucket", bucket, "copies", len(made), "left", len(failed), "err", derr)
		}
	}
	return err
}

func (f *FS) deleteKeys(ctx context.Context, bucket string, keys []movedKey) error {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.from.Key
	}
	if len(names) == 0 {
		return nil
	}
	failed, err := f.o.Store.DeleteMany(ctx, bucket, names)
	errs := []error{err}
	for _, e := range failed {
		errs = append(errs, e)
		if len(errs) > 3 {
			break
		}
	}
	return errors.Join(errs...)
}

// dirMoved makes the nodes below src what the store holds now.
func (f *FS) dirMoved(src *node, keys []movedKey, bucket string, to spot) {
	for _, k := range keys {
		v := k.now.Version(bucket)
		v.Key = k.to
		f.o.Cache.Rename(f.cacheID(k.from), f.cacheID(v))
		if a := f.recall(k.from); a.known {
			a.modified = k.now.Modified
			f.attrs.Add(versionKey{bucket, k.to, k.now.ETag}, a)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	oldDir := src.parent
	if oldDir != nil {
		f.note(oldDir, src.name, change{gone: true})
		if len(keys) > 0 || !src.empty {
			f.childGone(oldDir)
		}
	}
	f.attach(src, to)
	f.note(to.dir, to.name, change{e: entry{dir: true}})
	if len(keys) > 0 {
		f.childStored(to.dir)
	}
	born := time.Now()
	became := make(map[string]movedKey, len(keys)) // by the new key
	for _, k := range keys {
		became[k.to] = k
	}
	src.listing, src.changes = nil, nil
	f.sweeps = nil // they know the old names
	walk(src, func(n *node) {
		n.listing, n.changes = nil, nil
		n.checked = time.Time{}
		if n.kind != kindDir {
			_, key := f.keyOf(n)
			f.fileMoved(n, became[key])
		}
	})
	src.checked = born
	if oldDir != nil {
		f.dropUnused(oldDir)
	}
}

// fileMoved makes a file below a directory that was moved the version that its copy is, where a copy got another ETag, too; needs f.mu. A node
// that stands for another version than was copied keeps it, to be found stale.
func (f *FS) fileMoved(n *node, k movedKey) {
	if n.reader != nil {
		f.closeReader(n)
	}
	if k.now.ETag == "" || n.obj.etag != k.from.ETag {
		return
	}
	if n.pages == n.obj.etag {
		n.pages = k.now.ETag
	}
	n.obj.etag = k.now.ETag
	if !k.now.Modified.IsZero() {
		n.obj.modified = k.now.Modified.Truncate(time.Second)
	}
}

// withPlain adds the marker whose key has no slash, if it is still the empty object that means the directory.
func (f *FS) withPlain(ctx context.Context, keys []movedKey, p place, prefix string) ([]movedKey, error) {
	h, err := f.o.Store.Head(ctx, p.bucket, strings.TrimSuffix(p.prefix, "/"))
	if isNotExist(err) || err == nil && (h.Size > 0 || h.Large != s3.NotLarge) {
		return keys, nil
	}
	if err != nil {
		return nil, err
	}
	return append(keys, movedKey{from: h.Version(p.bucket), to: strings.TrimSuffix(prefix, "/")}), nil
}
