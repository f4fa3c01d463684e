package cache

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Access is what a program is about to do to a file that is guarded: bytes from Off on, in whole pages.
type Access struct {
	Off, Len int64
	tid      int
}

// Reads tells whether the program is about to read: the kernel asks the same question before a write, and only the call that the thread is in tells which it is. False where
// that cannot be seen.
func (a Access) Reads() bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", a.tid))
	if err != nil {
		return false
	}
	var call int
	if _, err := fmt.Sscan(string(b), &call); err != nil {
		return false
	}
	switch call {
	case unix.SYS_READ, unix.SYS_PREAD64, unix.SYS_READV, unix.SYS_PREADV, unix.SYS_PREADV2:
		return true
	}
	return false
}
