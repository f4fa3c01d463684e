package mount

import (
	"context"
	"errors"
	"math"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"allasfs/fs"
)

// file is one open file as the kernel numbers it.
type file struct {
	handle *fs.Handle
	both   bool // opened to read and write
	past   bool // its writes go past the kernel's pages, which may be read by other handles
}

// opened gives h a number. A handle that can have nothing to send needs no FLUSH; a new or emptied file has, though it be open for reading. After an error h
// is released.
func (b *bridge) opened(ctx context.Context, h *fs.Handle, flags uint32, created bool, out *fuse.OpenOut) error {
	mode := flags & syscall.O_ACCMODE
	out.OpenFlags = 0
	both := mode == syscall.O_RDWR
	id, past, err := b.backings.open(h, both, !both && flags&syscall.O_DIRECT == 0)
	if err != nil {
		b.backings.release(h.Node(), both, false)
		h.Release()
		return err
	}
	switch {
	case id != 0:
		out.OpenFlags, out.BackingID = fuse.FOPEN_PASSTHROUGH, id
	case h.KeepCache():
		out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	}
	others := b.backings.opened(h.Node()).both // by which mappings may write
	if both {
		others--
	}
	aside := id == 0 && mode == syscall.O_WRONLY && b.past && others == 0
	if aside || h.Direct() && others == 0 || id != 0 && !past && mode != syscall.O_RDONLY {
		out.OpenFlags |= fuse.FOPEN_DIRECT_IO
	}
	if mode == syscall.O_RDONLY && flags&syscall.O_TRUNC == 0 && !created {
		out.OpenFlags |= fuse.FOPEN_NOFLUSH
	}
	if id != 0 && both && !past {
		if err := h.Watch(ctx); err != nil {
			b.backings.release(h.Node(), both, false)
			h.Release()
			return err
		}
	}
	out.Fh = b.files.add(&file{handle: h, both: both, past: aside})
	return nil
}

// access is how to open a file for a program's flags. Where the kernel collects writes it reads by any handle, and knows itself where appended bytes go.
func (b *bridge) access(flags uint32) uint32 {
	if !b.collects || flags&syscall.O_ACCMODE == syscall.O_RDONLY {
		return flags
	}
	return flags&^(syscall.O_ACCMODE|syscall.O_APPEND) | syscall.O_RDWR
}

// Open implements fuse.RawFileSystem. ESTALE makes the kernel look the name up again and open what it is now.
func (b *bridge) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	h, err := b.fs.Open(r, in.NodeId, b.access(in.Flags))
	if err != nil {
		return b.status("open", in.NodeId, err)
	}
	if in.Mode&fuse.OPEN_KILL_SUIDGID != 0 {
		b.fs.DropSetID(in.NodeId)
	}
	return b.status("open", in.NodeId, b.opened(r, h, in.Flags, false, out))
}

// Create implements fuse.RawFileSystem.
func (b *bridge) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	a, h, err := b.fs.Create(making(r, &in.InHeader), in.NodeId, name, b.access(in.Flags), in.Mode)
	if err != nil {
		return b.statusNamed("create", in.NodeId, name, err)
	}
	if err := b.opened(r, h, in.Flags, true, &out.OpenOut); err != nil {
		b.fs.Forget(a.ID, 1)
		return b.statusNamed("create", in.NodeId, name, err)
	}
	b.fillEntry(a, &out.EntryOut)
	return fuse.OK
}

