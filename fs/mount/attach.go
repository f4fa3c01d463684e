package mount

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	device     = "/dev/fuse"
	userConfig = "/etc/fuse.conf"
)

// attach mounts and returns the connection to the kernel, which go-fuse then serves, and whether mount(2) did it. go-fuse could mount too, but it leaves
// the descriptor open in every program that this process starts, and keeps fusermount3's words from the error.
func (p plan) attach() (fd int, direct bool, err error) {
	fd, err = p.mountDirect()
	if !errors.Is(err, unix.EPERM) {
		return fd, true, err
	}
	fd, err = p.mountHelper()
	return fd, false, err
}

func (p plan) mountDirect() (int, error) {
	fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch err {
	case nil:
	case unix.ENOENT, unix.ENODEV, unix.ENXIO:
		return -1, fmt.Errorf("there is no %s: load the kernel's module with `modprobe fuse`, or give the container the device: %w", device, err)
	case unix.EPERM, unix.EACCES:
		return -1, fmt.Errorf("this user may not open %s (`chmod 666 %s` as root lets all users): %w", device, device, unix.EACCES)
	default:
		return -1, fmt.Errorf("open %s: %w", device, err)
	}
	if err := unix.Mount(p.source, p.dir, fsType, p.flags, p.direct(fd)); err != nil {
		unix.Close(fd)
		if err == unix.EINVAL {
			return -1, fmt.Errorf("mount %s: the kernel refused the options %q: %w", p.dir, p.data, err)
		}
		return -1, fmt.Errorf("mount %s: %w", p.dir, err)
	}
	return fd, nil
}

// fusermountPath finds the program that mounts for users.
func fusermountPath() (string, error) {
	for _, name := range []string{"fusermount3", "fusermount", "/bin/fusermount3", "/usr/bin/fusermount3"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("fusermount3 is missing: install the package fuse3 (root does not need it)")
}

// mountHelper asks fusermount3, which sends the connection back over a socket.
func (p plan) mountHelper() (int, error) {
	path, err := fusermountPath()
	if err != nil {
		return -1, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := pair[0], os.NewFile(uintptr(pair[1]), "fusermount3")
	defer unix.Close(ours)
	defer theirs.Close()
	var said bytes.Buffer
	cmd := exec.Command(path, "-o", p.fusermount(), "--", p.dir)
	cmd.Env = append(os.Environ(), "_FUSE_COMMFD=3")
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return -1, p.helperFailed(err, said.String())
	}
	return receiveFD(ours)
}

// helperFailed is fusermount3's error with its words, and with what to do where that is known.
func (p plan) helperFailed(err error, said string) error {
	said = strings.TrimSpace(said)
	if conf, _ := os.ReadFile(userConfig); p.allowOther && !userAllowOther(conf) {
		return fmt.Errorf("allow_other is for root unless %s has a line `user_allow_other`: %s: %w", userConfig, said, err)
	}
	return fmt.Errorf("fusermount3 could not mount %s: %s: %w", p.dir, said, err)
}

// userAllowOther tells whether a fuse.conf lets users open their mounts to others.
func userAllowOther(conf []byte) bool {
	for line := range bytes.Lines(conf) {
		if string(bytes.TrimSpace(line)) == "user_allow_other" {
			return true
		}
	}
	return false
}

// receiveFD takes the descriptor that was sent over a socket.
func receiveFD(socket int) (int, error) {
	const fdSize = 4
	data, control := make([]byte, 1), make([]byte, unix.CmsgSpace(fdSize))
	_, n, _, _, err := unix.Recvmsg(socket, data, control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("recvmsg", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return -1, errors.New("fusermount3 sent no connection")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, errors.New("fusermount3 sent no connection")
	}
	return fds[0], nil
}

// unmount takes the mount off dir: by umount2(2) where that is allowed, else by fusermount3. lazy takes it out of sight while it is in use.
func unmount(dir string, lazy bool) error {
	flags := unix.UMOUNT_NOFOLLOW
	if lazy {
		flags |= unix.MNT_DETACH
	}
	if err := unix.Unmount(dir, flags); !errors.Is(err, unix.EPERM) {
		return err
	}
	path, err := fusermountPath()
	if err != nil {
		return err
	}
	args := []string{"-u", "--", dir}
	if lazy {
		args[0] = "-uz"
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C") // its words are all there is to tell a busy mount by
	said, err := cmd.CombinedOutput()
	if err != nil && bytes.Contains(said, []byte("busy")) {
		return syscall.EBUSY
	}
	if err != nil {
		return fmt.Errorf("%s: %w", bytes.TrimSpace(said), err)
	}
	return nil
}

// detach clears a dead mount.
func detach(dir string) error { return unmount(dir, true) }
