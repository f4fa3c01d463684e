package mount

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"allasfs/fs"
)

const (
	maxBackground = 64   // readahead requests in flight
	readAheadKB   = 1024 // of the mount, as root
	unmountTries  = 6    // a file that was just closed may still be held by the kernel
)

// extraCapabilities are those that go-fuse does not ask for by itself; see the package's doc.
const extraCapabilities = fuse.CAP_HANDLE_KILLPRIV_V2 | fuse.CAP_ATOMIC_O_TRUNC

// collectsWrites are those with which the kernel collects writes, and lets files be mapped whose writes it does not collect.
const collectsWrites = fuse.CAP_WRITEBACK_CACHE | fuse.CAP_DIRECT_IO_ALLOW_MMAP

// Server is one mount that is being served.
type Server struct {
	fuse   *fuse.Server
	bridge *bridge            // the first of parts
	parts  []*bridge          // one a file system
	top    fuse.RawFileSystem // bridge, or the union of the parts
	dir    string             // "" when somebody else mounted
	handed int                // the descriptor that somebody else mounted, 0 = none
	direct bool               // mount(2), not fusermount3
	ahead  string             // the read-ahead that the kernel has, KiB, "" = not known
	served chan struct{}
}

// Mount mounts f on o.Dir and serves it until the unmount. It returns when the kernel has answered. A dead mount there is cleared first. The errors
// say what to do.
func Mount(f *fs.FS, o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := newBridge(f, o.Logger)
	return start(&Server{bridge: b, parts: []*bridge{b}, top: b}, o)
}

// start mounts the parts of s and serves them.
func start(s *Server, o Options) (*Server, error) {
	p, err := planOf(o)
	if err != nil {
		return nil, err
	}
	s.served = make(chan struct{})
	fd, theirs := HandedOver(o.Dir)
	if theirs {
		if err := CheckHandedOver(fd); err != nil {
			return nil, err
		}
		s.handed = fd
	} else {
		p.dir = o.Dir
		if err := p.prepare(); err != nil {
			return nil, err
		}
		if fd, s.direct, err = p.attach(); err != nil {
			return nil, err
		}
		s.dir = p.dir
	}
	if err := s.serve(fd, o); err != nil {
		if s.dir != "" {
			err = errors.Join(err, detach(s.dir))
		}
		return nil, err
	}
	return s, nil
}

// serve starts to answer the kernel.
func (s *Server) serve(fd int, o Options) error {
	level := slog.LevelWarn
	if o.Debug {
		level = slog.LevelDebug
	}
	wanted := uint64(extraCapabilities)
	if s.bridge.fs.KernelWrites() {
		wanted |= collectsWrites
	}
	server, err := fuse.NewServer(s.top, fmt.Sprintf("/dev/fd/%d", fd), &fuse.MountOptions{
		Name: fsName, FsName: o.Source, Debug: o.Debug, Logger: slog.NewLogLogger(o.Logger.Handler(), level),
		MaxWrite: maxRequest, MaxBackground: maxBackground, ExtraCapabilities: wanted, DisableSplice: true,
		PanicHandler: s.bridge.panicked,
	})
	if err != nil {
		return fmt.Errorf("the kernel's FUSE does not answer: %w", err)
	}
	s.fuse = server
	for _, b := range s.parts {
		b.start(server, o)
	}
	go func() {
		server.Serve()
		for _, b := range s.parts {
			b.ended()
		}
		close(s.served)
	}()
	if s.dir != "" {
		if err := probe(s.dir); err != nil {
			return fmt.Errorf("the mount %s does not answer: %w", s.dir, err)
		}
		s.ahead = raiseReadAhead(s.dir)
	}
	return nil
}

// start makes b ready for the kernel's first request.
func (b *bridge) start(server *fuse.Server, o Options) {
	offered := server.KernelSettings().Flags64()
	b.collects = b.fs.KernelWrites() && offered&collectsWrites == collectsWrites
	b.past = !b.collects && offered&fuse.CAP_DIRECT_IO_ALLOW_MMAP != 0
	b.backings.start(server, noPassthrough(server, o.NoPassthrough, b.collects))
	if w := b.passthrough().Writes; w != nil && w.Off != "" {
		o.Logger.Warn("new files are written by way of the daemon", "why", w.Off)
	}
	b.notifier.start(numbered{server, b})
	b.fs.SetNotifier(b.notifier)
}

