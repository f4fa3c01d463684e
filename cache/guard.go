package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// guards is the kernel's questions before programs read or write some files past this package: fanotify(7) with FAN_PRE_ACCESS, of root, on ext4, xfs and btrfs
// since Linux 6.14. A file that was opened while it had no mark asks nothing, also when it gets one later.
type guards struct {
	mu    sync.Mutex // guards the rest, and the kernel's marks
	group *os.File   // nil until the first file is guarded
	fd    int        // of it
	files map[fileID]*guarded
	wg    sync.WaitGroup // answers
}

// fileID is a file as the kernel names it.
type fileID struct{ dev, ino uint64 }

// guarded is one file.
type guarded struct {
	c    *Cache
	file *os.File
	id   fileID
	ask  func(a Access) syscall.Errno
	own  atomic.Int32 // truncations of the daemon's own that are under way: these ask, too, for they go by the file's path
	on   bool         // it has a mark
	over bool
}

// denyErrno makes FAN_DENY answer with an errno (FAN_DENY_ERRNO).
const denyErrno = 24

// rangeInfo is FAN_EVENT_INFO_TYPE_RANGE: type, padding, length, padding, offset, count.
const rangeInfo = 6

// guard marks a file.
func (c *Cache) guard(f *os.File, ask func(a Access) syscall.Errno) (*guarded, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, err
	}
	g := &guarded{c: c, file: f, id: fileID{st.Dev, st.Ino}, ask: ask}
	if err := c.guards.start(c); err != nil {
		return nil, err
	}
	c.guards.mu.Lock()
	c.guards.files[g.id] = g
	c.guards.mu.Unlock()
	if err := g.set(true); err != nil {
		g.end()
		return nil, err
	}
	return g, nil
}

// start opens the group and begins to answer.
func (gs *guards) start(c *Cache) error {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.group != nil {
		return nil
	}
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_PRE_CONTENT|unix.FAN_REPORT_TID|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK|unix.FAN_UNLIMITED_MARKS|unix.FAN_UNLIMITED_QUEUE, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return fmt.Errorf("fanotify: %w", noGuard(err))
	}
	gs.fd, gs.group = fd, os.NewFile(uintptr(fd), "fanotify")
	gs.files = make(map[fileID]*guarded)
	c.work.Go(func() { gs.answer(c, gs.group) })
	return nil
}

// NotLent says in words why drafts cannot be lent here. It is syscall.EOPNOTSUPP.
type NotLent string

func (why NotLent) Error() string { return string(why) }

// Is implements the interface of errors.Is.
func (why NotLent) Is(target error) bool { return target == syscall.EOPNOTSUPP }

// noGuard makes NotLent of what a kernel, a user or a disk answers that cannot do it.
func noGuard(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return NotLent("only root may")
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return NotLent("the kernel cannot guard files (Linux 6.14 can)")
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EXDEV):
		return NotLent("files cannot be guarded on the file system of the cache folder (ext4, xfs and btrfs can)")
	}
	return err
}

// CanLend is nil where Draft.Direct can lend files, and drafts may take so many bytes, else the error tells why not: NotLent, or what went wrong.
func (c *Cache) CanLend(room int64) error {
	if s := c.o.DraftSpace; s > 0 && s < room {
		return NotLent(fmt.Sprintf("unsent files may take less than %d MiB of the disk", room>>20))
	}
	f, err := os.OpenFile(c.folder.path(draftsDir), os.O_RDWR|unix.O_TMPFILE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("cache: %w", noGuard(err))
	}
	defer f.Close()
	g, err := c.guard(f, func(Access) syscall.Errno { return 0 })
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	g.end()
	return nil
}

// set marks the file, or takes the mark away.
func (g *guarded) set(on bool) error {
	gs := &g.c.guards
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if g.on == on || g.over || gs.group == nil {
		return nil
	}
	flags := uint(unix.FAN_MARK_ADD)
	if !on {
		flags = unix.FAN_MARK_REMOVE
	}
	path := fmt.Sprintf("/proc/self/fd/%d", g.file.Fd())
	if err := unix.FanotifyMark(gs.fd, flags, unix.FAN_PRE_ACCESS, unix.AT_FDCWD, path); err != nil {
		return fmt.Errorf("fanotify: %w", noGuard(err))
	}
	g.on = on
	return nil
}

// isOn tells whether programs are asked.
func (g *guarded) isOn() bool {
	g.c.guards.mu.Lock()
	defer g.c.guards.mu.Unlock()
	return g.on
}

// end lets everybody at the file. A second call does nothing.
func (g *guarded) end() {
	_ = g.set(false) // a mark that stays is answered, and goes with the group
	gs := &g.c.guards
	gs.mu.Lock()
	defer gs.mu.Unlock()
	g.over = true
	if gs.files[g.id] == g {
		delete(gs.files, g.id)
	}
}

// close ends the group: the kernel lets everybody go on who waits.
func (gs *guards) close() {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if gs.group != nil {
		gs.group.Close()
	}
}

// answer reads questions until the group is closed.
func (gs *guards) answer(c *Cache, group *os.File) {
	defer gs.wg.Wait()
	buf := make([]byte, 64<<10)
	for {
		n, err := group.Read(buf)
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				c.log.Error("questions before access to drafts", "err", err)
			}
			return
		}
		for b := buf[:n]; len(b) >= unix.FAN_EVENT_METADATA_LEN; {
			size := int(binary.NativeEndian.Uint32(b))
			if size < unix.FAN_EVENT_METADATA_LEN || size > len(b) {
				break
			}
			gs.event(group, b[:size])
			b = b[size:]
		}
	}
}

// event answers one question. What the daemon reads and writes asks none: its descriptor was opened before the file had a mark.
func (gs *guards) event(group *os.File, b []byte) {
	fd := int32(binary.NativeEndian.Uint32(b[16:]))
	tid := int(int32(binary.NativeEndian.Uint32(b[20:])))
	if fd < 0 {
		return
	}
	var st unix.Stat_t
	err := unix.Fstat(int(fd), &st)
	gs.mu.Lock()
	g := gs.files[fileID{st.Dev, st.Ino}]
	gs.mu.Unlock()
	a := Access{tid: tid}
	a.Off, a.Len = rangeOf(b[unix.FAN_EVENT_METADATA_LEN:])
	if err != nil || g == nil || g.own.Load() > 0 && isOwn(tid) {
		reply(group, fd, 0)
		return
	}
	gs.wg.Go(func() { reply(group, fd, g.ask(a)) })
}

// rangeOf is the range that an event's records tell.
func rangeOf(b []byte) (off, n int64) {
	for len(b) >= 4 {
		size := int(binary.NativeEndian.Uint16(b[2:]))
		if size < 4 || size > len(b) {
			break
		}
		if b[0] == rangeInfo && size >= 24 {
			return int64(binary.NativeEndian.Uint64(b[8:])), int64(binary.NativeEndian.Uint64(b[16:]))
		}
		b = b[size:]
	}
	return 0, 0
}

// reply lets a program go on, or not.
func reply(group *os.File, fd int32, errno syscall.Errno) {
	var b [8]byte
	binary.NativeEndian.PutUint32(b[:], uint32(fd))
	response := uint32(unix.FAN_ALLOW)
	if errno != 0 {
		response = unix.FAN_DENY | uint32(errno)<<denyErrno
	}
	binary.NativeEndian.PutUint32(b[4:], response)
	_, _ = group.Write(b[:]) // who asked has gone, or the group has
	unix.Close(int(fd))
}

// isOwn tells whether a thread is the daemon's.
func isOwn(tid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid))
	return err == nil
}
