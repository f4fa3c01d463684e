package mount

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// helperCompareMapped maps a file and compares it with another: PATH WANT STEP START. Of every STEP pages it looks at one, from page START on,
// backwards if STEP is negative.
func helperCompareMapped(args []string) error {
	var step, start int
	if _, err := fmt.Sscan(args[2]+" "+args[3], &step, &start); err != nil {
		return err
	}
	want, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := unix.Mmap(int(f.Fd()), 0, len(want), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	const page = 4 << 10
	for i := start; i >= 0 && i*page < len(want); i += step {
		end := min((i+1)*page, len(want))
		if !bytes.Equal(p[i*page:end], want[i*page:end]) {
			return fmt.Errorf("page %d differs", i)
		}
	}
	return unix.Munmap(p)
}

// TestMappedPatterns: a mapping that is read in order, in steps and backwards has the file's bytes, cold and warm.
func TestMappedPatterns(t *testing.T) {
	const size = 16*mib + 77
	for _, c := range []struct {
		name        string
		step, start int
		gets        int
	}{
		{"in order", 1, 0, 40}, {"every 37th page", 37, 0, 112}, {"backwards", -1, int(size / (4 * kib)), 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMount(t)
			data := randomBytes(int(size))
			m.put("f", string(data))
			run(t, exec.Command("ls", "-l", m.dir))
			want := filepath.Join(t.TempDir(), "want")
			ok(t, os.WriteFile(want, data, 0o600))
			m.s3.ResetCounts()
			run(t, helper("compare-mapped", m.path("f"), want, fmt.Sprint(c.step), fmt.Sprint(c.start)))
			gets, bytes := m.got()
			t.Logf("%d GETs of %d KiB in all", gets, bytes>>10)
			if gets > c.gets || bytes > size {
				t.Errorf("%d GETs of %d bytes, want at most %d of %d", gets, bytes, c.gets, size)
			}
			m.forget(t, "f")
			m.s3.ResetCounts()
			run(t, helper("compare-mapped", m.path("f"), want, fmt.Sprint(c.step), fmt.Sprint(c.start)))
			if n := m.s3.Count("GetObject"); n > 0 {
				t.Errorf("%d GETs the second time, want none", n)
			}
		})
	}
}

// TestKernelReaders: sendfile and splice, by which web servers, cp and containers read, give the file's bytes in few requests.
func TestKernelReaders(t *testing.T) {
	const size, most = 8*mib + 5, 8*3 + 1
	for name, read := range map[string]func(from *os.File, to *os.File) error{"sendfile": sendfile, "splice": splice} {
		t.Run(name, func(t *testing.T) {
			m := newMount(t)
			data := string(randomBytes(int(size)))
			m.put("f", data)
			m.s3.ResetCounts()
			for range 2 {
				wantSame(t, name, through(t, m.path("f"), read), data)
				if gets, bytes := m.got(); gets > most || bytes > size {
					t.Errorf("%d GETs of %d bytes, want at most %d of %d", gets, bytes, most, size)
				}
				m.forget(t, "f")
			}
		})
	}
}

// through reads a file by way of a pipe.
func through(t *testing.T, path string, read func(from, to *os.File) error) string {
	t.Helper()
	from := must[*os.File](t)(os.Open(path))
	defer from.Close()
	r, w, err := os.Pipe()
	ok(t, err)
	defer r.Close()
	done := make(chan error, 1)
	go func() {
		err := read(from, w)
		done <- errors.Join(err, w.Close())
	}()
	got, err := io.ReadAll(r)
	ok(t, err)
	ok(t, <-done)
	return string(got)
}

func sendfile(from, to *os.File) error {
	return kernelCopy(from, to, func(in, out int) (int, error) { return unix.Sendfile(out, in, nil, 1<<20) })
}

func splice(from, to *os.File) error {
	return kernelCopy(from, to, func(in, out int) (int, error) {
		n, err := unix.Splice(in, nil, out, nil, 1<<20, 0)
		return int(n), err
	})
}

// kernelCopy calls once until there is nothing more. The pipe blocks here, in system calls alone.
func kernelCopy(from, to *os.File, once func(in, out int) (int, error)) error {
	out := int(to.Fd()) // makes it blocking
	for {
		n, err := once(int(from.Fd()), out)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil || n == 0 {
			return err
		}
	}
}

// TestManySmallFiles: a program that visits a directory's files in order pays one GET a file and nothing else but the listing.
func TestManySmallFiles(t *testing.T) {
	const files = 300
	m := newMount(t)
	text := func(i int) string { return fmt.Sprintf("file %d ", i) + string(randomBytes(3000+i)) }
	for i := range files {
		m.put(fmt.Sprintf("d/%04d", i), text(i))
	}
	run(t, exec.Command("ls", m.path("d")))
	m.s3.ResetCounts()
	for range 2 {
		for i := range files {
			m.wantFile(fmt.Sprintf("d/%04d", i), text(i))
		}
		if gets, _ := m.got(); gets > files || m.s3.Count() > gets+2 {
			t.Errorf("%d GETs of %d files; all requests: %v", gets, files, m.s3.Counts())
		}
	}
}

// TestManyMiddlingFiles: files of 4 MiB that are read whole in the directory's order come, from the third on, for one GET each, however many programs share
// them: by reads of 128 KiB and of 1 MiB.
func TestManyMiddlingFiles(t *testing.T) {
	const files, size = 24, 4 * mib
	for _, c := range []struct {
		name string
		jobs int
		step int64
		gets int
		more int64 // bytes: several programs may begin in an order that is none, and what was fetched ahead for it is given up
	}{
		// The kernel's own read-ahead may come out of order where nothing is known yet: then a file costs four.
		{"one by one in 128 KiB", 1, 128 * kib, files + 2*3, 0},
		{"one by one in 1 MiB", 1, mib, files + 2*3, 0},
		{"4 at once in 128 KiB", 4, 128 * kib, files + 2*4*3, 4 * size},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMount(t)
			data := randomBytes(int(size))
			for i := range files {
				m.put(fmt.Sprintf("d/%04d", i), string(data))
			}
			run(t, exec.Command("ls", m.path("d")))
			m.s3.ResetCounts()
			m.readFiles(c.jobs, files, func(i int) error {
				f, err := os.Open(m.path(fmt.Sprintf("d/%04d", i)))
				if err != nil {
					return err
				}
				defer f.Close()
				return readExtents(f, cursors(1, c.step)(size)[0], data)
			})
			gets, bytes := m.got()
			t.Logf("%d GETs of %d KiB in all", gets, bytes>>10)
			if gets > c.gets || bytes > files*size+c.more || m.s3.Count() > gets {
				t.Errorf("%d GETs of %d bytes, want at most %d of %d and nothing else; all requests: %v", gets, bytes, c.gets, files*size+c.more, m.s3.Counts())
			}
		})
	}
}

// readFiles reads files in order, so many at once.
func (m *mounted) readFiles(jobs, files int, read func(i int) error) {
	m.t.Helper()
	next := make(chan int)
	var wg sync.WaitGroup
	for range jobs {
		wg.Go(func() {
			for i := range next {
				if err := read(i); err != nil {
					m.t.Error(err)
				}
			}
		})
	}
	for i := range files {
		next <- i
	}
	close(next)
	wg.Wait()
}
