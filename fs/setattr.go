package fs

import (
	"context"
	"os"
	"syscall"
	"time"
)

// settleAfter is how long attributes and directory markers wait for what usually follows them: a rename, a child, a removal.
const settleAfter = time.Second

func (f *FS) node(id uint64) (*node, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.nodes[id]; n != nil {
		return n, nil
	}
	return nil, syscall.ESTALE
}

// Getattr returns a node's attributes, asking the store when what is known is older than the TTL.
func (f *FS) Getattr(ctx context.Context, id uint64) (Attr, error) {
	n, err := f.node(id)
	if err != nil {
		return Attr{}, err
	}
	f.mu.Lock()
	ask := n.kind != kindDir && n.draft == nil && !n.attrsUnsent && n.sending == nil && n.parent != nil && !f.fresh(n.checked)
	f.mu.Unlock()
	if ask {
		if _, err := f.refresh(ctx, n, true); err != nil {
			return Attr{}, err
		}
	}
	f.mu.Lock()
	drop := f.dropNames(n)
	a := f.attrOf(n)
	f.mu.Unlock()
	drop()
	return a, nil
}

// Setattr changes what c names, ESTALE when the name is another file's by now; h is the open handle it came through, or nil. A new size without a handle is in the store when it returns; other
// attributes follow within seconds, at fsync, or with the bytes when the file is closed. Directories and Swift large objects keep theirs for the
// life of the mount only.
func (f *FS) Setattr(ctx context.Context, id uint64, h *Handle, c Change) (Attr, error) {
	if err := f.writableIn(id, ""); err != nil {
		return Attr{}, err
	}
	if c.Size != nil && h == nil {
		f.leftOfNode(ctx, id)
	}
	n, err := f.node(id)
	if err != nil {
		return Attr{}, err
	}
	f.takeLeft(n)
	if c.Size != nil {
		if err := f.setSize(ctx, n, h, *c.Size); err != nil {
			return Attr{}, err
		}
	}
	if c.Mtime != nil {
		if err := f.dated(ctx, n); err != nil {
			return Attr{}, err
		}
	}
	a, unsent := f.setOthers(n, c)
	if unsent {
		f.noteAttrs(n)
	}
	return a, nil
}

// setOthers changes what c names, but for the size; unsent tells that the store has to hear of it.
func (f *FS) setOthers(n *node, c Change) (a Attr, unsent bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	echo := f.isEcho(n, c)
	if c.Mtime != nil {
		n.tells = false
		if c.Mtime.UnixNano() != n.told {
			n.told = 0
		}
	}
	if echo {
		if !c.DropSetID {
			return f.attrOf(n), false
		}
		c = Change{DropSetID: true}
	}
	unsent = f.changeAttrs(n, c)
	return f.attrOf(n), unsent
}

// changeAttrs changes what c names, but for the size, and sees that the store gets it, if it has to: then the caller notes it. Needs f.mu.
func (f *FS) changeAttrs(n *node, c Change) (unsent bool) {
	return f.setAttrs(n, c) && f.sendLater(n)
}

// sendLater sees that n's attributes, which were changed, get to the store, with the bytes where those have to go; true: the caller notes them. Needs f.mu.
func (f *FS) sendLater(n *node) bool {
	if n.kind != kindDir && n.draft != nil {
		return true
	}
	if n.kind == kindDir || !n.obj.exists || n.parent == nil {
		return false
	}
	n.attrsUnsent = true
	f.schedule(n)
	return true
}

// apart is by how much less two times are one, where the kernel and this side each have noted when something happened.
const apart = time.Second

// isEcho tells whether c is but the kernel's own idea of n's mtime: of when a change of size happened that is in the store already, or, as it tells after
// a rename, of before a change that it does not know of. Needs f.mu.
func (f *FS) isEcho(n *node, c Change) bool {
	if !f.o.KernelWrites || c.Mtime == nil || c != (Change{Size: c.Size, Mtime: c.Mtime, Guessed: true, DropSetID: c.DropSetID}) {
		return false
	}
	if n.tells && c.Mtime.UnixNano() == n.told {
		return true
	}
	return n.draft == nil && c.Mtime.Sub(f.attrOf(n).Mtime).Abs() < apart
}

