package mount

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fuseDevice is the number of /dev/fuse (Linux, Documentation/admin-guide/devices.txt): its name may be another one, or none, in a container.
const (
	fuseMajor = 10
	fuseMinor = 229
)

// ErrNotFUSE is a descriptor given as a mountpoint that is no connection to the kernel's FUSE.
var ErrNotFUSE = errors.New("not a FUSE connection")

// HandedOver returns the descriptor of a mountpoint written /dev/fd/N: a FUSE connection that whoever started this process has opened and mounted, as
// Apptainer's --fusemount does. ok is false for every other path. Whether the descriptor is one is not looked at, but those
// of input, output and errors are none.
func HandedOver(dir string) (fd int, ok bool) {
	number, ok := strings.CutPrefix(dir, "/dev/fd/")
	if !ok {
		return 0, false
	}
	fd, err := strconv.Atoi(number)
	return fd, err == nil && fd > 2
}

// CheckHandedOver returns an error that is [ErrNotFUSE] unless fd is open on the kernel's FUSE.
func CheckHandedOver(fd int) error {
	var st unix.Stat_t
	switch err := unix.Fstat(fd, &st); {
	case err == unix.EBADF:
		return fmt.Errorf("descriptor %d is not open: %w", fd, ErrNotFUSE)
	case err != nil:
		return fmt.Errorf("descriptor %d: %w", fd, err)
	case st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(fuseMajor, fuseMinor):
		return fmt.Errorf("descriptor %d is not %s: %w", fd, device, ErrNotFUSE)
	}
	return nil
}

// HandedOverDev returns the device number, major:minor, of the mount that somebody else made and handed over, by which /proc/self/mountinfo names it; ""
// when the kernel does not tell (older ones do not), or this process mounted itself.
func (s *Server) HandedOverDev() string {
	if s.handed == 0 {
		return ""
	}
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", s.handed))
	if err != nil {
		return ""
	}
	return connectionDev(info)
}

// connectionDev reads the fuse_connection of a /proc/PID/fdinfo/FD, which is the device number as the kernel packs it: that of a file system without a
// disk, so the major number is 0.
func connectionDev(fdinfo []byte) string {
	for line := range bytes.Lines(fdinfo) {
		field, value, _ := bytes.Cut(line, []byte(":"))
		if string(field) != "fuse_connection" {
			continue
		}
		minor, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 20)
		if err != nil {
			return ""
		}
		return fmt.Sprintf("0:%d", minor)
	}
	return ""
}
