package fs

import (
	"context"
	"syscall"
	"time"
)

// creatorKey is the key of a context's creator.
type creatorKey struct{}

type creator struct{ uid, gid uint32 }

// WithCreator tells Create, Mkdir and Symlink who makes the file: another user than the one whose the mount is. Without it a new file is Options.UID's.
func WithCreator(ctx context.Context, uid, gid uint32) context.Context {
	return context.WithValue(ctx, creatorKey{}, creator{uid, gid})
}

// own gives what is about to be made in d its owner, where that is not the mount's: its creator, and the group of a directory with the set-group bit. It returns
// the bits that d hands down to a directory in it. Needs f.mu.
func (f *FS) own(ctx context.Context, d *node, at *knownAttrs) (inherited uint32) {
	c, ok := ctx.Value(creatorKey{}).(creator)
	if ok = ok && c.uid != f.o.UID; !ok {
		c = creator{f.o.UID, f.o.GID}
	}
	if above := f.attrOf(d); above.Mode&syscall.S_ISGID != 0 {
		c.gid, inherited, ok = above.GID, syscall.S_ISGID, true
	}
	if ok && (c != creator{f.o.UID, f.o.GID}) {
		at.hasOwner, at.uid, at.gid = true, c.uid, c.gid
	}
	return inherited
}

// touch notes that names in a directory changed here; its time is kept as long as its node. Needs f.mu.
func touch(dirs ...*node) {
	for _, d := range dirs {
		if d != nil {
			d.at.mtime = time.Now()
		}
	}
}

// setID are the bits that go when somebody else writes to a file.
const setID = syscall.S_ISUID | syscall.S_ISGID

// withoutSetID is a file's mode after a write by somebody who may not keep those bits: the set-group bit stays where the group may not execute the file, as it
// means something else there.
func withoutSetID(mode uint32) uint32 {
	mode &^= syscall.S_ISUID
	if mode&syscall.S_IXGRP != 0 {
		mode &^= syscall.S_ISGID
	}
	return mode
}

// DropSetID takes the set-user and set-group bits of a file away, as a write by somebody else than root does.
func (f *FS) DropSetID(id uint64) {
	f.mu.Lock()
	n := f.nodes[id]
	unsent := n != nil && n.kind == kindFile && n.at.hasMode && n.at.mode&setID != 0 && f.changeAttrs(n, Change{DropSetID: true})
	f.mu.Unlock()
	if unsent {
		f.noteAttrs(n)
	}
}
