package control

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOtherUsers: another user reaches neither the socket, by its mode, nor, should that be lax, the daemon.
func TestOtherUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("another user is only to be had by root")
	}
	f := &fake{}
	s, _, _ := serve(t, f)
	socket := s.Record().Socket
	fatal(t, os.Chmod(filepath.Dir(socket), 0o755))
	if _, err := askAs(65534, socket); !errors.Is(err, syscall.EACCES) {
		t.Errorf("connect: %v, want EACCES", err)
	}
	fatal(t, os.Chmod(socket, 0o666))
	if got, err := askAs(65534, socket); got != "" {
		t.Errorf("answered %q, %v", got, err)
	}
	if got, err := askAs(0, socket); got == "" || err != nil {
		t.Errorf("the owner: %q, %v", got, err)
	}
	fatal(t, s.Close())
	if len(f.calls) != 1 {
		t.Errorf("calls: %q", f.calls)
	}
}

// askAs makes a call as a user, and returns what was answered.
func askAs(uid int, socket string) (got string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // whose user alone changes; the thread ends with the goroutine
		const same = ^uintptr(0)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, same, uintptr(uid), same); errno != 0 {
			err = errno
			return
		}
		got, err = rawCall(socket)
	}()
	<-done
	return got, err
}

func rawCall(socket string) (string, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		return "", err
	}
	if _, err := unix.Write(fd, []byte("POST /v1/unmount HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")); err != nil {
		return "", err
	}
	p := make([]byte, 1000)
	n, err := unix.Read(fd, p)
	return string(p[:max(n, 0)]), err
}