// ended lets go of what the kernel will not close any more.
func (b *bridge) ended() {
	b.fs.SetNotifier(nil)
	b.stop()
	b.notifier.close()
	for _, open := range b.files.drain() {
		b.backings.release(open.handle.Node(), open.both, true)
		open.handle.Release()
	}
	for _, open := range b.dirs.drain() {
		open.release()
	}
}

// probe makes the first request. It polls a file that go-fuse answers for: the answer tells the kernel that poll is not supported, and Go's runtime, which
// polls every file it opens, can then use the mount from within this very process.
func probe(dir string) error {
	fd, err := unix.Open(filepath.Join(dir, ".go-fuse-epoll-hack"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == unix.EACCES || err == unix.EPERM {
		return nil // it answers: the top directory is closed to this user
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err
}

// raiseReadAhead sets the mount's read-ahead, which only root may, and returns what it is then.
func raiseReadAhead(dir string) string {
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil {
		return ""
	}
	file := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", unix.Major(st.Dev), unix.Minor(st.Dev))
	_ = os.WriteFile(file, fmt.Appendf(nil, "%d", readAheadKB), 0) // best effort: Mode tells what came of it
	now, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(now))
}

// Unmount takes the mount away and ends the serving. lazy takes it out of sight at once; it is served until the last file is closed. Without lazy it fails
// when files are open or a program stands in a directory: the error is syscall.EBUSY. A mount that is gone already is no error.
func (s *Server) Unmount(lazy bool) error {
	if s.dir == "" {
		return errors.New("who mounted this file system must unmount it")
	}
	select {
	case <-s.served:
		return nil
	default:
	}
	err := s.unmount(lazy)
	select {
	case <-s.served: // somebody else was faster
		return nil
	default:
	}
	if errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("%s is in use: close its files and leave its directories (`fuser -vm %s` lists them): %w", s.dir, s.dir, err)
	}
	if err != nil || lazy {
		return err
	}
	for _, b := range s.parts {
		b.stop()
	}
	s.Wait()
	return nil
}

func (s *Server) unmount(lazy bool) error {
	delay := 5 * time.Millisecond
	for try := 1; ; try++ {
		err := unmount(s.dir, lazy)
		if !errors.Is(err, syscall.EBUSY) || try == unmountTries {
			return err
		}
		time.Sleep(delay)
		delay *= 2
	}
}

// Wait returns when the mount is gone and all its requests have ended.
func (s *Server) Wait() { <-s.served }

// Passthrough tells how many files were opened past the daemon, or why none are.
func (s *Server) Passthrough() fs.Passthrough {
	sum := s.bridge.passthrough()
	for _, b := range s.parts[1:] {
		more := b.passthrough()
		sum.Opens, sum.ByDaemon = sum.Opens+more.Opens, sum.ByDaemon+more.ByDaemon
		if sum.Writes != nil && more.Writes != nil {
			sum.Writes.Opens += more.Writes.Opens
			sum.Writes.Off = cmp.Or(sum.Writes.Off, more.Writes.Off)
		}
	}
	return sum
}

// Mode says in words how the kernel serves the mount.
func (s *Server) Mode() string {
	k := s.fuse.KernelSettings()
	words := []string{fmt.Sprintf("FUSE %d.%d", k.Major, k.Minor)}
	switch {
	case s.dir == "":
		words = append(words, "mounted by another program")
	case s.direct:
		words = append(words, "mounted by root")
	default:
		words = append(words, "mounted by fusermount3")
	}
	words = append(words, fmt.Sprintf("requests up to %d KiB", maxRequest>>10))
	if s.ahead != "" {
		words = append(words, "read-ahead "+s.ahead+" KiB")
	}
	words = append(words, s.bridge.backings.mode())
	if s.bridge.collects {
		words = append(words, "writes collected by the kernel")
	}
	if k.Flags64()&extraCapabilities != extraCapabilities {
		words = append(words, "an old kernel: small writes are slow")
	}
	return strings.Join(words, ", ")
}
