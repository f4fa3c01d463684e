package mount

import (
	"context"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"allasfs/fs"
)

// Mkdir implements fuse.RawFileSystem.
func (b *bridge) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	a, err := b.fs.Mkdir(making(r, &in.InHeader), in.NodeId, name, in.Mode)
	if err != nil {
		return b.statusNamed("mkdir", in.NodeId, name, err)
	}
	b.fillEntry(a, out)
	return fuse.OK
}

// making is the context of a request that makes a file. What another user than the daemon's makes is that user's; one whom the daemon's name space does not know has
// no number that means anything.
func making(r *request, in *fuse.InHeader) context.Context {
	const unknown = ^uint32(0)
	if in.Uid == uint32(os.Geteuid()) || in.Uid == unknown {
		return r
	}
	return fs.WithCreator(r, in.Uid, in.Gid)
}

// Rmdir implements fuse.RawFileSystem.
func (b *bridge) Rmdir(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	r := b.request(cancel, in)
	defer r.stop()
	return b.statusNamed("rmdir", in.NodeId, name, b.fs.Rmdir(r, in.NodeId, name))
}

// Unlink implements fuse.RawFileSystem.
func (b *bridge) Unlink(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	r := b.request(cancel, in)
	defer r.stop()
	return b.statusNamed("unlink", in.NodeId, name, b.fs.Unlink(r, in.NodeId, name))
}

// Rename implements fuse.RawFileSystem. RENAME_EXCHANGE cannot be done in one step in the store, and there are no whiteouts: EINVAL.
func (b *bridge) Rename(cancel <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	if in.Flags&^unix.RENAME_NOREPLACE != 0 {
		return fuse.EINVAL
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	err := b.fs.Rename(r, in.NodeId, oldName, in.Newdir, newName, in.Flags&unix.RENAME_NOREPLACE != 0)
	return b.statusNamed("rename", in.NodeId, oldName, err)
}

// Link implements fuse.RawFileSystem: an object has one key.
func (b *bridge) Link(<-chan struct{}, *fuse.LinkIn, string, *fuse.EntryOut) fuse.Status {
	return fuse.EPERM
}

// Mknod implements fuse.RawFileSystem: regular files, empty and at once in the store.
func (b *bridge) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	if t := in.Mode & syscall.S_IFMT; t != syscall.S_IFREG && t != 0 {
		return fuse.EPERM
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	a, h, err := b.fs.Create(making(r, &in.InHeader), in.NodeId, name, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL, in.Mode)
	if err != nil {
		return b.statusNamed("mknod", in.NodeId, name, err)
	}
	err = h.Flush(r)
	h.Release()
	if err != nil {
		b.fs.Forget(a.ID, 1)
		return b.statusData("mknod", a.ID, err)
	}
	b.fillEntry(a, out)
	return fuse.OK
}

// Symlink implements fuse.RawFileSystem.
func (b *bridge) Symlink(cancel <-chan struct{}, in *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	r := b.request(cancel, in)
	defer r.stop()
	a, err := b.fs.Symlink(making(r, in), in.NodeId, name, target)
	if err != nil {
		return b.statusNamed("symlink", in.NodeId, name, err)
	}
	b.fillEntry(a, out)
	return fuse.OK
}

// Readlink implements fuse.RawFileSystem.
func (b *bridge) Readlink(cancel <-chan struct{}, in *fuse.InHeader) ([]byte, fuse.Status) {
	r := b.request(cancel, in)
	defer r.stop()
	target, err := b.fs.Readlink(r, in.NodeId)
	if err != nil {
		return nil, b.status("readlink", in.NodeId, err)
	}
	return []byte(target), fuse.OK
}
