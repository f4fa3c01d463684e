package fs

import (
	"context"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

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
		again, err := f.sendsAgain(src), error(nil)
		if !again {
			err = f.moveDir(ctx, src, dst, from, to)
		}
		f.tree.Release(whole)
		if !again || err != nil {
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
	if p := f.placeOf(src); p.prefix == "" || p.cont != "" {
		return syscall.EXDEV // a bucket, or a piece of long names, which is no prefix of theirs elsewhere: mv copies
	}
	for n := to.dir; n != nil; n = n.parent {
		if n == src {
			return syscall.EINVAL
		}
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

// sendsAgain tells whether files below dir have unsent bytes or attributes after all was sent.
func (f *FS) sendsAgain(dir *node) bool {
	left := f.unsentBelow(dir)
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(left, func(n *node) bool { return n.attrsUnsent || !n.inFlux() })
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
	var over replacedDir
	if dst != nil {
		if over, err = f.replacing(ctx, dst); err != nil {
			return err
		}
	}
	f.mu.Lock()
	p, plain := f.placeOf(src), src.plain
	f.mu.Unlock()
	target := to.at.child(to.part)
	if err := f.settleCopies(ctx, p.bucket, func(key string) bool { return strings.HasPrefix(key, p.prefix) }); err != nil {
		return err
	}
	m := f.beginMove(moveIntent{
		Store: f.o.Name, Bucket: p.bucket, Prefix: p.prefix, ToBucket: target.bucket, ToPrefix: target.prefix, Plain: plain,
		Phase: moveCopying, Begun: time.Now().UTC(),
	})
	m.over = over.markers()
	defer m.end(ctx)
	keys, copied, err := m.run(ctx)
	if !copied {
		return err
	}
	f.replaced(ctx, over, keys)
	f.mu.Lock()
	oldDir, oldName := src.parent, src.name
	f.mu.Unlock()
	f.dirMoved(src, keys, target.bucket, to)
	for _, n := range f.unsentBelow(src) { // what was set meanwhile: before the journal forgets the rename
		f.noteAttrs(n)
	}
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
