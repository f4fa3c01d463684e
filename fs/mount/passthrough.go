package mount

import (
	"cmp"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"allasfs/fs"
)

// minPassthrough is the size in bytes of the smallest file that is registered. Of smaller ones the kernel keeps the pages, which serve the next open
// without an ioctl; the number is an estimate.
const minPassthrough = 256 << 10

// registrar takes files that the kernel reads past the daemon: *fuse.Server.
type registrar interface {
	RegisterBackingFd(m *fuse.BackingMap) (int32, syscall.Errno)
	UnregisterBackingFd(id int32) syscall.Errno
}

// backings decides how the kernel reads each file. The kernel allows one mode an inode: while a handle or mapping of it lives, an open in the other
// mode is EIO. So the first opener decides, and the others follow until the last is released. The kernel has let go of a handle before it says so by
// RELEASE, so what is counted here is never less than what it holds.
type backings struct {
	log    *slog.Logger
	opens  atomic.Int64 // in passthrough
	writes atomic.Int64 // of them of files that the kernel writes so
	others atomic.Int64 // by the daemon, of files that are large enough, while the mount has passthrough
	mu     sync.Mutex
	kernel registrar
	why    string // in words, when there is no passthrough on this mount; "" = there is
	inodes map[uint64]*inode
}

// openings is how often a node is open, how often to read and write, by mappings too, and how often it was opened since it last was not.
type openings struct{ handles, both, ever int }

// inode is a node with open handles.
type inode struct {
	openings // guarded by backings.mu

	mu   sync.Mutex  // held while the mode is decided and while it ends
	set  bool        // the mode is decided
	id   int32       // of the registered file; 0 = by the daemon
	file *fs.Backing // not nil in passthrough; the kernel writes it too if file.Written
}

// start names the kernel, before its first request; why tells in words that files are not to go past the daemon, "" = they are.
func (p *backings) start(k registrar, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kernel, p.why = k, why
	p.inodes = make(map[uint64]*inode)
}

// noPassthrough says why files are not to go past the daemon, "" when they are.
func noPassthrough(server *fuse.Server, off, collects bool) string {
	switch {
	case off:
		return "switched off"
	case collects:
		return "the kernel collects writes"
	case server.KernelSettings().Flags64()&fuse.CAP_PASSTHROUGH == 0:
		return "the kernel has none"
	}
	// It looks at the caller before it looks at the descriptor.
	if _, errno := server.RegisterBackingFd(&fuse.BackingMap{Fd: -1}); errno == syscall.EPERM {
		return refusal(errno)
	}
	return ""
}

// open counts a handle of h's file, both: to read and write, and tells how the kernel reads by it: id is 0 for reads by the daemon. past: it writes past the
// daemon, too. seen: what it writes so is seen when the write has ended.
func (p *backings) open(h *fs.Handle, both, seen bool) (id int32, past bool, err error) {
	p.mu.Lock()
	i := p.inodes[h.Node()]
	if i == nil {
		i = &inode{}
		p.inodes[h.Node()] = i
	}
	i.handles++
	i.ever++
	if both {
		i.both++
	}
	wanted := p.why == ""
	p.mu.Unlock()

	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.set && wanted {
		i.file, i.id = p.lend(h, seen)
	}
	i.set = true
	past = i.id != 0 && i.file.Written()
	switch {
	case past:
		p.opens.Add(1)
		p.writes.Add(1)
		if err = i.file.Guard(); !seen {
			i.file.Map()
		}
	case i.id != 0:
		p.opens.Add(1)
	case wanted && h.Lendable(minPassthrough):
		p.others.Add(1)
	}
	return i.id, past, err
}

// opened tells how a node is open now.
func (p *backings) opened(node uint64) openings {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.inodes[node]; i != nil {
		return i.openings
	}
	return openings{}
}

// lend gives the file behind h to the kernel; nil and 0 when it is not to be had, or not taken.
func (p *backings) lend(h *fs.Handle, seen bool) (*fs.Backing, int32) {
	file := h.BackingToWrite(seen)
	if file == nil {
		file = h.Backing(minPassthrough)
	}
	if file == nil {
		return nil, 0
	}
	id := p.register(file)
	if id == 0 {
		file.Close()
		return nil, 0
	}
	return file, id
}

// register returns 0 when the kernel does not take the file. An error that every file would meet ends passthrough on this mount.
func (p *backings) register(file *fs.Backing) int32 {
	id, errno := p.kernel.RegisterBackingFd(&fuse.BackingMap{Fd: int32(file.Fd())})
	switch errno {
	case 0:
		return id
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EINTR, syscall.EAGAIN:
		return 0 // there are too many now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == "" {
		p.why = refusal(errno)
		p.log.Info("cached files are read by way of the daemon", "why", p.why)
	}
	return 0
}

// refusal says in words why the kernel takes no file.
func refusal(errno syscall.Errno) string {
	switch errno {
	case syscall.EPERM:
		return "only root may"
	case syscall.ELOOP:
		return "the cache folder is on a stacked file system"
	}
	return errno.Error()
}

// release ends one handle of a node, as open counted it; the last one gives the file back. cut: the kernel did not say so, its connection is gone.
func (p *backings) release(node uint64, both, cut bool) {
	p.mu.Lock()
	i := p.inodes[node]
	p.mu.Unlock()
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	p.mu.Lock()
	i.handles--
	if both {
		i.both--
	}
	last := i.handles == 0
	if last {
		delete(p.inodes, node)
	}
	p.mu.Unlock()
	if last && i.file != nil {
		p.kernel.UnregisterBackingFd(i.id)
		if cut {
			i.file.Cut()
		}
		i.file.Close()
	}
}

// counts tells how files were opened so far.
func (p *backings) counts() fs.Passthrough {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fs.Passthrough{Opens: p.opens.Load(), ByDaemon: p.others.Load(), Off: p.why}
}

// passthrough tells the same, and how it goes with new files that the kernel is to write.
func (b *bridge) passthrough() fs.Passthrough {
	p := b.backings.counts()
	if asked, off := b.fs.DirectWrites(); asked {
		p.Writes = &fs.DirectWrites{Opens: b.backings.writes.Load(), Off: cmp.Or(p.Off, off)}
	}
	return p
}

// mode says in words what is done.
func (p *backings) mode() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == "" {
		return "passthrough of cached files"
	}
	return "no passthrough: " + p.why
}
