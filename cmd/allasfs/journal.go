package main

// This file writes the log, and what a person is told, for systemd's journal.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// toJournal tells whether f leads to the journal: systemd names the device and inode of the stream that it gives (systemd.exec(5), JOURNAL_STREAM).
func toJournal(env func(string) string, f *os.File) bool {
	var dev, ino uint64
	if _, err := fmt.Sscanf(env("JOURNAL_STREAM"), "%d:%d", &dev, &ino); err != nil {
		return false
	}
	var st unix.Stat_t
	return unix.Fstat(int(f.Fd()), &st) == nil && uint64(st.Dev) == dev && st.Ino == ino
}

// journal writes lines that begin with their priority, as the journal takes it from a stream (sd-daemon(3)); the time is its own.
type journal struct {
	slog.Handler
	out *journalOut
}

type journalOut struct {
	mu   sync.Mutex
	w    io.Writer
	line bytes.Buffer
}

func newJournal(w io.Writer, format string, o *slog.HandlerOptions) *journal {
	out := &journalOut{w: w}
	timeless := *o
	timeless.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	return &journal{logHandler(&out.line, format, &timeless), out}
}

// Handle writes one line.
func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	j.out.mu.Lock()
	defer j.out.mu.Unlock()
	j.out.line.Reset()
	fmt.Fprintf(&j.out.line, "<%d>", priority(r.Level))
	if err := j.Handler.Handle(ctx, r); err != nil {
		return err
	}
	_, err := j.out.w.Write(j.out.line.Bytes())
	return err
}

// WithAttrs implements slog.Handler.
func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{j.Handler.WithAttrs(attrs), j.out}
}

// WithGroup implements slog.Handler.
func (j *journal) WithGroup(name string) slog.Handler {
	return &journal{j.Handler.WithGroup(name), j.out}
}

// priority is the level as syslog(3) numbers it.
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}

// ranked writes what a person is told, with the priority of each line: errors and what to do about them as errors, warnings as such. A call writes whole lines.
type ranked struct{ w io.Writer }

// Write implements io.Writer.
func (r ranked) Write(p []byte) (int, error) {
	var out bytes.Buffer
	for line := range bytes.Lines(p) {
		switch {
		case bytes.HasPrefix(line, []byte("allasfs: error:")), bytes.HasPrefix(line, []byte("allasfs: hint:")):
			fmt.Fprintf(&out, "<%d>", priority(slog.LevelError))
		case bytes.HasPrefix(line, []byte("allasfs: warning:")):
			fmt.Fprintf(&out, "<%d>", priority(slog.LevelWarn))
		}
		out.Write(line)
	}
	if _, err := r.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}
