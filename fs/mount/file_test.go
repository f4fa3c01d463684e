package mount

import (
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadAndWrite(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		m.write("new", "hello")
		m.wantObject("new", "hello")
		m.wantFile("new", "hello")
		m.write("new", "hi") // O_TRUNC
		m.wantObject("new", "hi")
		m.write("empty", "")
		m.wantObject("empty", "")

		f := must[*os.File](t)(os.OpenFile(m.path("new"), os.O_RDWR, 0))
		must[int](t)(f.WriteAt([]byte("ABC"), 5))
		if fi := must[os.FileInfo](t)(f.Stat()); fi.Size() != 8 {
			t.Errorf("size %d before close, want 8", fi.Size())
		}
		p := make([]byte, 20)
		if n, err := f.ReadAt(p, 0); err != io.EOF || string(p[:n]) != "hi\x00\x00\x00ABC" {
			t.Errorf("read %q, %v before close", p[:n], err)
		}
		ok(t, f.Truncate(6))
		ok(t, f.Close())
		m.wantObject("new", "hi\x00\x00\x00A")
		ok(t, os.Truncate(m.path("new"), 1))
		m.wantObject("new", "h")
		m.wantFile("new", "h")
	})
}

func TestAppend(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		m.write("log", "one\n")
		for _, line := range []string{"two\n", "three\n"} {
			f := must[*os.File](t)(os.OpenFile(m.path("log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644))
			must[int](t)(f.WriteString(line))
			ok(t, f.Close())
		}
		m.wantObject("log", "one\ntwo\nthree\n")
		a := must[*os.File](t)(os.OpenFile(m.path("log"), os.O_WRONLY|os.O_APPEND, 0))
		b := must[*os.File](t)(os.OpenFile(m.path("log"), os.O_WRONLY|os.O_APPEND, 0))
		must[int](t)(a.WriteString("a"))
		must[int](t)(b.WriteString("b"))
		must[int](t)(a.WriteString("c"))
		ok(t, a.Close())
		ok(t, b.Close())
		m.wantObject("log", "one\ntwo\nthree\nabc")
	})
}

// TestCreateForReading: a file that was made by an open for reading is in the store when that is closed.
func TestCreateForReading(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		f := must[*os.File](t)(os.OpenFile(m.path("touched"), os.O_RDONLY|os.O_CREATE, 0o644))
		ok(t, f.Close())
		m.wantObject("touched", "")
		m.write("full", "data")
		f = must[*os.File](t)(os.OpenFile(m.path("full"), os.O_RDONLY|os.O_TRUNC, 0))
		ok(t, f.Close())
		m.wantObject("full", "")
	})
}

func TestExclusiveCreate(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		m.put("there", "x")
		_, err := os.OpenFile(m.path("there"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		wantErrno(t, err, syscall.EEXIST)
		f := must[*os.File](t)(os.OpenFile(m.path("here"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644))
		ok(t, f.Close())
		ok(t, unix.Mknod(m.path("node"), unix.S_IFREG|0o644, 0))
		m.wantObject("node", "")
		wantErrno(t, unix.Mknod(m.path("fifo"), unix.S_IFIFO|0o644, 0), syscall.EPERM)
		wantErrno(t, os.Link(m.path("here"), m.path("link")), syscall.EPERM)
	})
}

func TestManyReaders(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		data := randomBytes(5<<20 + 17)
		m.put("big", string(data))
		var wg sync.WaitGroup
		for r := range 12 {
			wg.Go(func() {
				f, err := os.Open(m.path("big"))
				if err != nil {
					t.Error(err)
					return
				}
				defer f.Close()
				rnd := rand.New(rand.NewPCG(uint64(r), 1))
				for range 40 {
					off, n := rnd.Int64N(int64(len(data))), 1+rnd.Int64N(200000)
					want := data[off:min(off+n, int64(len(data)))]
					p := make([]byte, n)
					got, err := f.ReadAt(p, off)
					if string(p[:got]) != string(want) || err != nil && err != io.EOF {
						t.Errorf("reader %d at %d: %d bytes, %v; want %d", r, off, got, err, len(want))
						return
					}
				}
			})
		}
		wg.Wait()
		m.wantFile("big", string(data))
	})
}

// TestLargeFile goes out in parts and comes back the same.
func TestLargeFile(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		data := string(randomBytes(40<<20 + 3))
		m.write("large", data)
		m.wantObject("large", data)
		m.wantFile("large", data)
		f := must[*os.File](t)(os.OpenFile(m.path("large"), os.O_WRONLY, 0))
		must[int](t)(f.WriteAt([]byte("changed"), 20<<20))
		ok(t, f.Close())
		data = data[:20<<20] + "changed" + data[20<<20+7:]
		m.wantObject("large", data)
		m.wantFile("large", data)
	})
}

func TestSparse(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		f := must[*os.File](t)(os.Create(m.path("sparse")))
		defer f.Close()
		must[int](t)(f.WriteAt([]byte("end"), 1<<20))
		hole, err := f.Seek(0, unix.SEEK_HOLE)
		if err != nil || hole != 0 && (!m.server.bridge.collects || hole != 1<<20+3) { // that of the kernel's own, which knows no hole
			t.Errorf("SEEK_HOLE: %d, %v", hole, err)
		}
		data, err := f.Seek(0, unix.SEEK_DATA)
		if err != nil || data > 1<<20 {
			t.Errorf("SEEK_DATA: %d, %v", data, err)
		}
		_, err = f.Seek(1<<20+3, unix.SEEK_DATA)
		wantErrno(t, err, syscall.ENXIO)
		ok(t, unix.Fallocate(int(f.Fd()), 0, 0, 2<<20))
		ok(t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 1<<20, 2))
		wantErrno(t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_COLLAPSE_RANGE, 0, 4096), syscall.EOPNOTSUPP)
		ok(t, f.Close())
		m.wantObject("sparse", strings.Repeat("\x00", 1<<20+2)+"d"+strings.Repeat("\x00", 1<<20-3))
	})
}

func TestOpenFileOutlivesItsName(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		m.write("file", "some bytes")
		f := must[*os.File](t)(os.OpenFile(m.path("file"), os.O_RDWR, 0))
		defer f.Close()
		ok(t, os.Remove(m.path("file")))
		if _, err := m.object("file"); err == nil {
			t.Error("the object is still there")
		}
		must[int](t)(f.WriteAt([]byte("SOME"), 0))
		p := make([]byte, 10)
		must[int](t)(f.ReadAt(p, 0))
		wantSame(t, "unlinked file", string(p), "SOME bytes")
		if n := must[os.FileInfo](t)(f.Stat()).Sys().(*syscall.Stat_t).Nlink; n != 0 {
			t.Errorf("nlink %d", n)
		}
		ok(t, f.Close())
		if _, err := m.object("file"); err == nil {
			t.Error("the removed file was sent")
		}

		m.write("old", "old bytes")
		f = must[*os.File](t)(os.OpenFile(m.path("old"), os.O_RDWR, 0))
		ok(t, os.Rename(m.path("old"), m.path("new")))
		must[int](t)(f.WriteAt([]byte("new"), 0))
		ok(t, f.Close())
		m.wantObject("new", "new bytes")
	})
}
