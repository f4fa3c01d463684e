package main

import (
	"errors"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// listener is systemd's end of sd_notify(3), one a script.
type listener struct {
	conn *net.UnixConn
	done chan struct{}

	mu   sync.Mutex
	told []string // messages, their lines joined by a space
}

type listenerKey struct{} // of a script

// cmdNotify listens as systemd does, sets NOTIFY_SOCKET, and WATCHDOG_USEC to args[0]; "notify off" ends that.
func cmdNotify(ts *testscript.TestScript, _ bool, args []string) {
	if args[0] == "off" {
		ts.Setenv("NOTIFY_SOCKET", "")
		ts.Setenv("WATCHDOG_USEC", "")
		return
	}
	name := filepath.Join(ts.Getenv("WORK"), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	ts.Check(err)
	l := ts.Value(listenerKey{}).(*listener)
	l.conn, l.done = conn, make(chan struct{})
	go l.listen()
	ts.Defer(func() {
		_ = conn.Close() // ends listen
		<-l.done
	})
	ts.Setenv("NOTIFY_SOCKET", name)
	ts.Setenv("WATCHDOG_USEC", args[0])
}

// cmdNotified waits until systemd has been told what matches args[0]; the next one looks at what was told after that.
func cmdNotified(ts *testscript.TestScript, _ bool, args []string) {
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	if others, ok := ts.Value(listenerKey{}).(*listener).take(pattern, patience); !ok {
		ts.Fatalf("systemd was not told %s, but %q", pattern, others)
	}
}

func (l *listener) listen() {
	defer close(l.done)
	buf := make([]byte, 4096)
	for {
		n, err := l.conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			l.mu.Lock()
			l.told = append(l.told, strings.ReplaceAll(string(buf[:n]), "\n", " "))
			l.mu.Unlock()
		}
	}
}

// take waits until a message matches, and forgets it and those before it.
func (l *listener) take(pattern *regexp.Regexp, within time.Duration) (others []string, ok bool) {
	for end := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		for i, m := range l.told {
			if pattern.MatchString(m) {
				l.told = l.told[i+1:]
				l.mu.Unlock()
				return nil, true
			}
		}
		others = append([]string(nil), l.told...)
		l.mu.Unlock()
		if time.Now().After(end) {
			return others, false
		}
	}
}
