package main

// This file is the command of `allasfs run` while it runs: how it is started, which signals it gets, and what its end means.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/control"
)

// leastGrace is how long uploads may go on after a command that itself took all the grace.
const leastGrace = 2 * time.Second

// placeEnv tells the command where the mount is.
const placeEnv = "ALLASFS_DIR"

// What a shell ends with for a command that it cannot run.
const (
	cannotRun = 126
	notFound  = 127
	bySignal  = 128 // plus the signal's number
)

// commandStatus ends this program with the status of a command, without a word.
type commandStatus struct{ status int }

func (c *commandStatus) Error() string {
	return fmt.Sprintf("the command ended with status %d", c.status)
}

// job is a command with its mount.
type job struct {
	*streams
	config config
	grace  time.Duration
	words  []string
	daemon *keptDaemon
	record control.Record

	signals chan os.Signal
	ends    time.Time // by when uploads are to be over, zero = no SIGTERM has come
}

// listen begins to take signals, deaf ends it.
func (j *job) listen() {
	j.signals = make(chan os.Signal, 16)
	signal.Notify(j.signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
}

func (j *job) deaf() { signal.Stop(j.signals) }

// command runs the command and returns its status as a shell has it. Signals go to it.
func (j *job) command(ctx context.Context) int {
	if ctx.Err() != nil { // a signal came before it could start
		return bySignal + int(unix.SIGTERM)
	}
	cmd := exec.Command(j.words[0], j.words[1:]...)
	cmd.Env = append(os.Environ(), placeEnv+"="+j.config.Dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, j.out, j.err
	if err := cmd.Start(); err != nil {
		j.warn("%v", err)
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			return notFound
		}
		return cannotRun
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // ProcessState says all
		close(ended)
	}()
	j.attend(context.WithoutCancel(ctx), cmd.Process, ended)
	return statusOf(cmd.ProcessState)
}

// statusOf is how a command ended, as a shell tells it.
func statusOf(p *os.ProcessState) int {
	if w, ok := p.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return bySignal + int(w.Signal())
	}
	return p.ExitCode()
}

// attend passes signals on to the command until it has ended. After SIGTERM what is closed is sent at once, and named when the grace is over.
func (j *job) attend(ctx context.Context, p *os.Process, ended <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	var over <-chan time.Time
	for {
		select {
		case <-ended:
			return
		case <-over:
			j.tellUnsent(ctx)
		case got := <-j.signals:
			if !byTerminal(got) {
				_ = p.Signal(got) // it has ended already
			}
			if got == unix.SIGTERM && j.ends.IsZero() {
				j.ends = time.Now().Add(j.grace)
				over = time.After(j.grace)
				work.Go(func() { _ = control.Dial(j.record).Sync(ctx, "") }) // what fails is told at the end
			}
		}
	}
}

// byTerminal tells whether the command has got the signal too, for a terminal sends it to all processes in front.
func byTerminal(s os.Signal) bool {
	if s != unix.SIGINT && s != unix.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// tellUnsent names what is not in the store when the grace is over and the command still runs: a kill may come at any moment.
func (j *job) tellUnsent(ctx context.Context) {
	r, err := control.Dial(j.record).Status(ctx)
	if err != nil {
		j.warn("%v", err)
		return
	}
	text := unsent(r.Status.Drafts)
	for _, u := range r.Status.Uploads {
		text += fmt.Sprintf("\n  %s: %s of %s sent", oneLine(u.Path), human(u.Sent), human(u.Size))
	}
	j.warn("the command still runs. If all is killed now, what is not sent is kept in %s; on this machine send it by: %s\n%s",
		j.record.CacheDir, laterCommand(j.config, j.record.CacheDir), text)
}

// hurry closes c when the last uploads are to be cut short: when the grace after the first SIGTERM is over, at a second SIGTERM, or at SIGINT. The function
// that it returns ends the waiting.
func (j *job) hurry(c chan<- struct{}) (stop func()) {
	quit := make(chan struct{})
	go func() {
		var over <-chan time.Time
		if !j.ends.IsZero() {
			over = time.After(max(time.Until(j.ends), leastGrace))
		}
		for {
			select {
			case <-quit:
				return
			case <-over:
				close(c)
				return
			case got := <-j.signals:
				if got != unix.SIGTERM && got != unix.SIGINT {
					continue
				}
				if over != nil || got == unix.SIGINT {
					close(c)
					return
				}
				over = time.After(j.grace)
			}
		}
	}()
	return func() { close(quit) }
}
