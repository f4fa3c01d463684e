package main

// This file asks a mountpoint whether its daemon is gone. The question can hang beyond any signal while a daemon lives that does not answer,
// so a process of its own asks, which is left behind then.

import (
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
)

const (
	probeName    = "probe-mountpoint"
	probeTimeout = 3 * time.Second
)

// probeCommand is the asking process: it ends with the code NotMounted when the daemon is gone.
func probeCommand() *cobra.Command {
	return &cobra.Command{
		Use: probeName, Hidden: true, Args: args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if mountpoint.Dead(args[0]) {
				return exit.New(exit.NotMounted, "", "the daemon of %s has died", args[0])
			}
			return nil
		},
	}
}

// probe tells whether the daemon of the mountpoint dir is gone; one that does not answer in time is not.
func probe(dir string) bool {
	code, answered := question(dir, probeTimeout)
	return answered && code == exit.NotMounted
}

// answers tells whether a daemon answers at the mountpoint dir within wait.
func answers(dir string, wait time.Duration) bool {
	code, answered := question(dir, wait)
	return answered && code == exit.OK
}

// question runs the asking process and returns how it ends; answered is false when it cannot be started, or has not ended in time.
func question(dir string, wait time.Duration) (code exit.Code, answered bool) {
	exe, err := os.Executable()
	if err != nil {
		return 0, false
	}
	cmd := &exec.Cmd{Path: exe, Args: []string{"allasfs", probeName, dir}}
	if cmd.Start() != nil {
		return 0, false
	}
	ended := make(chan int, 1)
	go func() { // as long as the process, which nothing can end while it hangs
		_ = cmd.Wait() // its code tells
		ended <- cmd.ProcessState.ExitCode()
	}()
	select {
	case c := <-ended:
		return exit.Code(c), true
	case <-time.After(wait):
		return 0, false
	}
}
