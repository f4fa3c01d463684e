// Package control is how the commands of allasfs speak to the daemons of its mounts: a registry with one small file a mount, and HTTP
// with JSON over a unix socket beside it. Both lie in a folder that only the user (and root) can enter; a daemon also asks the kernel
// who is calling and answers its own user and root only.
package control

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Dirs returns the folders in which registries of the user uid may lie, the preferred one first. Commands look into all of them, for
// a mount may have been made where XDG_RUNTIME_DIR was not set, as in a batch job. In a user namespace they are those of the user outside it: the folder
// of root would be one for all users there.
func Dirs(uid int, env func(string) string) []string {
	uid = OuterUser(uid)
	if uid == 0 {
		return []string{"/run/allasfs", "/tmp/allasfs-0"}
	}
	var dirs []string
	if d := env("XDG_RUNTIME_DIR"); filepath.IsAbs(d) {
		dirs = append(dirs, filepath.Join(d, "allasfs"))
	}
	logind := filepath.Join("/run/user", strconv.Itoa(uid), "allasfs")
	if len(dirs) == 0 || dirs[0] != logind {
		dirs = append(dirs, logind)
	}
	return append(dirs, fmt.Sprintf("/tmp/allasfs-%d", uid))
}

// maxDir is the length of a folder's path that leaves room for a socket's name: the kernel takes 107 bytes in all.
const maxDir = 107 - len("/4194304.sock")

// MakeDir makes the first of dirs that can be made (its parent exists) and is private, and returns it.
func MakeDir(dirs []string) (string, error) {
	last := fmt.Errorf("no folder with a short path: %q", dirs)
	for _, d := range dirs {
		if len(d) > maxDir {
			continue
		}
		err := os.Mkdir(d, 0o700)
		if err == nil || os.IsExist(err) {
			err = private(d)
		}
		if err == nil {
			return d, nil
		}
		last = err
	}
	return "", fmt.Errorf("no place for the control socket: %w", last)
}

// private tells whether dir is a true directory (not a link) of this user that nobody else may enter; anybody can make one in /tmp.
func private(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: dir, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is not a directory", dir)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user (uid %d)", dir, st.Uid)
	case st.Mode&0o077 != 0:
		return fmt.Errorf("%s can be entered by others: chmod 700 %s", dir, dir)
	}
	return nil
}
