package powercut

import (
	"bytes"
	"errors"
	"os"
	"syscall"
	"testing"
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func syncPath(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	ok(t, err)
	ok(t, f.Sync())
	ok(t, f.Close())
}

// TestCut: bytes outlive the cut by fsync of the file, names by fsync of the directory, and nothing else does but what the test says was written.
func TestCut(t *testing.T) {
	d := New(t)
	dir := d.Mount()
	for _, name := range []string{"kept", "empty", "nameless", "lucky"} {
		ok(t, os.WriteFile(dir+"/"+name, []byte("some bytes"), 0o600))
	}
	syncPath(t, dir+"/kept")
	syncPath(t, dir+"/nameless")
	ok(t, os.Remove(dir+"/nameless"))
	syncPath(t, dir)
	ok(t, os.WriteFile(dir+"/kept", []byte("other"), 0o600))
	ok(t, os.WriteFile(dir+"/nameless", []byte("again"), 0o600))
	syncPath(t, dir+"/nameless")
	ok(t, os.Rename(dir+"/empty", dir+"/renamed"))
	d.Cut(func(path string) bool { return path == "lucky" })
	if _, err := os.ReadFile(dir + "/kept"); !errors.Is(err, syscall.EIO) {
		t.Errorf("a disk without power answers %v", err)
	}
	dir = d.Mount()
	entries, err := os.ReadDir(dir)
	ok(t, err)
	got := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(dir + "/" + e.Name())
		ok(t, err)
		got[e.Name()] = string(b)
	}
	if len(got) != 3 || got["kept"] != "some bytes" || got["empty"] != "" || got["lucky"] != "some bytes" {
		t.Errorf("after the cut: %q", got)
	}
}

// TestHoles: what was never written is a hole that reads as zeros.
func TestHoles(t *testing.T) {
	f, err := os.Create(New(t).Mount() + "/f")
	ok(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("x"), 10*pageSize+5)
	ok(t, err)
	ok(t, f.Truncate(20*pageSize))
	at, err := f.Seek(0, 3) // SEEK_DATA
	if err != nil || at != 10*pageSize {
		t.Errorf("data at %d, %v", at, err)
	}
	hole, err := f.Seek(at, 4) // SEEK_HOLE
	if err != nil || hole != 11*pageSize {
		t.Errorf("hole at %d, %v", hole, err)
	}
	p := make([]byte, 11*pageSize)
	_, err = f.ReadAt(p, 0)
	ok(t, err)
	want := make([]byte, len(p))
	want[10*pageSize+5] = 'x'
	if !bytes.Equal(p, want) {
		t.Error("holes do not read as zeros")
	}
}
