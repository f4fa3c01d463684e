package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/fs"
)

func TestSignals(t *testing.T) {
	w := watchSignals()
	defer w.stop()
	ctx, cancel := w.limit(context.Background(), 0)
	defer cancel()
	raise := func(s unix.Signal) {
		t.Helper()
		fatal(t, unix.Kill(os.Getpid(), s))
	}
	raise(unix.SIGHUP) // would end the test if it was not ignored
	raise(unix.SIGTERM)
	<-w.first
	if ctx.Err() != nil {
		t.Fatal("the first signal cuts uploads short")
	}
	raise(unix.SIGINT)
	<-ctx.Done()
}

func TestSignalPatience(t *testing.T) {
	w := watchSignals()
	defer w.stop()
	ctx, cancel := w.limit(context.Background(), 50*time.Millisecond)
	defer cancel()
	time.Sleep(100 * time.Millisecond)
	if ctx.Err() != nil {
		t.Fatal("patience ended before a signal came")
	}
	fatal(t, unix.Kill(os.Getpid(), unix.SIGTERM))
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("patience does not end")
	}
}

// listenAsSystemd makes this process' NOTIFY_SOCKET.
func listenAsSystemd(t *testing.T) *net.UnixConn {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	fatal(t, err)
	t.Cleanup(func() { l.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return l
}

func TestNotifySystemd(t *testing.T) {
	fatal(t, notifySystemd("READY=1")) // nobody listens
	l := listenAsSystemd(t)
	fatal(t, notifySystemd("READY=1", "MAINPID=7"))
	buf := make([]byte, 100)
	n, err := l.Read(buf)
	if err != nil || string(buf[:n]) != "READY=1\nMAINPID=7" {
		t.Errorf("systemd got %q, %v", buf[:n], err)
	}
}

func TestUploadLines(t *testing.T) {
	if got := uploadLines(nil); got != nil {
		t.Errorf("no uploads: %q", got)
	}
	many := make([]fs.UploadState, 20)
	for i := range many {
		many[i] = fs.UploadState{Path: "b/k", Size: 100, Sent: 50}
	}
	got := uploadLines(many)
	if len(got) != shownFiles+2 || got[0] != "waiting for 20 uploads: 1000 B of 2 KiB sent (50 %)" || got[len(got)-1] != "  and 12 more" {
		t.Errorf("got %q", got)
	}
	one := uploadLines([]fs.UploadState{{Path: "b/\x1b[2J", Size: 0}})
	if len(one) != 2 || strings.Contains(one[1], "\x1b") {
		t.Errorf("got %q", one)
	}
}

func TestWithoutParent(t *testing.T) {
	if p, err := waitingParent(); p != nil || err != nil {
		t.Errorf("got %v, %v without %s", p, err, readyEnv)
	}
	for _, v := range []string{"x", "0", "2", "999"} {
		t.Setenv(readyEnv, v)
		if _, err := waitingParent(); err == nil {
			t.Errorf("%s=%s is taken for a pipe", readyEnv, v)
		}
	}
}
