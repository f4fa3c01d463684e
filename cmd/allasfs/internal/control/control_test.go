package control

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs"
)

// fake is a daemon that remembers its calls.
type fake struct {
	calls []string
	err   error
}

func (f *fake) call(words ...string) error {
	f.calls = append(f.calls, strings.Join(words, " "))
	return f.err
}

func (f *fake) Status() fs.Status { return fs.Status{Source: "p:", Nodes: 7} }
func (f *fake) Sync(ctx context.Context, path string) error {
	if f.err == context.Canceled {
		<-ctx.Done()
	}
	return f.call("sync", path)
}
func (f *fake) Unmount(_ context.Context, lazy bool) error {
	if lazy {
		return f.call("unmount", "lazy")
	}
	return f.call("unmount")
}
func (f *fake) RecoverSend(_ context.Context, id string, force bool) error {
	if force {
		return f.call("send", id, "force")
	}
	return f.call("send", id)
}
func (f *fake) RecoverSave(_ context.Context, id, file string) error { return f.call("save", id, file) }
func (f *fake) RecoverDrop(_ context.Context, id string) error       { return f.call("drop", id) }

// shortDir is a folder whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	fatal(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func serve(t *testing.T, d Daemon) (*Server, *Client, string) {
	t.Helper()
	dir := shortDir(t)
	s, err := Serve(dir, Record{Mountpoint: "/nowhere", Source: "p:", Since: time.Now().Round(0)}, d, slog.New(slog.DiscardHandler))
	fatal(t, err)
	return s, Dial(s.Record()), dir
}

func TestCalls(t *testing.T) {
	f := &fake{}
	s, c, _ := serve(t, f)
	ctx := t.Context()
	r, err := c.Status(ctx)
	if err != nil || r.Status.Nodes != 7 || r.PID != os.Getpid() || r.Mountpoint != "/nowhere" {
		t.Errorf("status: %+v, %v", r, err)
	}
	for _, err := range []error{c.Sync(ctx, "d/f"), c.Unmount(ctx, false), c.Unmount(ctx, true), c.RecoverSend(ctx, "1", true), c.RecoverSave(ctx, "1", "/f"), c.RecoverDrop(ctx, "1")} {
		fatal(t, err)
	}
	if got, want := strings.Join(f.calls, "; "), "sync d/f; unmount; unmount lazy; send 1 force; save 1 /f; drop 1"; got != want {
		t.Errorf("the daemon was asked %q, want %q", got, want)
	}
	fatal(t, s.Close())
	err = c.Sync(ctx, "")
	if e := exit.Of(err); e == nil || e.Code != exit.NotMounted {
		t.Errorf("after the end: %v", err)
	}
}

// A refusal arrives with its code and hint.
func TestRefusal(t *testing.T) {
	f := &fake{err: exit.New(exit.NotSent, "do this", "two files are left")}
	s, c, _ := serve(t, f)
	defer s.Close()
	e := exit.Of(c.Sync(t.Context(), ""))
	if e == nil || e.Code != exit.NotSent || e.Text != "two files are left" || e.Hint != "do this" {
		t.Errorf("got %+v", e)
	}
}

// A caller who goes away cancels what was asked for.
func TestGoneCaller(t *testing.T) {
	f := &fake{err: context.Canceled}
	s, c, _ := serve(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Sync(ctx, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	fatal(t, s.Close()) // waits for the call's end, else it fails
}

func TestRegistry(t *testing.T) {
	s, _, dir := serve(t, &fake{})
	fi, err := os.Stat(s.Record().Socket)
	fatal(t, err)
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v", fi.Mode())
	}
	got, err := Records([]string{"/does/not/exist", dir})
	if err != nil || len(got) != 1 || got[0].Source != "p:" || !got[0].Alive() {
		t.Fatalf("records: %+v, %v", got, err)
	}
	fatal(t, s.Close())
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// The record of a daemon that was killed goes when nothing is mounted there.
func TestStaleRecord(t *testing.T) {
	dir := shortDir(t)
	r := Record{PID: 1 << 22, Mountpoint: "/nowhere", Dev: "0:1"}
	r.Socket, r.file = paths(dir, r.PID)
	fatal(t, r.write())
	fatal(t, os.WriteFile(filepath.Join(dir, "broken.json"), []byte("{"), 0o600))
	got, err := Records([]string{dir})
	if err != nil || len(got) != 0 {
		t.Errorf("records: %+v, %v", got, err)
	}
	if _, err := os.Stat(r.file); !os.IsNotExist(err) {
		t.Errorf("the stale record is there: %v", err)
	}
}

func TestDirs(t *testing.T) {
	env := func(string) string { return "/run/user/7" }
	if got := strings.Join(Dirs(7, env), " "); got != "/run/user/7/allasfs /tmp/allasfs-7" {
		t.Errorf("user: %s", got)
	}
	if got := strings.Join(Dirs(7, func(string) string { return "" }), " "); got != "/run/user/7/allasfs /tmp/allasfs-7" {
		t.Errorf("batch job: %s", got)
	}
	if got := Dirs(0, env)[0]; got != "/run/allasfs" {
		t.Errorf("root: %s", got)
	}
}

func TestMakeDir(t *testing.T) {
	base := shortDir(t)
	open := filepath.Join(base, "open")
	fatal(t, os.Mkdir(open, 0o700))
	fatal(t, os.Chmod(open, 0o755))
	link := filepath.Join(base, "link")
	fatal(t, os.Symlink("/tmp", link))
	long := filepath.Join(base, strings.Repeat("x", 100))
	good := filepath.Join(base, "good")
	got, err := MakeDir([]string{filepath.Join(base, "no", "parent"), open, link, long, good})
	if err != nil || got != good {
		t.Fatalf("got %q, %v; want %q", got, err, good)
	}
	fatal(t, private(good))
	if _, err := MakeDir([]string{open}); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("a folder that others may enter: %v", err)
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
