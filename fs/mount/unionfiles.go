package mount

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// This file passes the requests of a union to their part. At the top nothing can be made, removed, renamed or changed: EPERM.

// Access implements fuse.RawFileSystem.
func (u *union) Access(cancel <-chan struct{}, in *fuse.AccessIn) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.Access(cancel, in)
	}
	return fuse.OK
}

// SetAttr implements fuse.RawFileSystem.
func (u *union) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.SetAttr(cancel, in, out)
	}
	return fuse.EPERM
}

// Readlink implements fuse.RawFileSystem.
func (u *union) Readlink(cancel <-chan struct{}, in *fuse.InHeader) ([]byte, fuse.Status) {
	if p := u.of(in); p != nil {
		return p.Readlink(cancel, in)
	}
	return nil, fuse.EINVAL
}

// Mknod implements fuse.RawFileSystem.
func (u *union) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.Mknod(cancel, in, name, out)
	}
	return fuse.EPERM
}

// Mkdir implements fuse.RawFileSystem.
func (u *union) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.Mkdir(cancel, in, name, out)
	}
	return fuse.EPERM
}

// Unlink implements fuse.RawFileSystem.
func (u *union) Unlink(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	if p := u.of(in); p != nil {
		return p.Unlink(cancel, in, name)
	}
	return fuse.EPERM
}

// Rmdir implements fuse.RawFileSystem.
func (u *union) Rmdir(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	if p := u.of(in); p != nil {
		return p.Rmdir(cancel, in, name)
	}
	return fuse.EPERM
}

// Symlink implements fuse.RawFileSystem.
func (u *union) Symlink(cancel <-chan struct{}, in *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	if p := u.of(in); p != nil {
		return p.Symlink(cancel, in, target, name, out)
	}
	return fuse.EPERM
}

// Rename implements fuse.RawFileSystem. From one part to another it is EXDEV: mv copies.
func (u *union) Rename(cancel <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	p := u.of(&in.InHeader)
	to, dir := u.split(in.Newdir)
	in.Newdir = dir
	switch {
	case p != to:
		return fuse.EXDEV
	case p == nil:
		return fuse.EPERM
	}
	return p.Rename(cancel, in, oldName, newName)
}

// Link implements fuse.RawFileSystem.
func (u *union) Link(<-chan struct{}, *fuse.LinkIn, string, *fuse.EntryOut) fuse.Status {
	return fuse.EPERM
}

// GetXAttr implements fuse.RawFileSystem.
func (u *union) GetXAttr(cancel <-chan struct{}, in *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
	p := u.of(in)
	switch {
	case p != nil:
		return p.GetXAttr(cancel, in, attr, dest)
	case unsupported(attr):
		return 0, fuse.ENOTSUP
	}
	return 0, fuse.Status(syscall.ENODATA)
}

// ListXAttr implements fuse.RawFileSystem.
func (u *union) ListXAttr(cancel <-chan struct{}, in *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	if p := u.of(in); p != nil {
		return p.ListXAttr(cancel, in, dest)
	}
	return 0, fuse.OK
}

// SetXAttr implements fuse.RawFileSystem.
func (u *union) SetXAttr(cancel <-chan struct{}, in *fuse.SetXAttrIn, attr string, data []byte) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.SetXAttr(cancel, in, attr, data)
	}
	return fuse.ENOTSUP
}

// RemoveXAttr implements fuse.RawFileSystem.
func (u *union) RemoveXAttr(cancel <-chan struct{}, in *fuse.InHeader, attr string) fuse.Status {
	if p := u.of(in); p != nil {
		return p.RemoveXAttr(cancel, in, attr)
	}
	return fuse.ENOTSUP
}

// Create implements fuse.RawFileSystem.
func (u *union) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.Create(cancel, in, name, out)
	}
	return fuse.EPERM
}

// Open implements fuse.RawFileSystem.
func (u *union) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.Open(cancel, in, out)
	}
	return fuse.Status(syscall.EISDIR)
}

// Read implements fuse.RawFileSystem.
func (u *union) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	if p := u.of(&in.InHeader); p != nil {
		return p.Read(cancel, in, buf)
	}
	return nil, fuse.EBADF
}

// Write implements fuse.RawFileSystem.
func (u *union) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	if p := u.of(&in.InHeader); p != nil {
		return p.Write(cancel, in, data)
	}
	return 0, fuse.EBADF
}

// Flush implements fuse.RawFileSystem.
func (u *union) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.Flush(cancel, in)
	}
	return fuse.EBADF
}

// Fsync implements fuse.RawFileSystem.
func (u *union) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.Fsync(cancel, in)
	}
	return fuse.EBADF
}

// Release implements fuse.RawFileSystem.
func (u *union) Release(cancel <-chan struct{}, in *fuse.ReleaseIn) {
	if p := u.of(&in.InHeader); p != nil {
		p.Release(cancel, in)
	}
}

// Fallocate implements fuse.RawFileSystem.
func (u *union) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.Fallocate(cancel, in)
	}
	return fuse.EBADF
}

// Lseek implements fuse.RawFileSystem.
func (u *union) Lseek(cancel <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.Lseek(cancel, in, out)
	}
	return fuse.EBADF
}

// CopyFileRange implements fuse.RawFileSystem. From one part to another the kernel reads and writes.
func (u *union) CopyFileRange(cancel <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	p := u.of(&in.InHeader)
	to, id := u.split(in.NodeIdOut)
	in.NodeIdOut = id
	if p == nil || p != to {
		return 0, fuse.Status(syscall.EOPNOTSUPP)
	}
	return p.CopyFileRange(cancel, in)
}

// Ioctl implements fuse.RawFileSystem: none is known.
func (u *union) Ioctl(<-chan struct{}, *fuse.IoctlIn, []byte, *fuse.IoctlOut, []byte) fuse.Status {
	return fuse.Status(syscall.ENOTTY)
}
