package pjd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// runner runs the steps of one case, on its thread.
type runner struct {
	fds   []int                  // opened in this step
	times map[string]unix.Stat_t // that remember took, by path
}

// errUsage is wrapped by the error for a line that cannot be run.
var errUsage = errors.New("bad step")

// settle is how long remember waits, so that what happens next has another time: some ticks of the kernel's clock.
const settle = 20 * time.Millisecond

// do runs the calls of s and tells what came of the last, or of the first that failed: 0, the name of an errno, or what stat shows.
func (r *runner) do(s step) (got string, err error) {
	defer func() {
		for _, fd := range r.fds {
			unix.Close(fd) // the errors that matter are those of the calls
		}
		r.fds = nil
	}()
	if err := s.caller.become(); err != nil {
		return "", err
	}
	for _, words := range s.calls {
		got, err = r.call(words)
		var errno unix.Errno
		if errors.As(err, &errno) {
			got, err = unix.ErrnoName(errno), nil
			break
		}
		if err != nil {
			break
		}
	}
	return got, errors.Join(err, unbecome())
}

// call makes one call; an error is an errno, or wraps errUsage.
func (r *runner) call(words []string) (string, error) {
	need := map[string]int{
		"open": 2, "create": 2, "mkdir": 2, "rmdir": 1, "unlink": 1, "symlink": 2, "link": 2, "rename": 2, "mkfifo": 2, "mknod": 2, "chmod": 2, "fchmod": 2,
		"chown": 3, "lchown": 3, "fchown": 3, "truncate": 2, "ftruncate": 2, "stat": 2, "lstat": 2, "fstat": 2, "utimens": 3, "lutimens": 3, "write": 2,
		"read": 2, "readlink": 1, "access": 2, "remember": 1, "newer": 2, "same": 2,
	}
	if n := need[words[0]]; n == 0 || len(words) <= n {
		return "", fmt.Errorf("%w: %q", errUsage, words)
	}
	a := words[1:]
	for i := range a {
		a[i] = long(a[i])
	}
	switch words[0] {
	case "open", "create":
		return "0", r.open(words[0], a)
	case "stat", "lstat", "fstat", "remember", "newer", "same":
		return r.look(words[0], a)
	case "readlink":
		buf := make([]byte, 5000)
		n, err := unix.Readlink(a[0], buf)
		return string(buf[:max(n, 0)]), err
	case "read":
		buf := make([]byte, 100)
		n, err := unix.Read(r.fd(a[0]), buf[:number(a[1], 10)])
		return string(buf[:max(n, 0)]), err
	case "write":
		_, err := unix.Write(r.fd(a[0]), []byte(a[1]))
		return "0", err
	}
	return "0", r.change(words[0], a)
}

// change makes the calls that return nothing.
func (r *runner) change(name string, a []string) error {
	switch name {
	case "mkdir":
		return unix.Mkdir(a[0], uint32(number(a[1], 8)))
	case "rmdir":
		return unix.Rmdir(a[0])
	case "unlink":
		return unix.Unlink(a[0])
	case "symlink":
		return unix.Symlink(a[0], a[1])
	case "link":
		return unix.Link(a[0], a[1])
	case "rename":
		return unix.Rename(a[0], a[1])
	case "mkfifo":
		return unix.Mkfifo(a[0], uint32(number(a[1], 8)))
	case "mknod":
		return unix.Mknod(a[0], uint32(number(a[1], 8)), int(unix.Mkdev(1, 2)))
	case "chmod":
		return unix.Chmod(a[0], uint32(number(a[1], 8)))
	case "fchmod":
		return unix.Fchmod(r.fd(a[0]), uint32(number(a[1], 8)))
	case "chown":
		return unix.Chown(a[0], int(number(a[1], 10)), int(number(a[2], 10)))
	case "lchown":
		return unix.Lchown(a[0], int(number(a[1], 10)), int(number(a[2], 10)))
	case "fchown":
		return unix.Fchown(r.fd(a[0]), int(number(a[1], 10)), int(number(a[2], 10)))
	case "truncate":
		return unix.Truncate(a[0], number(a[1], 10))
	case "ftruncate":
		return unix.Ftruncate(r.fd(a[0]), number(a[1], 10))
	case "utimens":
		return unix.UtimesNanoAt(unix.AT_FDCWD, a[0], []unix.Timespec{timespec(a[1]), timespec(a[2])}, 0)
	case "lutimens":
		return unix.UtimesNanoAt(unix.AT_FDCWD, a[0], []unix.Timespec{timespec(a[1]), timespec(a[2])}, unix.AT_SYMLINK_NOFOLLOW)
	case "access":
		modes := map[string]uint32{"r": unix.R_OK, "w": unix.W_OK, "x": unix.X_OK}
		return unix.Faccessat2(unix.AT_FDCWD, a[0], modes[a[1]], unix.AT_EACCESS)
	}
	return fmt.Errorf("%w: %s", errUsage, name)
}

func (r *runner) open(name string, a []string) error {
	flags, mode := unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, a[1]
	if name == "open" {
		names := map[string]int{"O_RDONLY": 0, "O_WRONLY": unix.O_WRONLY, "O_RDWR": unix.O_RDWR, "O_CREAT": unix.O_CREAT, "O_EXCL": unix.O_EXCL,
			"O_TRUNC": unix.O_TRUNC, "O_APPEND": unix.O_APPEND, "O_NOFOLLOW": unix.O_NOFOLLOW, "O_DIRECTORY": unix.O_DIRECTORY, "O_NONBLOCK": unix.O_NONBLOCK}
		flags, mode = 0, "0"
		for _, f := range strings.Split(a[1], ",") {
			bit, ok := names[f]
			if !ok {
				return fmt.Errorf("%w: flag %s", errUsage, f)
			}
			flags |= bit
		}
		if len(a) > 2 {
			mode = a[2]
		}
	}
	fd, err := unix.Open(a[0], flags|unix.O_CLOEXEC, uint32(number(mode, 8)))
	if err == nil {
		r.fds = append(r.fds, fd)
	}
	return err
}

// fd is the n-th descriptor of the step; -1 if there is none.
func (r *runner) fd(n string) int {
	if i := int(number(n, 10)); i >= 0 && i < len(r.fds) {
		return r.fds[i]
	}
	return -1
}

// number reads a number in the base that its place has; -1 for what is none.
func number(s string, base int) int64 {
	n, err := strconv.ParseInt(s, base, 64)
	if err != nil {
		return -1
	}
	return n
}

// timespec reads seconds with nine digits of a fraction, NOW or OMIT.
func timespec(s string) unix.Timespec {
	switch s {
	case "NOW":
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	case "OMIT":
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	}
	sec, nsec, _ := strings.Cut(s, ".")
	return unix.Timespec{Sec: number(sec, 10), Nsec: max(0, number(nsec, 10))}
}

// long replaces {n} by n letters, and {path n} without its blank, {pathn}, by a path of n bytes.
func long(s string) string {
	before, rest, ok := strings.Cut(s, "{")
	word, after, closed := strings.Cut(rest, "}")
	if !ok || !closed {
		return s
	}
	if digits, isPath := strings.CutPrefix(word, "path"); isPath {
		return before + strings.Repeat("./", int(number(digits, 10)))[:number(digits, 10)-1] + "x" + after
	}
	return before + strings.Repeat("n", int(number(word, 10))) + after
}
