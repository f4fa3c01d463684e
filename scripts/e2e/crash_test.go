package e2e

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestKill ends the daemon by kill -9 while one file is being written, and mounts again on the same cache folder. What was closed is in
// the store, what was not is told and can be saved or sent whole, and the dead mountpoint does not stand in the way.
func TestKill(t *testing.T) {
	w := need(t)
	bucket := w.bucketName(t, "kill")
	m := w.mountFront(t, "")
	fatal(t, os.Mkdir(m.path(bucket), 0o755))
	random := rand.NewChaCha8([32]byte{3})
	closed, open := make([]byte, 9<<20), make([]byte, 21<<20+5)
	random.Read(closed) // never fails
	random.Read(open)
	writeFile(t, m.path(bucket, "closed.bin"), closed)
	writeFile(t, m.path(bucket, "both.bin"), closed)

	f, err := os.Create(m.path(bucket, "open.bin"))
	fatal(t, err)
	for rest := open; len(rest) > 0; {
		n, err := f.Write(rest[:min(len(rest), 1<<20)])
		fatal(t, err)
		rest = rest[n:]
	}
	edit, err := os.OpenFile(m.path(bucket, "both.bin"), os.O_RDWR, 0)
	fatal(t, err)
	_, err = edit.WriteAt([]byte("edited"), 1<<20)
	fatal(t, err)
	m.kill(t)
	for _, file := range []*os.File{f, edit} {
		if err := file.Close(); err == nil {
			t.Error("close after the daemon's death returned no error")
		}
	}
	same(t, "the store after kill -9", w.objects(t, bucket), tree{"closed.bin": digestOf(closed), "both.bin": digestOf(closed)})
	if _, err := os.ReadDir(m.dir); !errors.Is(err, syscall.ENOTCONN) {
		t.Errorf("the dead mountpoint: %v, want ENOTCONN", err)
	}
	remount(t, w, m, bucket, closed, open)
}

// remount mounts over the dead mountpoint and recovers what was being written.
func remount(t *testing.T, w *world, old *mounted, bucket string, closed, open []byte) {
	m := &mounted{w: w, dir: old.dir, cache: old.cache, log: old.log}
	cmd := m.command()
	out := m.output(t, cmd)
	if err := cmd.Run(); err != nil {
		t.Fatalf("mount after kill -9: %v\n%s", err, read(out))
	}
	t.Cleanup(func() { m.end(t) })
	m.mustAnswer(t)
	if got := digest(t, m.path(bucket, "closed.bin")); got != digestOf(closed) {
		t.Errorf("closed.bin reads %v", got)
	}
	status := w.run(t, w.dir, w.binary, "status", m.dir)
	listed := w.run(t, w.dir, w.binary, "recover", m.dir)
	for _, name := range []string{"open.bin", "both.bin"} {
		if !strings.Contains(listed, name) {
			t.Fatalf("allasfs recover does not name %s:\n%s--- status\n%s", name, listed, status)
		}
	}
	saved := filepath.Join(w.freshDir(t, "saved"), "open.bin")
	w.run(t, w.dir, w.binary, "recover", "save", m.dir, idOf(t, listed, "open.bin"), saved)
	if data, err := os.ReadFile(saved); err != nil || !bytes.Equal(data, open) {
		t.Errorf("saved open.bin has %d bytes, %v; want the %d that were written", len(data), err, len(open))
	}
	for _, name := range []string{"open.bin", "both.bin"} {
		w.run(t, w.dir, w.binary, "recover", "send", m.dir, idOf(t, listed, name))
	}
	edited := bytes.Clone(closed)
	copy(edited[1<<20:], "edited")
	want := tree{"closed.bin": digestOf(closed), "open.bin": digestOf(open), "both.bin": digestOf(edited)}
	same(t, "the store after recover send", w.objects(t, bucket), want)
	same(t, "the mount after recover send", files(t, m.path(bucket)), want)
	if left := strings.TrimSpace(w.store(t, "uploads", bucket)); left != "" {
		t.Errorf("multipart uploads that nobody ended: %q", left)
	}
}

// idOf is the first field of the line that names name.
func idOf(t *testing.T, listed, name string) string {
	t.Helper()
	for _, line := range strings.Split(listed, "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && strings.Contains(line, name) {
			return fields[0]
		}
	}
	t.Fatalf("no line names %s:\n%s", name, listed)
	return ""
}
