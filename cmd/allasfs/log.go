package main

// This file opens the daemon's log.

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
)

// maxLog is the size in bytes beyond which a log of the default place is put aside (NAME.old) when a daemon starts.
const maxLog = 8 << 20

// openLog opens the log: the file that was asked for, in the background a default one, else standard error. A detached daemon's standard
// output and error then go there too, so that a crash is found in the log, and nobody waits for the end of a pipe.
func (d *daemon) openLog(detached bool) error {
	file := d.config.LogFile
	if file == "" && detached {
		var err error
		if file, err = defaultLog(os.Getenv, d.folder()); err != nil {
			return err
		}
	}
	var w io.Writer = os.Stderr
	if file != "" {
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return exit.New(exit.Failed, "give another place with --log-file", "the log cannot be written: %w", err)
		}
		w = f
		if detached {
			if err := redirect(f); err != nil {
				return err
			}
		}
	}
	level := slog.LevelInfo
	if d.config.Verbose || d.config.DebugFuse {
		level = slog.LevelDebug
	}
	d.logFile = file
	d.log = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
	return nil
}

// redirect makes f the standard output and error of this process.
func redirect(f *os.File) error {
	for fd := 1; fd <= 2; fd++ {
		if err := unix.Dup3(int(f.Fd()), fd, 0); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	return nil
}

// defaultLog is the log file of the mounts of one source: in the user's state folder, else beside the cache.
func defaultLog(env func(string) string, name string) (string, error) {
	var dirs []string
	switch {
	case filepath.IsAbs(env("XDG_STATE_HOME")):
		dirs = append(dirs, filepath.Join(env("XDG_STATE_HOME"), "allasfs"))
	case filepath.IsAbs(env("HOME")):
		dirs = append(dirs, filepath.Join(env("HOME"), ".local", "state", "allasfs"))
	case os.Getuid() == 0:
		dirs = append(dirs, "/var/log/allasfs")
	}
	if base, err := cacheBase(env); err == nil {
		dirs = append(dirs, base)
	}
	var errs []error
	for _, dir := range dirs {
		err := os.MkdirAll(dir, 0o700)
		if err == nil {
			file := filepath.Join(dir, name+".log")
			if fi, err := os.Stat(file); err == nil && fi.Size() > maxLog {
				_ = os.Rename(file, file+".old") // else it grows on
			}
			return file, nil
		}
		errs = append(errs, err)
	}
	return "", exit.New(exit.Failed, "give one with --log-file", "there is no place for the log: %w", errors.Join(errs...))
}
