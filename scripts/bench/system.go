package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// mounted is a system whose files are reached through a directory: a FUSE mount with its daemon, or the native disk without one.
type mounted struct {
	name    string
	dir     string                    // where the files are
	cache   string                    // emptied before a cold row
	command func(m *mounted) []string // of the daemon, in the foreground; nil = native
	env     []string                  // of the daemon
	log     string                    // what the daemon prints
	daemon  *exec.Cmd                 // nil = not running
	ended   chan struct{}             // closed when it has ended
	prepare func(m *mounted) error    // before each start, nil = nothing
	extra   []string                  // more flags, for some rows
}

// pid is the process whose usage is measured: the daemon, or this program where the work is done without one.
func (m *mounted) pid() int {
	if m.daemon == nil {
		return os.Getpid()
	}
	return m.daemon.Process.Pid
}

// fresh brings the system into its cold state: no cache, a new daemon, nothing in the page cache.
func (m *mounted) fresh(ctx context.Context) error {
	if err := m.stop(); err != nil {
		return err
	}
	if m.command != nil {
		if err := os.RemoveAll(m.cache); err != nil {
			return err
		}
	}
	if err := m.start(ctx); err != nil {
		return err
	}
	return dropCaches()
}

// remount gives the system a new daemon on the cache of the old one.
func (m *mounted) remount(ctx context.Context) error {
	if err := m.stop(); err != nil {
		return err
	}
	return m.start(ctx)
}

// start starts the daemon and waits until the mount answers.
func (m *mounted) start(ctx context.Context) error {
	if m.command == nil {
		return nil
	}
	for _, d := range []string{m.dir, m.cache} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	if m.prepare != nil {
		if err := m.prepare(m); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := m.command(m)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = m.env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C is for this program, which unmounts
	if err := cmd.Start(); err != nil {
		return err
	}
	m.daemon, m.ended = cmd, make(chan struct{})
	go func() { _ = cmd.Wait(); close(m.ended) }()
	return m.answers(ctx)
}

// answers waits until the mount is there, 30 s at most.
func (m *mounted) answers(ctx context.Context) error {
	limit := time.After(30 * time.Second)
	for !isMountpoint(m.dir) {
		select {
		case <-m.ended:
			m.daemon = nil
			return fmt.Errorf("%s did not mount:\n%s", m.name, m.logEnd())
		case <-limit:
			return fmt.Errorf("%s: no mount after 30 s:\n%s", m.name, m.logEnd())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	_, err := os.Stat(m.dir)
	return err
}

// stop unmounts and waits until the daemon has ended, which the hard way makes sure of.
func (m *mounted) stop() error {
	if m.daemon == nil {
		return nil
	}
	defer func() { m.daemon = nil }()
	for range 50 {
		err := unix.Unmount(m.dir, 0)
		if err == nil || err == unix.EINVAL {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	select {
	case <-m.ended:
		return nil
	case <-time.After(60 * time.Second):
	}
	m.kill()
	return fmt.Errorf("%s did not end within 60 s of its unmounting:\n%s", m.name, m.logEnd())
}

// kill ends the daemon at once and takes its mount away. Work that hangs in the mount fails then.
func (m *mounted) kill() {
	if m.daemon == nil {
		return
	}
	_ = m.daemon.Process.Kill() // it may have ended by itself
	_ = unix.Unmount(m.dir, unix.MNT_DETACH)
	<-m.ended
}

func (m *mounted) logEnd() string {
	b, err := os.ReadFile(m.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// isMountpoint tells whether something else than the parent's file system is at dir.
func isMountpoint(dir string) bool {
	var own, parent unix.Stat_t
	if unix.Stat(dir, &own) != nil || unix.Stat(filepath.Dir(dir), &parent) != nil {
		return false
	}
	return own.Dev != parent.Dev
}

// empty removes the cache, for the disk is shared by all systems.
func (m *mounted) empty() error {
	if m.command == nil {
		return nil
	}
	return os.RemoveAll(m.cache)
}
