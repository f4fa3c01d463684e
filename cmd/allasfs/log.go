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

// A log file is put aside when it has so many MiB, and so many of those are kept.
const (
	maxLog   = 10
	keptLogs = 3
)

// What --log-format takes.
const (
	logText = "text"
	logJSON = "json"
)

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
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if d.config.Verbose || d.config.DebugFuse {
		o.Level = slog.LevelDebug
	}
	d.logFile = file
	if file == "" && toJournal(os.Getenv, os.Stderr) {
		d.log = slog.New(newJournal(os.Stderr, d.config.LogFormat, o))
		return nil
	}
	var w io.Writer = os.Stderr
	if file != "" {
		var follow []int
		if detached {
			follow = []int{unix.Stdout, unix.Stderr}
		}
		f, err := openLogFile(file, maxLog, follow...)
		if err != nil {
			return exit.New(exit.Failed, "give another place with --log-file", "the log cannot be written: %w", err)
		}
		w = f
	}
	d.log = slog.New(logHandler(w, d.config.LogFormat, o))
	return nil
}

func logHandler(w io.Writer, format string, o *slog.HandlerOptions) slog.Handler {
	if format == logJSON {
		return slog.NewJSONHandler(w, o)
	}
	return slog.NewTextHandler(w, o)
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
			return filepath.Join(dir, name+".log"), nil
		}
		errs = append(errs, err)
	}
	return "", exit.New(exit.Failed, "give one with --log-file", "there is no place for the log: %w", errors.Join(errs...))
}
