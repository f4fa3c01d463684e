package cache

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// a mapping writes on after Stored without moving the file's time: the draft is dropped by the next daemon
func TestRevMappedDropped(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	d, file, _ := lend(t, c)
	if _, err := file.WriteString("one-------"); err != nil {
		t.Fatal(err)
	}
	p, err := unix.Mmap(int(file.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	copy(p, "ONE")
	if err := errors.Join(d.Arm(), d.Stored(Base{ETag: "e", Size: 10})); err != nil {
		t.Fatal(err)
	}
	copy(p, "TWO")
	if err := unix.Msync(p, unix.MS_SYNC); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	c = mustOpen(t, o)
	if len(c.Drafts()) != 1 {
		t.Fatalf("LOST: %d drafts", len(c.Drafts()))
	}
}

// after one EMFILE in the daemon nobody answers any more
func TestRevGuardEMFILE(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	_, file, asked := lend(t, c)
	if _, err := file.WriteString("one"); err != nil {
		t.Fatal(err)
	}
	<-asked
	var was unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &was)
	var hold []int
	lim := was
	lim.Cur = 200
	unix.Setrlimit(unix.RLIMIT_NOFILE, &lim)
	for {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		hold = append(hold, fd)
	}
	_, err := file.WriteString("two")
	t.Log("write while no descriptors:", err)
	for _, fd := range hold {
		unix.Close(fd)
	}
	unix.Setrlimit(unix.RLIMIT_NOFILE, &was)
	done := make(chan error, 1)
	go func() { _, err := file.WriteString("three"); done <- err }()
	select {
	case err := <-done:
		t.Log("later write:", err)
	case <-time.After(5 * time.Second):
		t.Error("HANGS: a later write is never answered")
		_ = c.Close()
		t.Log("after close of the cache:", <-done)
	}
	_ = syscall.EPERM
	_ = os.ErrClosed
}
