package mount

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func kernelWrites(o *setup) { o.fs.KernelWrites = true }

// TestCollectedWrites: with Options.KernelWrites the kernel passes on what small writes have filled, and close stores all of it; to bytes that are in
// the store writes come at once, and no page is read before it is changed in part.
func TestCollectedWrites(t *testing.T) {
	m := newMount(t, kernelWrites)
	if mode := m.server.Mode(); !strings.Contains(mode, "writes collected by the kernel") {
		t.Skip("this kernel does not: ", mode)
	}
	var want bytes.Buffer
	f := must[*os.File](t)(os.OpenFile(m.path("f"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644))
	for range 3000 {
		line := []byte("a line that no page is a multiple of\n")
		must[int](t)(f.Write(line))
		want.Write(line)
	}
	ok(t, f.Close())
	m.wantObject("f", want.String())

	m.forget(t, "f")
	m.put("old", strings.Repeat("x", 300_000))
	ok(t, os.WriteFile(m.path("touch"), nil, 0o644)) // the listing is known from here on
	must[os.FileInfo](t)(os.Stat(m.path("old")))
	m.s3.ResetCounts()
	f = must[*os.File](t)(os.OpenFile(m.path("old"), os.O_WRONLY|os.O_APPEND, 0))
	must[int](t)(f.Write([]byte("tail")))
	must[int](t)(f.WriteString("!"))
	if n := m.s3.Count("GetObject"); n > 0 {
		t.Errorf("appending asked for %d ranges", n)
	}
	ok(t, f.Close())
	m.wantObject("old", strings.Repeat("x", 300_000)+"tail!")
}

// TestCollectedWritesBeside: a file that another client changes is another inode, for the kernel believes no new size of one that it knows; who has the
// old one open goes on with it.
func TestCollectedWritesBeside(t *testing.T) {
	m := newMount(t, kernelWrites, ttl(time.Second))
	m.put("f", "one")
	ino := func() uint64 { return must[os.FileInfo](t)(os.Stat(m.path("f"))).Sys().(*syscall.Stat_t).Ino }
	before := ino()
	defer m.known(t, "f")()
	m.wantFile("f", "one")
	m.put("f", "another, longer")
	time.Sleep(2100 * time.Millisecond)
	m.wantFile("f", "another, longer")
	if fi := must[os.FileInfo](t)(os.Stat(m.path("f"))); fi.Size() != int64(len("another, longer")) {
		t.Errorf("size %d", fi.Size())
	}
	if ino() == before {
		t.Error("it is the same inode, whose size the kernel would not believe")
	}
	after := ino()
	defer m.known(t, "f")()
	time.Sleep(2100 * time.Millisecond)
	if ino() != after {
		t.Error("another inode though nothing changed")
	}
}

// known lets the kernel not forget a file, which is not open by that, until the function that it returns is called.
func (m *mounted) known(t *testing.T, name string) (end func()) {
	t.Helper()
	fd := must[int](t)(unix.Open(m.path(name), unix.O_PATH|unix.O_CLOEXEC, 0))
	return func() { _ = unix.Close(fd) }
}
