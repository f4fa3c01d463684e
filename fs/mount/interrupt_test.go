package mount

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestWishOf(t *testing.T) {
	status := func(own, shared, blocked string) string {
		return "Name:\tcat\nSigQ:\t0/7\nSigPnd:\t" + own + "\nShdPnd:\t" + shared + "\nSigBlk:\t" + blocked + "\nSigIgn:\tffffffffffffffff\n"
	}
	for _, c := range []struct {
		name, own, shared, blocked string
		want                       wish
	}{
		{"none", "0", "0", "0", harmless},
		{"child ended", "0000000000010000", "0", "0", harmless},
		{"SIGURG", "0", "0000000000400000", "0", harmless},
		{"profiler", "0000000004000000", "0", "0", harmless},
		{"killed", "0000000000000100", "0", "0", dying},
		{"interrupt from the keyboard, handled", "0", "0000000000000002", "0", leaving},
		{"terminate, handled", "0000000000004000", "0", "0", leaving},
		{"hangup", "0000000000000001", "0", "0", leaving},
		{"quit", "0000000000000004", "0", "0", leaving},
		{"blocked", "0", "0000000000000002", "0000000000000002", harmless},
		{"killed comes first", "0000000000000102", "0", "0", dying},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := wishOf([]byte(status(c.own, c.shared, c.blocked))); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if got := wishOf([]byte("Name:\tcat\n")); got != unknown {
		t.Errorf("no signals told: got %v", got)
	}
	if got := signalsOf(0); got != unknown {
		t.Errorf("pid 0: got %v", got)
	}
	if got := signalsOf(uint32(os.Getpid())); got == unknown || got == dying {
		t.Errorf("this process: got %v", got)
	}
}

func TestKilledStat(t *testing.T) {
	stat := func(flags, code string) []byte {
		s := "17 (a) b) (c) S 1 17 17 0 -1 " + flags
		for range 52 - 10 {
			s += " 7"
		}
		return []byte(s + " " + code + "\n")
	}
	for _, c := range []struct {
		name, flags, code string
		want              bool
	}{
		{"running", "4194304", "0", false},
		{"exits by itself", "4194308", "0", false},
		{"exits with 3", "4194308", "768", false},
		{"killed by SIGKILL", "4194308", "9", true},
		{"killed by SIGTERM", "4194308", "15", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := killedStat(stat(c.flags, c.code)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if killedStat([]byte("17 (x) S 1")) || killedStat(nil) {
		t.Error("a short line counts as killed")
	}
	if killed(uint32(os.Getpid())) {
		t.Error("this process counts as killed")
	}
}

// ends tells whether r ends within a while.
func ends(r context.Context, within time.Duration) bool {
	select {
	case <-r.Done():
		return r.Err() != nil
	case <-time.After(within):
		return false
	}
}

func TestRequestIgnoresHarmlessInterrupt(t *testing.T) {
	kernel := make(chan struct{})
	close(kernel)
	r := newRequest(t.Context(), kernel, uint32(os.Getpid()))
	defer r.stop()
	if ends(r, interruptGrace+500*time.Millisecond) {
		t.Error("an interrupt without a signal that ends a program ended the request")
	}
}

func TestRequestOfUnknownCallerEndsAfterGrace(t *testing.T) {
	kernel := make(chan struct{})
	r := newRequest(t.Context(), kernel, 0)
	defer r.stop()
	if ends(r, 200*time.Millisecond) {
		t.Fatal("ended without an interrupt")
	}
	start := time.Now()
	close(kernel)
	if !ends(r, 3*interruptGrace) {
		t.Fatal("did not end")
	}
	if took := time.Since(start); took < interruptGrace {
		t.Errorf("ended after %v, before the grace of %v", took, interruptGrace)
	}
}

// TestRequestContext checks the rules of context.Context: derived contexts end with it, and stop ends its goroutine's watch.
func TestRequestContext(t *testing.T) {
	mount, unmount := context.WithCancel(t.Context())
	r := newRequest(mount, make(chan struct{}), 0)
	defer r.stop()
	derived, cancel := context.WithTimeout(r, time.Hour)
	defer cancel()
	if derived.Err() != nil {
		t.Fatal("ended too early")
	}
	unmount()
	if !ends(derived, time.Second) || !ends(r, time.Second) {
		t.Error("the end of the mount did not end the request")
	}
	kernel := make(chan struct{})
	s := newRequest(t.Context(), kernel, 0)
	done := s.Done()
	s.stop()
	<-done
	close(kernel) // the next request on the same channel, for a watcher that has gone
}

// TestKilledAtExit: a process that was killed is told from one that runs, until its parent has waited for it.
func TestKilledAtExit(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := uint32(cmd.Process.Pid)
	if killed(pid) {
		t.Error("a running process counts as killed")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); !killed(pid); time.Sleep(time.Millisecond) { // a zombie until it is waited for
		if time.Since(start) > 5*time.Second {
			t.Fatal("a killed process does not count as killed")
		}
	}
	_ = cmd.Wait()
}
