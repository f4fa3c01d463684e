package main

// This file keeps the secrets of a daemon in it.

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// harden forbids core dumps and other processes of the user (debuggers, /proc/PID/mem and environ) to look into this one, which holds keys.
func harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("setrlimit: %w", err)
	}
	return nil
}
