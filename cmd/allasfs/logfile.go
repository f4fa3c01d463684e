package main

import (
	"os"

	"golang.org/x/sys/unix"
	"gopkg.in/natefinch/lumberjack.v2"
)

// logFile is a log that is put aside when it is large: NAME-TIME.log beside it, the oldest removed.
type logFile struct {
	rotating *lumberjack.Logger
	follow   []int       // descriptors that go where the log goes
	now      os.FileInfo // the file that they go to
}

// openLogFile opens the log at path, for the owner alone, with max MiB at the most. The descriptors that follow are made to lead there, too, and stay so
// when a log is put aside: as standard error what the runtime prints of a crash is found there.
func openLogFile(path string, max int, follow ...int) (*logFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l := &logFile{rotating: &lumberjack.Logger{Filename: path, MaxSize: max, MaxBackups: keptLogs}, follow: follow}
	return l, l.redirect(f)
}

// Write appends a line. slog calls it for one at a time.
func (l *logFile) Write(p []byte) (int, error) {
	n, err := l.rotating.Write(p)
	if len(l.follow) == 0 || err != nil {
		return n, err
	}
	if fi, serr := os.Stat(l.rotating.Filename); serr == nil && !os.SameFile(fi, l.now) {
		if f, oerr := os.OpenFile(l.rotating.Filename, os.O_WRONLY|os.O_APPEND, 0); oerr == nil {
			_ = l.redirect(f) // what a crash prints goes to the one before
			_ = f.Close()
		}
	}
	return n, nil
}

// redirect makes the descriptors lead to f.
func (l *logFile) redirect(f *os.File) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	for _, fd := range l.follow {
		if err := unix.Dup3(int(f.Fd()), fd, 0); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	l.now = fi
	return nil
}
