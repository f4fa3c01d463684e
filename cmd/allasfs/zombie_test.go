package main

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// headless is a program whose first thread ends while others go on, as those do of a killed process that hang in the kernel.
func headless() {
	for range time.Tick(time.Millisecond) {
		go func() { // on one thread after the other, until it is the first
			runtime.LockOSThread()
			if unix.Gettid() == os.Getpid() {
				unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
			}
			select {}
		}()
		runtime.Gosched()
	}
}

// TestWaitEnd: a process is waited for until it has ended, unless only threads of it are left that do not end.
func TestWaitEnd(t *testing.T) {
	for name, command := range map[string][]string{"ended": {"true"}, "killed": {"sleep", "600"}, "threads are left": {"headless"}} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(command[0], command[1:]...)
			fatal(t, cmd.Start())
			if name == "killed" {
				fatal(t, cmd.Process.Kill())
			}
			fatal(t, waitEnd(t.Context(), cmd.Process.Pid))
			_ = cmd.Process.Kill() // "threads are left"
			_ = cmd.Wait()         // killed
		})
	}
}
