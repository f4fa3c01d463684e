package pjd

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// caller is who makes a call: root unless -u says another user, with a mask of permission bits.
type caller struct {
	uid, gid, umask int
}

// parseCaller takes -u UID[:GID] and -U UMASK off the words.
func parseCaller(words []string) (caller, []string, error) {
	var c caller
	for len(words) > 1 && (words[0] == "-u" || words[0] == "-U") {
		value := words[1]
		var err error
		switch words[0] {
		case "-U":
			var mask uint64
			mask, err = strconv.ParseUint(value, 8, 32)
			c.umask = int(mask)
		default:
			uid, gid, both := strings.Cut(value, ":")
			if !both {
				gid = uid
			}
			if c.uid, err = strconv.Atoi(uid); err == nil {
				c.gid, err = strconv.Atoi(gid)
			}
		}
		if err != nil {
			return c, nil, fmt.Errorf("%s: %w", words[0], err)
		}
		words = words[2:]
	}
	return c, words, nil
}

// onThread runs f on a thread of its own with a working directory, an umask and credentials of its own, which ends with it.
func onThread(dir string, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // without an end: the thread goes with the goroutine
		err := unix.Unshare(unix.CLONE_FS)
		if err == nil {
			err = unix.Chdir(dir)
		}
		if err == nil {
			err = f()
		}
		if cerr := unix.Chdir("/"); err == nil {
			err = cerr // so that the thread keeps nothing busy
		}
		done <- err
	}()
	return <-done
}

// become makes the thread c's; Go's own functions would change all threads.
func (c caller) become() error {
	unix.Umask(c.umask)
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, ^uintptr(0), uintptr(c.gid), ^uintptr(0)); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(c.uid), ^uintptr(0)); e != 0 {
		return e
	}
	return nil
}

// unbecome makes the thread root's again.
func unbecome() error {
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), 0, ^uintptr(0)); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, ^uintptr(0), 0, ^uintptr(0)); e != 0 {
		return e
	}
	return nil
}
