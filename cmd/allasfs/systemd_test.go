package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/fs"
)

func TestWatchdogTime(t *testing.T) {
	for _, c := range []struct {
		usec, of string
		want     time.Duration
	}{
		{"", "", 0},
		{"x", "", 0},
		{"-5", "", 0},
		{"30000000", "", 30 * time.Second},
		{"30000000", "77", 30 * time.Second},
		{"30000000", "78", 0},
	} {
		env := map[string]string{"WATCHDOG_USEC": c.usec, "WATCHDOG_PID": c.of}
		if got := watchdogTime(func(name string) string { return env[name] }, 77); got != c.want {
			t.Errorf("WATCHDOG_USEC=%s WATCHDOG_PID=%s: %v, want %v", c.usec, c.of, got, c.want)
		}
	}
}

// TestWatchdogIsFedByAnswers: at a tick the watchdog is told only if the mount answers.
func TestWatchdogIsFedByAnswers(t *testing.T) {
	answers := []bool{true, false, false, true, true}
	var told []string
	asked := 0
	s := &supervision{
		notify: func(a ...string) error { told = append(told, fmt.Sprint(asked, a)); return nil },
		silent: func(time.Duration) { told = append(told, fmt.Sprint(asked, " silent")) },
		answer: func(wait time.Duration) bool {
			if wait != time.Minute {
				t.Errorf("asked within %v", wait)
			}
			asked++
			return answers[asked-1]
		},
	}
	tick, done, ended := make(chan time.Time), make(chan struct{}), make(chan struct{})
	go func() { s.feed(tick, time.Minute, done); close(ended) }()
	for range answers {
		tick <- time.Time{}
	}
	close(done)
	<-ended
	if want := []string{"1 [WATCHDOG=1]", "2 silent", "4 [WATCHDOG=1]", "5 [WATCHDOG=1]"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestStatusLine: it is told when it is another one, and again after it could not be told.
func TestStatusLine(t *testing.T) {
	lines := []string{"a", "a", "b", "b"}
	looked := 0
	var told []string
	s := &supervision{
		status: func() string { looked++; return lines[looked-1] },
		notify: func(a ...string) error {
			told = append(told, a...)
			if len(told) == 1 {
				return os.ErrDeadlineExceeded
			}
			return nil
		},
	}
	tick, done, ended := make(chan time.Time), make(chan struct{}), make(chan struct{})
	go func() { s.tellStatus(tick, done); close(ended) }()
	for range lines {
		tick <- time.Time{}
	}
	close(done)
	<-ended
	if want := []string{"STATUS=a", "STATUS=a", "STATUS=b"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if got := serviceStatus("a3s.fi:b", fs.QueueState{}); got != "serving a3s.fi:b" {
		t.Errorf("nothing to send: %q", got)
	}
	if got := serviceStatus("b", fs.QueueState{Files: 2, Bytes: 3 << 20}); got != "serving b; 2 files (3 MiB) to be sent" {
		t.Errorf("two files: %q", got)
	}
}

func TestDescent(t *testing.T) {
	var d descent
	for i, c := range []struct {
		q    fs.QueueState
		want bool
	}{
		{fs.QueueState{DoneFiles: 3, DoneBytes: 100}, true},
		{fs.QueueState{DoneFiles: 3, DoneBytes: 100}, false},
		{fs.QueueState{DoneFiles: 3, DoneBytes: 100, Sent: 50}, true},
		{fs.QueueState{DoneFiles: 3, DoneBytes: 100}, false}, // it failed, and begins again
		{fs.QueueState{DoneFiles: 3, DoneBytes: 100, Sent: 50}, false},
		{fs.QueueState{DoneFiles: 3, DoneBytes: 100, Sent: 51}, true},
		{fs.QueueState{DoneFiles: 4, DoneBytes: 100}, true}, // an empty file
	} {
		if got := d.more(c.q); got != c.want {
			t.Errorf("look %d: %v", i, got)
		}
	}
}

// TestExtendStop: systemd is asked for more time only while uploads get on.
func TestExtendStop(t *testing.T) {
	l := listenAsSystemd(t)
	d := &daemon{log: slog.New(slog.DiscardHandler)}
	d.tellLine("1 MiB of 2 MiB sent", true)
	d.tellLine("1 MiB of 2 MiB sent", false)
	for _, want := range []string{"STATUS=finishing uploads: 1 MiB of 2 MiB sent\nEXTEND_TIMEOUT_USEC=60000000", "STATUS=finishing uploads: 1 MiB of 2 MiB sent"} {
		buf := make([]byte, 200)
		if n, err := l.Read(buf); err != nil || string(buf[:n]) != want {
			t.Errorf("systemd got %q, %v; want %q", buf[:n], err, want)
		}
	}
}

// TestAnswers: a mount whose daemon is there and silent does not answer, nor does one whose daemon has gone, and nobody waits longer than was said.
func TestAnswers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting what nobody serves needs root")
	}
	dir := t.TempDir()
	if !answers(dir, patience) {
		t.Error("a plain directory does not answer")
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	fatal(t, err)
	fatal(t, unix.Mount("silent", dir, "fuse.silent", unix.MS_NOSUID, fmt.Sprintf("fd=%d,rootmode=40755,user_id=0,group_id=0", fd)))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	if answers(dir, 300*time.Millisecond) {
		t.Error("a mount that is silent answers")
	}
	fatal(t, unix.Close(fd)) // now it is dead, and what asked ends
	if answers(dir, patience) {
		t.Error("a dead mount answers")
	}
}

// TestUnits: systemd has nothing to say of the units.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skipf("%v", err)
	}
	for _, whose := range []string{"system", "user"} {
		t.Run(whose, func(t *testing.T) {
			unit, err := os.ReadFile(filepath.Join("../../scripts/systemd", whose, "allasfs@.service"))
			fatal(t, err)
			exe, err := os.Executable() // the program has to be there
			fatal(t, err)
			dir := t.TempDir()
			file := filepath.Join(dir, "allasfs@genomes.service")
			fatal(t, os.WriteFile(file, []byte(strings.Replace(string(unit), "ExecStart=allasfs ", "ExecStart="+exe+" ", 1)), 0o644))
			cmd := exec.CommandContext(t.Context(), analyze, "--"+whose, "--man=no", "verify", file)
			cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
