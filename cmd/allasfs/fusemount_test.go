package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// fusemount does what Apptainer does for --fusemount host:PROGRAM… (host-daemon: with -daemon), as its source has it: process_linux.go (runFuseDrivers,
// stopFuseDrivers) and container_linux.go (addFuseMount) in internal/pkg/runtime/engine/apptainer.
//
//	fusemount [-daemon] DIR PROGRAM… -- COMMAND…
//
// A process in user and mount namespaces of its own, where this user is the same user, opens and mounts /dev/fuse. Outside of them PROGRAM is started with
// /dev/fd/3 and -f after its arguments (with -daemon without -f, and it has to return), with the connection as its descriptor 3 and the user namespace as 4,
// in /, with a path and no other environment. When it has begun, COMMAND is run inside. With the end of that the mount is gone; then PROGRAM gets
// SIGTERM, and is waited for. The exit status is 1 if PROGRAM or COMMAND fails.
func fusemount() {
	args := os.Args[1:]
	daemon := args[0] == "-daemon"
	if daemon {
		args = args[1:]
	}
	dash := slices.Index(args, "--")
	if err := fusemounted(args[0], args[1:dash], args[dash+1:], daemon); err != nil {
		fmt.Fprintln(os.Stderr, "fusemount:", err)
		os.Exit(1)
	}
}

// hostPath is Apptainer's env.DefaultPath.
const hostPath = "/bin:/usr/bin:/sbin:/usr/sbin:/usr/local/bin:/usr/local/sbin"

func fusemounted(dir string, program, command []string, daemon bool) error {
	c, connection, err := startContained(dir, command)
	if err != nil {
		return err
	}
	userns, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", c.cmd.Process.Pid))
	if err != nil {
		return errors.Join(err, c.end())
	}
	args := slices.Concat(program, []string{"/dev/fd/3"})
	if !daemon {
		args = append(args, "-f")
	}
	err = errors.Join(os.Setenv("PATH", hostPath), os.Chdir("/"))
	fs := exec.Command(args[0], args[1:]...)
	fs.Env = []string{"PATH=" + hostPath, "APPTAINER_MESSAGELEVEL=0"}
	fs.ExtraFiles = []*os.File{connection, userns}
	fs.Stdout, fs.Stderr = os.Stdout, os.Stderr
	if daemon {
		err = errors.Join(err, fs.Run())
	} else {
		err = errors.Join(err, fs.Start())
	}
	err = errors.Join(err, connection.Close(), userns.Close())
	if err != nil {
		return errors.Join(err, c.end())
	}
	err = c.run()
	if daemon {
		return err
	}
	_ = fs.Process.Signal(unix.SIGTERM) // it has ended already
	return errors.Join(err, fs.Wait())
}

// contained is a process in namespaces of its own, which waits to run a command.
type contained struct {
	cmd    *exec.Cmd
	socket *net.UnixConn
}

// startContained starts fusecontained and returns the connection that it has mounted on dir.
func startContained(dir string, command []string) (*contained, *os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	socket, err := net.FileConn(ours)
	if err := errors.Join(err, ours.Close()); err != nil {
		return nil, nil, err
	}
	c := &contained{exec.Command("fusecontained", slices.Concat([]string{dir}, command)...), socket.(*net.UnixConn)}
	c.cmd.ExtraFiles = []*os.File{theirs}
	c.cmd.Stdout, c.cmd.Stderr = os.Stdout, os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN}, // exec would take it from who is not root inside
	}
	if err := errors.Join(c.cmd.Start(), theirs.Close()); err != nil {
		return nil, nil, err
	}
	connection, err := c.connection()
	if err != nil {
		return nil, nil, errors.Join(err, c.end())
	}
	return c, connection, nil
}

// connection receives the descriptor.
func (c *contained) connection() (*os.File, error) {
	rights := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := c.socket.ReadMsgUnix(make([]byte, 1), rights)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) == 0 {
		return nil, errors.Join(err, errors.New("nothing is mounted"))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "/dev/fuse"), nil
}

// run has the command run, and waits for its end.
func (c *contained) run() error {
	_, err := c.socket.Write([]byte{0})
	return errors.Join(err, c.socket.Close(), c.cmd.Wait())
}

// end gives up: no command is run.
func (c *contained) end() error { return errors.Join(c.socket.Close(), c.cmd.Wait()) }

// fusecontained DIR COMMAND… mounts /dev/fuse on DIR, sends the connection over descriptor 3, and when it is told to becomes COMMAND.
func fusecontained() {
	if err := becomeContained(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "fusecontained:", err)
		os.Exit(1)
	}
}

func becomeContained(dir string, command []string) error {
	const socket = 3
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	data := "fd=" + strconv.Itoa(fd) + fmt.Sprintf(",rootmode=%o,user_id=%d,group_id=%d", unix.S_IFDIR, os.Getuid(), os.Getgid())
	if err := unix.Mount("fuse", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, data); err != nil {
		return os.NewSyscallError("mount", err)
	}
	if err := unix.Sendmsg(socket, []byte{0}, unix.UnixRights(fd), nil, 0); err != nil {
		return os.NewSyscallError("sendmsg", err)
	}
	if n, err := unix.Read(socket, make([]byte, 1)); n != 1 {
		return errors.Join(err, errors.New("there is no file system"))
	}
	unix.CloseOnExec(socket)
	program, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	return unix.Exec(program, command, os.Environ())
}
