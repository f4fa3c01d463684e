package powercut

import (
	"context"
	"os"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// node is a file as one mount shows it.
type node struct {
	fusefs.Inode
	d   *Disk
	f   *file
	off *bool // the power of this mount is cut; Disk.mu guards it
}

var (
	_ fusefs.NodeGetattrer = (*node)(nil)
	_ fusefs.NodeSetattrer = (*node)(nil)
	_ fusefs.NodeLookuper  = (*node)(nil)
	_ fusefs.NodeReaddirer = (*node)(nil)
	_ fusefs.NodeMkdirer   = (*node)(nil)
	_ fusefs.NodeCreater   = (*node)(nil)
	_ fusefs.NodeUnlinker  = (*node)(nil)
	_ fusefs.NodeRmdirer   = (*node)(nil)
	_ fusefs.NodeRenamer   = (*node)(nil)
	_ fusefs.NodeOpener    = (*node)(nil)
	_ fusefs.NodeReader    = (*node)(nil)
	_ fusefs.NodeWriter    = (*node)(nil)
	_ fusefs.NodeFsyncer   = (*node)(nil)
	_ fusefs.NodeAllocater = (*node)(nil)
	_ fusefs.NodeLseeker   = (*node)(nil)
	_ fusefs.NodeStatfser  = (*node)(nil)
)

func (n *node) attr(f *file, a *fuse.Attr) {
	a.Ino, a.Mode, a.Size, a.Blocks = f.ino, f.mode, uint64(f.now.size), uint64(len(f.now.pages)*pageSize/512)
	a.Uid, a.Gid, a.Nlink = uint32(os.Geteuid()), uint32(os.Getegid()), 1
}

// child is the node of a file in n; needs Disk.mu.
func (n *node) child(ctx context.Context, f *file, out *fuse.EntryOut) *fusefs.Inode {
	n.attr(f, &out.Attr)
	return n.NewInode(ctx, &node{d: n.d, f: f, off: n.off}, fusefs.StableAttr{Mode: f.mode & syscall.S_IFMT, Ino: f.ino})
}

func (n *node) Getattr(_ context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.locked(func() syscall.Errno {
		n.attr(n.f, &out.Attr)
		return 0
	})
}

func (n *node) Setattr(_ context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return n.locked(func() syscall.Errno {
		if size, ok := in.GetSize(); ok {
			n.f.now.truncate(int64(size))
		}
		if mode, ok := in.GetMode(); ok {
			n.f.mode = n.f.mode&syscall.S_IFMT | mode&0o7777
		}
		n.attr(n.f, &out.Attr)
		return 0
	})
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (in *fusefs.Inode, errno syscall.Errno) {
	errno = n.locked(func() syscall.Errno {
		f := n.f.now.names[name]
		if f == nil {
			return syscall.ENOENT
		}
		in = n.child(ctx, f, out)
		return 0
	})
	return in, errno
}

func (n *node) Readdir(context.Context) (fusefs.DirStream, syscall.Errno) {
	var list []fuse.DirEntry
	errno := n.locked(func() syscall.Errno {
		for name, f := range n.f.now.names {
			list = append(list, fuse.DirEntry{Name: name, Mode: f.mode, Ino: f.ino})
		}
		return 0
	})
	return fusefs.NewListDirStream(list), errno
}

// make adds a file of a new name.
func (n *node) make(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (in *fusefs.Inode, errno syscall.Errno) {
	errno = n.locked(func() syscall.Errno {
		if n.f.now.names[name] != nil {
			return syscall.EEXIST
		}
		f := n.d.newFile(mode)
		n.f.now.names[name] = f
		in = n.child(ctx, f, out)
		return 0
	})
	return in, errno
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return n.make(ctx, name, syscall.S_IFDIR|mode&0o7777, out)
}

func (n *node) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	in, errno := n.make(ctx, name, syscall.S_IFREG|mode&0o7777, out)
	return in, nil, 0, errno
}

func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	return n.locked(func() syscall.Errno {
		delete(n.f.now.names, name)
		return 0
	})
}

func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	return n.locked(func() syscall.Errno {
		if len(n.f.now.names[name].now.names) > 0 {
			return syscall.ENOTEMPTY
		}
		delete(n.f.now.names, name)
		return 0
	})
}

func (n *node) Rename(_ context.Context, name string, parent fusefs.InodeEmbedder, to string, flags uint32) syscall.Errno {
	if flags != 0 {
		return syscall.EINVAL
	}
	return n.locked(func() syscall.Errno {
		parent.(*node).f.now.names[to] = n.f.now.names[name]
		delete(n.f.now.names, name)
		return 0
	})
}

func (n *node) Open(context.Context, uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, n.locked(func() syscall.Errno { return 0 })
}

func (n *node) Read(_ context.Context, _ fusefs.FileHandle, p []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	got := 0
	errno := n.locked(func() syscall.Errno {
		got = n.f.now.read(p, off)
		return 0
	})
	return fuse.ReadResultData(p[:got]), errno
}

func (n *node) Write(_ context.Context, _ fusefs.FileHandle, p []byte, off int64) (uint32, syscall.Errno) {
	return uint32(len(p)), n.locked(func() syscall.Errno {
		n.f.now.write(p, off)
		return 0
	})
}

// Fsync makes the bytes of a file, or the names of a directory, durable.
func (n *node) Fsync(context.Context, fusefs.FileHandle, uint32) syscall.Errno {
	return n.locked(func() syscall.Errno {
		n.f.sync()
		return 0
	})
}

func (n *node) Allocate(_ context.Context, _ fusefs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	return n.locked(func() syscall.Errno {
		switch mode {
		case unix.FALLOC_FL_KEEP_SIZE:
		case unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE:
			n.f.now.punch(int64(off), int64(size))
		default:
			return syscall.EOPNOTSUPP
		}
		return 0
	})
}

func (n *node) Lseek(_ context.Context, _ fusefs.FileHandle, off uint64, whence uint32) (at uint64, errno syscall.Errno) {
	errno = n.locked(func() syscall.Errno {
		found, errno := n.f.now.seek(int64(off), whence == unix.SEEK_DATA)
		at = uint64(found)
		return errno
	})
	return at, errno
}

func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Frsize, out.Blocks, out.Bfree, out.Bavail = pageSize, pageSize, 1<<24, 1<<24, 1<<24
	return 0
}
