package mount

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"allasfs/fs"
)

const (
	blockSize    = 4096           // of statfs(2), bytes
	ioSize       = 128 << 10      // st_blksize: what stdio buffers
	noQuotaSpace = int64(1) << 50 // free bytes shown where the store tells no quota: 1 PiB
	noQuotaFiles = int64(1) << 30 // free files shown then
	maxNameLen   = 255
)

// fillAttr writes a as the kernel takes it.
func fillAttr(a fs.Attr, out *fuse.Attr) {
	*out = fuse.Attr{
		Ino: a.ID, Size: uint64(a.Size), Blocks: uint64(a.Size+511) / 512, Blksize: ioSize,
		Mode: a.Mode, Nlink: a.Nlink, Owner: fuse.Owner{Uid: a.UID, Gid: a.GID},
	}
	out.SetTimes(&a.Mtime, &a.Mtime, &a.Ctime) // there is no time of access
}

func (b *bridge) fillEntry(a fs.Attr, out *fuse.EntryOut) {
	out.NodeId, out.Generation = b.number(a.ID), 0
	out.SetEntryTimeout(a.Valid)
	out.SetAttrTimeout(a.Valid)
	fillAttr(a, &out.Attr)
	out.Attr.Ino = out.NodeId
}

func (b *bridge) fillAttrOut(a fs.Attr, out *fuse.AttrOut) {
	out.SetTimeout(a.Valid)
	fillAttr(a, &out.Attr)
	out.Attr.Ino = b.number(a.ID)
}

// Lookup implements fuse.RawFileSystem. A name that does not exist is an entry too, of node 0, when it may be trusted for a while.
func (b *bridge) Lookup(cancel <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	r := b.request(cancel, in)
	defer r.stop()
	a, err := b.fs.Lookup(r, in.NodeId, name)
	if err == nil {
		b.fillEntry(a, out)
		return fuse.OK
	}
	st := b.statusNamed("lookup", in.NodeId, name, err)
	if st == fuse.ENOENT && a.Valid > 0 {
		*out = fuse.EntryOut{}
		out.SetEntryTimeout(a.Valid)
		return fuse.OK
	}
	return st
}

// Forget implements fuse.RawFileSystem.
func (b *bridge) Forget(node, lookups uint64) { b.fs.Forget(node, lookups) }

// GetAttr implements fuse.RawFileSystem.
func (b *bridge) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	a, err := b.fs.Getattr(r, in.NodeId)
	if err != nil {
		return b.status("stat", in.NodeId, err)
	}
	b.fillAttrOut(a, out)
	return fuse.OK
}

// SetAttr implements fuse.RawFileSystem: truncate, chmod, chown, utimens. Times of access are not kept.
func (b *bridge) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	var h *fs.Handle
	if number, ok := in.GetFh(); ok {
		if f := b.files.get(number); f != nil {
			h = f.handle
		}
	}
	var a fs.Attr
	var err error
	if c := changeOf(in); c == (fs.Change{}) {
		a, err = b.fs.Getattr(r, in.NodeId)
	} else {
		a, err = b.fs.Setattr(r, in.NodeId, h, c)
	}
	if err != nil {
		return b.status("set attributes", in.NodeId, err)
	}
	b.fillAttrOut(a, out)
	return fuse.OK
}

func changeOf(in *fuse.SetAttrIn) fs.Change {
	var c fs.Change
	if size, ok := in.GetSize(); ok {
		c.Size = new(int64(size))
	}
	if mode, ok := in.GetMode(); ok {
		c.Mode = &mode
	}
	if uid, ok := in.GetUID(); ok {
		c.UID = &uid
	}
	if gid, ok := in.GetGID(); ok {
		c.GID = &gid
	}
	if t, ok := in.GetMTime(); ok {
		_, both := in.GetATime() // of which the kernel has no idea of its own
		c.Mtime, c.Guessed = &t, !both
	}
	c.DropSetID = in.Valid&fuse.FATTR_KILL_SUIDGID != 0 || c.UID != nil || c.GID != nil
	return c
}

// Access implements fuse.RawFileSystem. The kernel asks only where somebody else mounted without default_permissions: /dev/fd/N.
func (b *bridge) Access(cancel <-chan struct{}, in *fuse.AccessIn) fuse.Status {
	if in.Mask&fuse.X_OK == 0 {
		return fuse.OK
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	a, err := b.fs.Getattr(r, in.NodeId)
	if err != nil {
		return b.status("access", in.NodeId, err)
	}
	if a.Mode&syscall.S_IFMT == syscall.S_IFREG && a.Mode&0o111 == 0 {
		return fuse.EACCES
	}
	return fuse.OK
}

// StatFs implements fuse.RawFileSystem: the quota and what is used of it.
func (b *bridge) StatFs(cancel <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	r := b.request(cancel, in)
	defer r.stop()
	s, err := b.fs.Statfs(r, in.NodeId)
	if err != nil {
		return b.status("statfs", in.NodeId, err)
	}
	fillStatfs(s, out)
	return fuse.OK
}

func fillStatfs(s fs.Space, out *fuse.StatfsOut) {
	free, total := room(s.Bytes, s.QuotaBytes, noQuotaSpace)
	out.Blocks, out.Bfree = total/blockSize, free/blockSize
	out.Ffree, out.Files = room(s.Objects, s.QuotaObjects, noQuotaFiles)
	out.Bavail = out.Bfree
	out.Bsize, out.Frsize, out.NameLen = blockSize, blockSize, maxNameLen
}

// room is what is free and what there is in all; negative numbers are unknown, and quotas that do not exist.
func room(used, quota, unlimited int64) (free, total uint64) {
	used = max(used, 0)
	if quota < 0 {
		return uint64(unlimited), uint64(used + unlimited)
	}
	return uint64(max(quota-used, 0)), uint64(max(quota, used))
}
