package mount

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What readers and writers of one file are promised on a writable mount, on a file that is large and whole in the cache: one that a read-only mount
// lets the kernel read past the daemon. Whoever lets a writable mount do the same must keep all of it.

// besideReader is a writable mount with a cached file "f", open for reading.
func besideReader(t *testing.T) (m *mounted, reader *os.File, data []byte) {
	t.Helper()
	m = newMount(t)
	data = randomBytes(2*minPassthrough + 17)
	m.put("f", string(data))
	m.cached("f", string(data))
	reader = must[*os.File](t)(os.Open(m.path("f")))
	t.Cleanup(func() { reader.Close() })
	m.passesBy()
	return m, reader, data
}

// shows compares all that an open file gives, by its size and its bytes, with want.
func shows(t *testing.T, f *os.File, want []byte) {
	t.Helper()
	if fi := must[os.FileInfo](t)(f.Stat()); fi.Size() != int64(len(want)) {
		t.Errorf("fstat tells %d bytes, want %d", fi.Size(), len(want))
	}
	got := must[[]byte](t)(io.ReadAll(io.NewSectionReader(f, 0, 1<<30)))
	wantSame(t, "the open file", string(got), string(want))
}

// TestReaderSeesWrites: who has the file open sees writes, growth and cuts of other handles and other processes as soon as their calls are back.
func TestReaderSeesWrites(t *testing.T) {
	m, r, data := besideReader(t)
	w := must[*os.File](t)(os.OpenFile(m.path("f"), os.O_RDWR, 0))
	must[int](t)(w.WriteAt([]byte("here"), minPassthrough))
	copy(data[minPassthrough:], "here")
	shows(t, r, data)
	shows(t, w, data)
	ok(t, w.Close())
	shows(t, r, data)
	for _, c := range []struct {
		script string
		change func()
	}{
		{"printf tail >> f", func() { data = append(data, "tail"...) }},
		{"printf head 1<> f", func() { copy(data, "head") }},
		{"truncate -s 1000 f", func() { data = data[:1000] }},
		{"truncate -s 2000 f", func() { data = append(data, make([]byte, 1000)...) }},
		{"printf all > f", func() { data = []byte("all") }},
		{"printf copy > g && cp g f", func() { data = []byte("copy") }},
	} {
		if out, err := m.sh(c.script); err != nil {
			t.Fatalf("%s: %v\n%s", c.script, err, out)
		}
		c.change()
		shows(t, r, data)
		m.wantObject("f", string(data))
	}
}

// TestReaderKeepsWhatIsReplaced: a file that loses its name stays what it was for who has it open.
func TestReaderKeepsWhatIsReplaced(t *testing.T) {
	for _, script := range []string{"rm f", "printf new > g && mv g f", "sed -i s/a/b/ f"} {
		t.Run(script, func(t *testing.T) {
			m, r, data := besideReader(t)
			if out, err := m.sh(script); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			shows(t, r, data)
		})
	}
}

// TestLocksOfReaderAndWriter: the lock of a handle for reading keeps out the one of a handle for writing, of either kind.
func TestLocksOfReaderAndWriter(t *testing.T) {
	m, r, _ := besideReader(t)
	ok(t, unix.Flock(int(r.Fd()), unix.LOCK_SH))
	if out, err := m.sh("flock -n -x 9 9<>f"); err == nil {
		t.Errorf("a writer got the lock that a reader holds %s", out)
	}
	ok(t, unix.Flock(int(r.Fd()), unix.LOCK_UN))
	if out, err := m.sh("flock -n -x 9 9<>f"); err != nil {
		t.Errorf("the lock is not free: %s", out)
	}
	ok(t, unix.FcntlFlock(r.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}))
	run(t, helper("read-locked", m.path("f")))
}

// helperReadLocked fails unless another process holds a lock that a lock for writing waits for.
func helperReadLocked(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if err != unix.EAGAIN && err != unix.EACCES {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// TestReopenForWriting: /proc/self/fd, which /dev/fd is, opens the file of a handle for reading anew for writing, by no name.
func TestReopenForWriting(t *testing.T) {
	m, r, data := besideReader(t)
	w := must[*os.File](t)(os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", r.Fd()), os.O_RDWR, 0))
	must[int](t)(w.WriteAt([]byte("by number"), 9))
	copy(data[9:], "by number")
	ok(t, w.Close())
	shows(t, r, data)
	m.wantObject("f", string(data))
}

// TestMappingBesideReader: what is written by a shared mapping comes to the store and to who has the file open, at msync(2) and after close(2).
func TestMappingBesideReader(t *testing.T) {
	m, r, data := besideReader(t)
	run(t, helper("mmap", "write", m.path("f"), "synced", "4096"))
	copy(data[4096:], "synced")
	shows(t, r, data)
	m.wantObject("f", string(data))
	run(t, helper("mmap", "write-after-close", m.path("f"), "late", "8192"))
	copy(data[8192:], "late")
	if !eventually(func() bool { got, err := m.object("f"); return err == nil && got == string(data) }) {
		t.Error("what was written after close(2) did not come to the store")
	}
	shows(t, r, data)
}

// TestOpenersOfAllKinds: an open never fails because of others beside it, whatever each is open for.
func TestOpenersOfAllKinds(t *testing.T) {
	m, _, data := besideReader(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 20 {
				flags := []int{syscall.O_RDONLY, syscall.O_RDWR, syscall.O_WRONLY, syscall.O_WRONLY | syscall.O_APPEND, syscall.O_RDWR | syscall.O_CREAT}[(i+j)%5]
				f, err := os.OpenFile(m.path("f"), flags, 0o644)
				if err != nil {
					t.Errorf("open with flags %#x: %v", flags, err)
					return
				}
				if flags == syscall.O_RDONLY {
					p := make([]byte, 100)
					if _, err := f.ReadAt(p, int64(i*1000)); err != nil || string(p) != string(data[i*1000:i*1000+100]) {
						t.Errorf("read at %d: %q, %v", i*1000, p, err)
					}
				}
				if err := f.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// TestWritersBesideReaders: writers of parts of their own see what they wrote by whatever handle is opened next, while others open, read, change the size
// and close the file, so that the way in which the kernel reads it changes all the time; and in the end it is what they wrote.
func TestWritersBesideReaders(t *testing.T) {
	const part, rounds = 64 << 10, 12
	m, first, data := besideReader(t)
	ok(t, first.Close())
	var wg sync.WaitGroup
	for i := range len(data) / part {
		wg.Go(func() {
			mine, off := data[i*part:(i+1)*part], int64(i*part)
			for round := range rounds {
				w, err := os.OpenFile(m.path("f"), os.O_WRONLY, 0)
				if err != nil {
					t.Error(err)
					return
				}
				copy(mine, randomBytes(part))
				_, err = w.WriteAt(mine, off)
				if round%3 == 0 {
					err = errors.Join(err, os.Truncate(m.path("f"), int64(len(data))))
				}
				got := make([]byte, part)
				r, rerr := os.Open(m.path("f"))
				if rerr == nil {
					_, rerr = r.ReadAt(got, off)
					r.Close()
				}
				if err = errors.Join(err, rerr, w.Close()); err != nil || !bytes.Equal(got, mine) {
					t.Errorf("writer %d, round %d: other bytes, or %v", i, round, err)
					return
				}
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for range 10 * rounds {
				if got, err := os.ReadFile(m.path("f")); err != nil || len(got) != len(data) {
					t.Errorf("read %d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
	m.wantFile("f", string(data))
	m.wantObject("f", string(data))
}
