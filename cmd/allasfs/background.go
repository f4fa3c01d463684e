package main

// This file puts the daemon into the background: the command starts itself again with the same command line, and waits on a pipe for the news that the
// mount answers, or why not. No secret crosses: the new process reads the credentials itself. With the good news it enters a session of its own, not before: until systemd
// knows that something is mounted on a place of x-systemd.automount, the kernel makes every process wait there that is not of systemd's own process group, as
// commands are that systemd starts for a unit of type mount (autofs_oz_mode in fs/autofs/autofs_i.h).

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs/mount"
)

// readyEnv names the file descriptor of the pipe to the waiting parent.
const readyEnv = "ALLASFS_READY_FD"

const firstExtra = 3 // number of the first of exec.Cmd.ExtraFiles

// ready is what the daemon tells its parent once.
type ready struct {
	Failure  *exit.Error `json:"failure,omitempty"` // nil = the mount answers
	Warnings []string    `json:"warnings,omitempty"`
	Notes    []string    `json:"notes,omitempty"` // what a person likes to know
}

// background starts the daemon and returns when its mount answers, or with the reason why it does not.
func background(ctx context.Context, s *streams, c config) error {
	cmd, err := launch(ctx, s, c, nil)
	if err != nil {
		return err
	}
	return cmd.Process.Release()
}

// launch starts the daemon and returns it when its mount answers, or with the reason why it does not. prepare may change how it is started; nil = as it is.
func launch(ctx context.Context, s *streams, c config, prepare func(*exec.Cmd)) (*exec.Cmd, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the daemon: %w", err)
	}
	defer r.Close()
	cmd, err := daemonProcess(w, c.Dir)
	if err == nil {
		cmd.Stdin = c.Access.handed.again()
		if prepare != nil {
			prepare(cmd)
		}
		err = cmd.Start()
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("start the daemon: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(unix.SIGTERM) }) // it has ended already
	defer stop()
	var news ready
	if err := json.NewDecoder(r).Decode(&news); err != nil {
		return nil, lost(ctx, cmd, err)
	}
	for _, text := range news.Warnings {
		s.warn("%s", text)
	}
	if news.Failure != nil {
		_ = cmd.Wait() // it has said what there is to say
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, news.Failure
	}
	if !c.Quiet {
		for _, text := range news.Notes {
			s.note("%s", text)
		}
	}
	return cmd, nil
}

// daemonProcess is this program once more with the same arguments, with w as a descriptor that its environment names. A connection that was handed over as
// the mountpoint dir keeps its number.
func daemonProcess(w *os.File, dir string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	files := []*os.File{w}
	if fd, ok := mount.HandedOver(dir); ok {
		connection := os.NewFile(uintptr(fd), dir)
		files = make([]*os.File, fd-firstExtra+1, fd-firstExtra+2)
		files[fd-firstExtra] = connection
		if fd == firstExtra {
			files = append(files, w)
		} else {
			files[0] = w
		}
	}
	return &exec.Cmd{
		Path:       exe,
		Args:       os.Args, // the name too: a mount helper stays one
		Env:        append(os.Environ(), fmt.Sprintf("%s=%d", readyEnv, firstExtra+slices.Index(files, w))),
		Stderr:     os.Stderr, // for a crash before the log is open
		ExtraFiles: files,
	}, nil
}

// lost explains a daemon that ended without a word.
func lost(ctx context.Context, cmd *exec.Cmd, err error) error {
	state := cmd.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("the daemon's first word: %w", err)
	}
	return exit.New(exit.Failed, "try once more with -f, to see what it prints", "the daemon ended before the mount was ready: %w", state)
}

// parent is the end of the pipe on which this process, a daemon in the background, tells its parent.
type parent struct{ w *os.File }

// waitingParent returns the parent that waits, nil when there is none. The environment forgets it, so that no child of ours takes it for its own.
func waitingParent() (*parent, error) {
	v, ok := os.LookupEnv(readyEnv)
	if !ok {
		return nil, nil
	}
	if err := os.Unsetenv(readyEnv); err != nil {
		return nil, err
	}
	fd, err := strconv.Atoi(v)
	var st unix.Stat_t
	if err != nil || fd < 3 || unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil, exit.New(exit.Usage, "unset it: allasfs sets it itself", "%s=%q is not a pipe", readyEnv, v)
	}
	unix.CloseOnExec(fd)
	return &parent{os.NewFile(uintptr(fd), "parent")}, nil
}

// part makes a session of its own for this process: the end of the terminal, and what is typed there, are nothing to it any more.
func (p *parent) part() error {
	if _, err := unix.Setsid(); err != nil && !errors.Is(err, unix.EPERM) { // that of one who leads a process group already
		return fmt.Errorf("a session of its own: %w", err)
	}
	return nil
}

// tell gives the news and closes the pipe. An error means that the parent has gone: nobody knows of the mount.
func (p *parent) tell(news ready) error {
	return errors.Join(json.NewEncoder(p.w).Encode(news), p.w.Close())
}
