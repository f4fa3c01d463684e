package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"

	"golang.org/x/sys/unix"
)

// fusemount does what Apptainer's --fusemount does, in the order in which it does it: it opens /dev/fuse, mounts the connection, and starts the file system
// with /dev/fd/N as the last argument; when the container's command has ended it sends SIGTERM and waits.
//
//	fusemount DIR PROGRAM… -- COMMAND…             runs COMMAND when the mount is there; then ends PROGRAM by SIGTERM, and takes the mount away
//	fusemount -unmount DIR PROGRAM… -- COMMAND…    takes the mount away and waits for PROGRAM to end by itself
//
// The connection is PROGRAM's descriptor 5. The exit status is 1 if PROGRAM or COMMAND fails.
func fusemount() {
	args := os.Args[1:]
	unmount := args[0] == "-unmount"
	if unmount {
		args = args[1:]
	}
	dash := slices.Index(args, "--")
	if err := fusemounted(args[0], args[1:dash], args[dash+1:], unmount); err != nil {
		fmt.Fprintln(os.Stderr, "fusemount:", err)
		os.Exit(1)
	}
}

func fusemounted(dir string, program, command []string, unmount bool) error {
	connection, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	data := fmt.Sprintf("fd=%d,rootmode=%o,user_id=%d,group_id=%d", connection.Fd(), unix.S_IFDIR|0o755, os.Getuid(), os.Getgid())
	if err := unix.Mount("fuse", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, data); err != nil {
		return os.NewSyscallError("mount", err)
	}
	fs := exec.Command(program[0], slices.Concat(program[1:], []string{"/dev/fd/5"})...)
	fs.ExtraFiles = []*os.File{nil, nil, connection}
	fs.Stderr = os.Stderr
	err = errors.Join(fs.Start(), connection.Close())
	if err != nil {
		return errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH))
	}
	c := exec.Command(command[0], command[1:]...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	failed := c.Run()
	if unmount {
		failed = errors.Join(failed, unix.Unmount(dir, unix.MNT_DETACH), fs.Wait())
		return failed
	}
	_ = fs.Process.Signal(unix.SIGTERM) // it has ended already
	return errors.Join(failed, fs.Wait(), unix.Unmount(dir, unix.MNT_DETACH))
}