// mtimeMoves is for a change of n's mtime that the kernel does not follow, before it happens: where it collects writes, it goes on with what it has.
func (f *FS) mtimeMoves(n *node) {
	if !f.o.KernelWrites {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keepTold(n)
}

// keepTold notes which mtime the kernel has of n; needs f.mu.
func (f *FS) keepTold(n *node) {
	if f.o.KernelWrites && n.told == 0 && n.refs > 0 {
		n.told = f.attrOf(n).Mtime.UnixNano()
	}
}

func (f *FS) setSize(ctx context.Context, n *node, h *Handle, size int64) error {
	switch {
	case n.kind == kindDir:
		return syscall.EISDIR
	case n.kind == kindLink:
		return syscall.EINVAL
	case h != nil && !h.write:
		return syscall.EINVAL
	}
	f.mu.Lock()
	same := n.draft == nil && n.obj.exists && n.obj.size == size
	f.mu.Unlock()
	if same {
		return nil
	}
	if err := f.truncate(ctx, n, size); err != nil {
		return err
	}
	f.mu.Lock()
	open := n.writers > 0
	f.mu.Unlock()
	if open {
		return nil
	}
	return f.closeFile(ctx, n)
}

// setAttrs tells whether anything changed; needs f.mu.
func (f *FS) setAttrs(n *node, c Change) bool {
	was := f.attrOf(n)
	if c.Mode != nil && *c.Mode&0o7777 != was.Mode&0o7777 {
		n.at.hasMode, n.at.mode = true, *c.Mode&0o7777
	}
	if c.DropSetID && c.Mode == nil && n.kind == kindFile && was.Mode&setID != 0 {
		n.at.hasMode, n.at.mode = true, withoutSetID(was.Mode)&0o7777
	}
	uid, gid := was.UID, was.GID
	if c.UID != nil {
		uid = *c.UID
	}
	if c.GID != nil {
		gid = *c.GID
	}
	if uid != was.UID || gid != was.GID {
		n.at.hasOwner, n.at.uid, n.at.gid = true, uid, gid
	}
	if c.Mtime != nil {
		n.at.mtime = *c.Mtime
	}
	n.attrsSeq++
	now := f.attrOf(n)
	return now.Mode != was.Mode || now.UID != was.UID || now.GID != was.GID || !now.Mtime.Equal(was.Mtime)
}

// attrsStored makes at, which the store now holds, the attributes of n; a Setattr since seq stays and is sent by and by. Needs f.mu.
func (f *FS) attrsStored(n *node, at knownAttrs, seq uint64) {
	f.attrsSettled(n)
	if n.attrsSeq != seq {
		at = at.with(n.at)
		if n.parent != nil && !n.unlinked {
			n.attrsUnsent = true
			f.schedule(n)
			f.spawn(func() { f.noteAttrs(n) })
		}
	}
	n.at = at
}

// Symlink makes a symbolic link as s3fs stores it: an object whose mode says so and whose bytes are the target. Adds a reference.
func (f *FS) Symlink(ctx context.Context, parent uint64, nm, target string) (Attr, error) {
	if err := f.writableIn(parent, nm); err != nil {
		return Attr{}, err
	}
	if len(target) == 0 || len(target) >= 4096 {
		return Attr{}, syscall.ENAMETOOLONG
	}
	looked := time.Now()
	if err := f.absent(ctx, parent, nm); err != nil {
		return Attr{}, err
	}
	n, err := f.newFile(ctx, parent, nm, 0o777, knownAttrs{link: true}, looked)
	if err != nil {
		return Attr{}, err
	}
	f.mu.Lock()
	d := n.draft
	n.target = target
	f.mu.Unlock()
	if _, err = d.WriteAt([]byte(target), 0); err == nil {
		err = f.closeFile(ctx, n)
	}
	if err != nil {
		f.abandon(n)
		f.unpin(n)
		return Attr{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attrOf(n), nil
}

// absent is os.ErrExist when the name is taken.
func (f *FS) absent(ctx context.Context, parent uint64, nm string) error {
	n, err := f.lookup(ctx, parent, nm)
	if err == nil {
		f.unpin(n)
		return os.ErrExist
	}
	if isNotExist(err) {
		return nil
	}
	return err
}

// Readlink returns a symbolic link's target.
func (f *FS) Readlink(ctx context.Context, id uint64) (string, error) {
	n, err := f.node(id)
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	k, target, size := n.kind, n.target, n.obj.size
	f.mu.Unlock()
	if k != kindLink {
		return "", syscall.EINVAL
	}
	if target != "" {
		return target, nil
	}
	p := make([]byte, min(size, 4095))
	got, err := f.read(ctx, n, p, 0)
	return string(p[:got]), err
}

// abandon drops a new file that could not be stored.
func (f *FS) abandon(n *node) {
	f.mu.Lock()
	d := n.draft
	n.draft, n.unlinked = nil, true
	f.detach(n)
	f.mu.Unlock()
	if d != nil {
		if err := d.Discard(); err != nil {
			f.log.Warn("discard a draft", "err", err)
		}
	}
}
