package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A log is put aside when it is full; the old ones that are too many go, and nothing of the newest is lost.
func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	beside, err := os.Open(os.DevNull)
	fatal(t, err)
	defer beside.Close()
	l, err := openLogFile(path, 1, int(beside.Fd()))
	fatal(t, err)
	defer l.rotating.Close()
	log := slog.New(logHandler(l, logText, nil))
	text := strings.Repeat("x", 100_000)
	for i := range 25 {
		log.Info(text, "n", i)
	}
	now, err := os.ReadFile(path)
	fatal(t, err)
	if !bytes.HasSuffix(now, []byte("n=24\n")) || len(now) > 1<<20 {
		t.Errorf("%d bytes, end %.20q", len(now), now[max(0, len(now)-20):])
	}
	old, err := filepath.Glob(filepath.Join(filepath.Dir(path), "a-*.log"))
	fatal(t, err)
	if len(old) == 0 || len(old) > keptLogs {
		t.Errorf("put aside: %q", old)
	}
	if there, err := beside.Stat(); err != nil || !sameAs(t, there, path) {
		t.Errorf("what follows the log leads elsewhere: %v", err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
}

// The journal's lines have their priority and no time, in either format; and its stream is known by device and inode.
func TestJournal(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(newJournal(&b, logText, &slog.HandlerOptions{Level: slog.LevelDebug})).With("at", "p").WithGroup("g")
	log.Error("bad", "k", 1)
	log.Warn("odd")
	log.Info("well")
	log.Debug("small")
	if want := "<3>level=ERROR msg=bad at=p g.k=1\n<4>level=WARN msg=odd at=p\n<6>level=INFO msg=well at=p\n<7>level=DEBUG msg=small at=p\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	b.Reset()
	slog.New(newJournal(&b, logJSON, &slog.HandlerOptions{})).Info("well")
	if want := `<6>{"level":"INFO","msg":"well"}` + "\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	fatal(t, err)
	defer f.Close()
	var st unix.Stat_t
	fatal(t, unix.Fstat(int(f.Fd()), &st))
	for stream, want := range map[string]bool{fmt.Sprintf("%d:%d", st.Dev, st.Ino): true, fmt.Sprintf("%d:%d", st.Dev, st.Ino+1): false, "": false} {
		if got := toJournal(func(string) string { return stream }, f); got != want {
			t.Errorf("%q: %t", stream, got)
		}
	}
}

func sameAs(t *testing.T, fi os.FileInfo, path string) bool {
	t.Helper()
	other, err := os.Stat(path)
	fatal(t, err)
	return os.SameFile(fi, other)
}

// What a person is told has its priority in the journal, a line at a time.
func TestRankedLines(t *testing.T) {
	var out strings.Builder
	text := "allasfs: error: no\nallasfs: hint: do\nallasfs: warning: beware\nallasfs: data is mounted\n"
	if n, err := (ranked{&out}).Write([]byte(text)); n != len(text) || err != nil {
		t.Error(n, err)
	}
	if got, want := out.String(), "<3>allasfs: error: no\n<3>allasfs: hint: do\n<4>allasfs: warning: beware\nallasfs: data is mounted\n"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}
