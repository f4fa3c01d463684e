package mount

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"allasfs/fs"
)

// bridge is what go-fuse calls: the requests of the kernel on one fs.FS. What it embeds answers ENOSYS to the requests that do not exist here
// (ioctl on CUSE, statx, tmpfile, …), which the kernel remembers and then does without.
type bridge struct {
	fuse.RawFileSystem
	fs       *fs.FS
	first    uint64 // added to node ids in what the kernel is told: 0, or the number of a part of a union
	log      *slog.Logger
	notifier *notifier

	ctx  context.Context // of every request; ends with the mount
	stop context.CancelFunc

	collects bool // the kernel collects writes
	past     bool // writes by handles for writing alone go past the kernel's pages

	files table[*file]
	dirs  table[*dir]

	backings backings // the files that the kernel reads without asking
}

var _ fuse.RawFileSystem = (*bridge)(nil)

func newBridge(f *fs.FS, log *slog.Logger) *bridge {
	b := &bridge{RawFileSystem: fuse.NewDefaultRawFileSystem(), fs: f, log: log, notifier: newNotifier(log)}
	b.backings.log = log
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

// number is a node's id as the kernel has it.
func (b *bridge) number(id uint64) uint64 { return b.first | id }

// String implements fuse.RawFileSystem.
func (b *bridge) String() string { return fsName }

// request starts the context of one request.
func (b *bridge) request(cancel <-chan struct{}, in *fuse.InHeader) *request {
	return newRequest(b.ctx, cancel, in.Pid)
}

// status maps err, and reports it when the errno does not explain it, or people can do more about it than an errno says.
func (b *bridge) status(op string, node uint64, err error) fuse.Status {
	return b.statusNamed(op, node, "", err)
}

// statusNamed is status for an operation on the name below node.
func (b *bridge) statusNamed(op string, node uint64, name string, err error) fuse.Status {
	if err == nil {
		return fuse.OK
	}
	errno := toErrno(err)
	if _, told := fs.TroubleOf(err); told || !plain(errno) {
		b.report(op, node, name, err)
	}
	return fuse.Status(errno)
}

// statusData is status for what brings a file's bytes from or to the store: every failure is reported, because programs lose the result of close(2).
func (b *bridge) statusData(op string, node uint64, err error) fuse.Status {
	errno := toErrno(err)
	if errno != 0 && errno != syscall.EINTR {
		b.report(op, node, "", err)
	}
	return fuse.Status(errno)
}

func (b *bridge) report(op string, node uint64, name string, err error) {
	path := b.fs.Path(node)
	if name != "" && path != "" {
		path += "/"
	}
	b.fs.Report(op, path+name, err)
}

// panicked turns a panic of a request into EIO.
func (b *bridge) panicked(value any) fuse.Status {
	b.log.Error("panic while serving a request", "panic", value, "stack", string(debug.Stack()))
	return fuse.EIO
}

// table gives numbers to what is open, for the kernel to name it by.
type table[T any] struct {
	mu   sync.RWMutex
	last uint64
	open map[uint64]T
}

// add returns v's number, never 0.
func (t *table[T]) add(v T) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = make(map[uint64]T)
	}
	t.last++
	t.open[t.last] = v
	return t.last
}

// get returns the zero T for a number that is not open.
func (t *table[T]) get(number uint64) T {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.open[number]
}

func (t *table[T]) remove(number uint64) T {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.open[number]
	delete(t.open, number)
	return v
}

// drain removes and returns all that is open.
func (t *table[T]) drain() []T {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []T
	for number, v := range t.open {
		all = append(all, v)
		delete(t.open, number)
	}
	return all
}
