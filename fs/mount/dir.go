package mount

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"allasfs/fs"
)

// dir is one open directory as the kernel numbers it. The offset of an entry in the stream is its number, from 1: ".", "..", then the handle's.
type dir struct {
	node uint64

	mu     sync.Mutex // also orders the reads of one handle
	handle *fs.DirHandle
	begun  bool // something was read
}

// dots is how many entries stand before those of the handle.
const dots = 2

// OpenDir implements fuse.RawFileSystem.
func (b *bridge) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	h, err := b.fs.OpenDir(r, in.NodeId)
	if err != nil {
		return b.status("opendir", in.NodeId, err)
	}
	switch names, keep := h.Cache(); {
	case keep:
		out.OpenFlags = fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE
	case names:
		out.OpenFlags = fuse.FOPEN_CACHE_DIR
	}
	out.Fh = b.dirs.add(&dir{node: in.NodeId, handle: h})
	return fuse.OK
}

// ReadDir implements fuse.RawFileSystem.
func (b *bridge) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return b.readDir(cancel, in, func(_ context.Context, _ *fs.DirHandle, _ int, e fuse.DirEntry) bool { return out.AddDirEntry(e) })
}

// ReadDirPlus implements fuse.RawFileSystem: entries with their attributes, each a lookup that the kernel gives back by FORGET.
func (b *bridge) ReadDirPlus(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return b.readDir(cancel, in, func(ctx context.Context, h *fs.DirHandle, i int, e fuse.DirEntry) bool {
		return b.addPlus(ctx, h, i, e, out)
	})
}

// readDir adds entries from in's offset on until add says that one does not fit. At offset 0, but for the first time, it reads the directory
// anew, as rewinddir(3) promises. An error is told when nothing could be returned before it.
func (b *bridge) readDir(cancel <-chan struct{}, in *fuse.ReadIn, add func(context.Context, *fs.DirHandle, int, fuse.DirEntry) bool) fuse.Status {
	d := b.dirs.get(in.Fh)
	if d == nil {
		return fuse.EBADF
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	if in.Offset == 0 && d.begun {
		if err := d.rewind(r, b.fs); err != nil {
			return b.status("rewinddir", d.node, err)
		}
	}
	d.begun = true
	for off := in.Offset; ; off++ {
		e, ok, err := d.entry(r, off)
		if err != nil && off == in.Offset {
			return b.status("readdir", d.node, err)
		}
		if e.Ino != 0 {
			e.Ino = b.number(e.Ino)
		}
		if err != nil || !ok || !add(r, d.handle, int(off)-dots, e) {
			return fuse.OK
		}
	}
}

func (d *dir) rewind(ctx context.Context, f *fs.FS) error {
	h, err := f.OpenDir(ctx, d.node)
	if err != nil {
		return err
	}
	d.handle.Release()
	d.handle = h
	return nil
}

// entry is the entry that begins at an offset.
func (d *dir) entry(ctx context.Context, off uint64) (fuse.DirEntry, bool, error) {
	switch off {
	case 0:
		return fuse.DirEntry{Name: ".", Mode: syscall.S_IFDIR, Ino: d.node, Off: 1}, true, nil
	case 1:
		return fuse.DirEntry{Name: "..", Mode: syscall.S_IFDIR, Off: 2}, true, nil
	}
	e, ok, err := d.handle.Entry(ctx, int(off)-dots)
	return fuse.DirEntry{Name: e.Name, Mode: e.Mode, Ino: e.Ino, Off: off + 1}, ok, err
}

// addPlus adds an entry with its attributes. One whose attributes cannot be had, or would cost a request, is listed without: the kernel, which asks for
// attributes with all names, will look it up when a program needs them. One that is gone is left out.
func (b *bridge) addPlus(ctx context.Context, h *fs.DirHandle, i int, e fuse.DirEntry, out *fuse.DirEntryList) bool {
	if i < 0 || !h.StatKnown(i) { // the kernel takes no attributes of "." and ".."
		return out.AddDirLookupEntry(e) != nil
	}
	a, err := h.Stat(ctx, i)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return true
	case err != nil:
		return out.AddDirLookupEntry(e) != nil
	}
	e.Ino, e.Mode = b.number(a.ID), a.Mode
	entry := out.AddDirLookupEntry(e)
	if entry == nil {
		b.fs.Forget(a.ID, 1)
		return false
	}
	b.fillEntry(a, entry)
	return true
}

// ReleaseDir implements fuse.RawFileSystem.
func (b *bridge) ReleaseDir(in *fuse.ReleaseIn) {
	if d := b.dirs.remove(in.Fh); d != nil {
		d.release()
	}
}

func (d *dir) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handle.Release()
}

// FsyncDir implements fuse.RawFileSystem: names are in the store when the call that made them is back.
func (b *bridge) FsyncDir(<-chan struct{}, *fuse.FsyncIn) fuse.Status { return fuse.OK }