// Read implements fuse.RawFileSystem. Less than was asked for means the end of the file to the kernel, so part of a failed read is not returned.
func (b *bridge) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	f := b.files.get(in.Fh)
	if f == nil {
		return nil, fuse.EBADF
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	n, err := f.handle.ReadAt(r, buf[:min(int(in.Size), len(buf))], int64(in.Offset))
	if err != nil {
		return nil, b.statusData("read", in.NodeId, err)
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Write implements fuse.RawFileSystem. No program waits for pages that the kernel writes out, and none can end the wait.
func (b *bridge) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	f := b.files.get(in.Fh)
	if f == nil {
		return 0, fuse.EBADF
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	write, ctx := f.handle.WriteAt, context.Context(r)
	if in.WriteFlags&fuse.WRITE_CACHE != 0 {
		write, ctx = f.handle.WritePages, b.ctx
	}
	var before openings
	if f.past {
		before = b.backings.opened(f.handle.Node())
	}
	n, err := write(ctx, data, int64(in.Offset))
	if f.past && (before.handles > 1 || b.backings.opened(f.handle.Node()) != before) {
		b.notifier.ContentChanged(f.handle.Node()) // the kernel dropped the pages before it sent the write, and may have read them again since
	}
	if err != nil {
		return uint32(n), b.status("write", in.NodeId, err)
	}
	if in.WriteFlags&fuse.WRITE_KILL_SUIDGID != 0 {
		b.fs.DropSetID(in.NodeId)
	}
	return uint32(n), fuse.OK
}

// Flush implements fuse.RawFileSystem: each close(2), back when the object is in the store, or, with write-back, safe on the local disk.
func (b *bridge) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	f := b.files.get(in.Fh)
	if f == nil {
		return fuse.EBADF
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	r.closing = true
	return b.statusData("close", in.NodeId, f.handle.Flush(r))
}

// Fsync implements fuse.RawFileSystem.
func (b *bridge) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	f := b.files.get(in.Fh)
	if f == nil {
		return fuse.EBADF
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	return b.statusData("fsync", in.NodeId, f.handle.Fsync(r))
}

// Release implements fuse.RawFileSystem.
func (b *bridge) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	if f := b.files.get(in.Fh); f != nil {
		b.backings.release(f.handle.Node(), f.both, false)
		b.files.remove(in.Fh)
		f.handle.Release()
	}
}

// Fallocate implements fuse.RawFileSystem.
func (b *bridge) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	f := b.files.get(in.Fh)
	if f == nil {
		return fuse.EBADF
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	return b.status("fallocate", in.NodeId, f.handle.Allocate(r, int64(in.Offset), int64(in.Length), in.Mode))
}

// Lseek implements fuse.RawFileSystem: SEEK_DATA and SEEK_HOLE.
func (b *bridge) Lseek(cancel <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	f := b.files.get(in.Fh)
	if f == nil {
		return fuse.EBADF
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	if b.collects {
		return fuse.ENOSYS // the kernel answers by itself from now on: what it has not passed on would be told as a hole
	}
	off, err := f.handle.Seek(r, int64(in.Offset), int(in.Whence))
	if err != nil {
		return b.status("seek", in.NodeId, err)
	}
	out.Offset = uint64(off)
	return fuse.OK
}

// maxCopy is how many bytes one answer to COPY_FILE_RANGE can tell, in whole pages: the kernel asks again for the rest.
const maxCopy = 1<<31 - 4096

// CopyFileRange implements fuse.RawFileSystem. After EOPNOTSUPP the kernel reads and writes instead; ENOSYS it would remember for the whole mount.
func (b *bridge) CopyFileRange(cancel <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	from, to := b.files.get(in.FhIn), b.files.get(in.FhOut)
	if from == nil || to == nil {
		return 0, fuse.EBADF
	}
	if in.OffIn > math.MaxInt64 || in.OffOut > math.MaxInt64 {
		return 0, fuse.EINVAL
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	n, err := to.handle.CopyFrom(r, from.handle, int64(in.OffIn), int64(in.OffOut), int64(min(in.Len, maxCopy)))
	if errors.Is(err, syscall.EOPNOTSUPP) {
		return 0, fuse.Status(syscall.EOPNOTSUPP)
	}
	return uint32(n), b.status("copy_file_range", in.NodeIdOut, err)
}

// Ioctl implements fuse.RawFileSystem: none is known.
func (b *bridge) Ioctl(<-chan struct{}, *fuse.IoctlIn, []byte, *fuse.IoctlOut, []byte) fuse.Status {
	return fuse.Status(syscall.ENOTTY)
}
