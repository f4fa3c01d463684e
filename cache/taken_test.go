package cache

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// lentAlone is a version of size bytes that is whole on disk, and the loan of it.
func lentAlone(t *testing.T, o Options, size int) (*Cache, *File, *source, *Backing) {
	t.Helper()
	c := mustOpen(t, o)
	s := newSource(size)
	f := c.File(testID, int64(size), s)
	t.Cleanup(func() { f.Close() })
	readRange(t, f, s, 0, size)
	settled(t, c)
	b := f.Backing(true)
	if b == nil {
		t.Fatal("not lent though whole")
	}
	t.Cleanup(b.Close)
	return c, f, s, b
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTakeLeavesTheCache: a file that its borrower takes is no version's any more: others read the version's own bytes, whatever he writes, by
// downloading them, the file is gone from the folder, and what it takes on disk counts as used until he gives it back.
func TestTakeLeavesTheCache(t *testing.T) {
	o := testOptions(t)
	c, f, s, b := lentAlone(t, o, 3*mib+5)
	if f.Backing(true) != nil {
		t.Error("lent twice, to be alone")
	}
	if err := b.WriteAt([]byte("early"), 0); err == nil {
		t.Error("a lent file was written before it was taken")
	}
	used := c.Stats().Used
	noError(t, b.Take())
	noError(t, b.Take())
	noError(t, b.WriteAt(bytes.Repeat([]byte("new"), 700_000), mib/2))
	asked := s.requested()
	readRange(t, f, s, 0, 3*mib+5)
	if s.requested() == asked {
		t.Error("the version is still read from the disk")
	}
	noError(t, b.WriteAt(make([]byte, 2*mib), 3*mib))
	got := make([]byte, 6)
	if _, err := b.ReadAt(got, mib/2); err != nil || string(got) != "newnew" {
		t.Errorf("the borrower reads %q, %v", got, err)
	}
	if now, want := c.Stats().Used, used+2*mib-5; now < want-64<<10 || now > want+64<<10 {
		t.Errorf("%d bytes used, %d before; the file grew by 2 MiB", now, used)
	}
	b.Close()
	if now := c.Stats().Used; now > 64<<10 {
		t.Errorf("%d bytes used by nothing", now)
	}
	f.Close()
	c.Close()
	c = mustOpen(t, o)
	if n := c.Stats().Used; n != 0 {
		t.Errorf("%d bytes are left in the folder", n)
	}
}

// TestTakenWhileRead: who reads the version while its file is taken and written gets the version's bytes.
func TestTakenWhileRead(t *testing.T) {
	_, f, s, b := lentAlone(t, testOptions(t), 2*mib)
	done := make(chan struct{})
	go func() {
		defer close(done)
		noise := bytes.Repeat([]byte{0xa5}, 64<<10)
		if err := b.Take(); err != nil {
			t.Error(err)
		}
		for off := int64(0); off < 2*mib; off += int64(len(noise)) {
			if err := b.WriteAt(noise, off); err != nil {
				t.Error(err)
			}
		}
	}()
	for range 20 {
		readRange(t, f, s, 0, 2*mib)
	}
	<-done
	readRange(t, f, s, 0, 2*mib)
}

// changes is what Changes gives, in the order of offsets.
func changes(t *testing.T, b *Backing) (offs []int64, data []string) {
	t.Helper()
	noError(t, b.Changes(t.Context(), func(off int64, p []byte) error {
		offs, data = append(offs, off), append(data, string(p))
		return nil
	}))
	return offs, data
}

// TestChangesOfMappings: a write by a mapping is found, once, wherever it is, also on a disk that tells no time of it, and until the mapping is gone somebody
// may write.
func TestChangesOfMappings(t *testing.T) {
	for name, dir := range map[string]string{"disk": "", "memory": "/dev/shm"} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			if dir != "" {
				if _, err := os.Stat(dir); err != nil {
					t.Skip(err)
				}
				shm, err := os.MkdirTemp(dir, "allasfs-test")
				noError(t, err)
				t.Cleanup(func() { os.RemoveAll(shm) })
				o.Dir = shm
			}
			c, _, s, b := lentAlone(t, o, 3*mib+5)
			size := c.o.BlockSize
			noError(t, b.Take())
			noError(t, b.Watch())
			if offs, _ := changes(t, b); len(offs) != 0 {
				t.Errorf("changes before any, at %d", offs)
			}
			if b.Writers() {
				t.Fatal("somebody may write, but nobody does")
			}
			p := mapShared(t, b)
			if !b.Writers() {
				t.Error("nobody may write, but a mapping does")
			}
			for i, at := range []int64{2*mib + 7, 2*mib + 8, 3*mib + 4, 0} { // the second one to a page that is dirty
				p[at] ^= 0xff
				s.data[at] ^= 0xff
				from := at / size * size
				if offs, data := changes(t, b); !slices.Equal(offs, []int64{from}) || data[0] != string(s.data[from:min(from+size, int64(len(s.data)))]) {
					t.Errorf("write %d: changes at %d, want %d", i, offs, from)
				}
			}
			if offs, _ := changes(t, b); len(offs) != 0 {
				t.Errorf("changes again at %d", offs)
			}
			noError(t, unix.Munmap(p))
			if b.Writers() {
				t.Error("somebody may write after the mapping is gone")
			}
		})
	}
}

// mapShared maps all of a lent file as a program does by the kernel: by a descriptor of its own for reading and writing, which it closes.
func mapShared(t *testing.T, b *Backing) []byte {
	t.Helper()
	st, err := b.file.Stat()
	noError(t, err)
	f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", b.Fd()), os.O_RDWR, 0)
	noError(t, err)
	defer f.Close()
	p, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	noError(t, err)
	return p
}

// TestChangesOfOwnWrites: what the borrower writes himself is no change but where it is not known what was there: from before the watch, past the end. Holes
// are none, and what fn refuses comes again.
func TestChangesOfOwnWrites(t *testing.T) {
	c, _, _, b := lentAlone(t, testOptions(t), 3*mib)
	size := c.o.BlockSize
	noError(t, b.Take())
	noError(t, b.WriteAt([]byte("x"), size+1))
	noError(t, b.Watch())
	noError(t, b.WriteAt([]byte("inside"), 2*size+1))
	noError(t, b.WriteAt(make([]byte, 3*size), 4*size-7))
	noError(t, b.Truncate(1<<40))
	noError(t, b.WriteAt([]byte("far"), 1<<39))
	refused := b.Changes(t.Context(), func(int64, []byte) error { return os.ErrInvalid })
	if refused != os.ErrInvalid {
		t.Errorf("a refusal came back as %v", refused)
	}
	want := []int64{size, 1 << 39 / size * size}
	if offs, _ := changes(t, b); !slices.Equal(offs, want) {
		t.Errorf("changes at %d, want %d", offs, want)
	}
	noError(t, b.Truncate(size/2))
	if offs, data := changes(t, b); !slices.Equal(offs, []int64{0}) || len(data[0]) != int(size/2) {
		t.Errorf("after it was cut: changes at %d", offs)
	}
	noError(t, b.Punch(0, size/2))
	noError(t, b.Truncate(2*mib))
	got := make([]byte, 2*mib)
	if n, err := b.ReadAt(got, 0); n != len(got) || !bytes.Equal(got, make([]byte, n)) {
		t.Errorf("%d bytes, %v, and not all of them zeros", n, err)
	}
}

// TestMappingsAmongOwnWrites: a write by a mapping is found in a block that the borrower writes before, after or meanwhile.
func TestMappingsAmongOwnWrites(t *testing.T) {
	c, _, s, b := lentAlone(t, testOptions(t), 3*mib)
	size := c.o.BlockSize
	noError(t, b.Take())
	noError(t, b.Watch())
	p := mapShared(t, b)
	own := func(at int64) {
		noError(t, b.WriteAt([]byte("own"), at))
		copy(s.data[at:], "own")
	}
	mapped := func(at int64) {
		p[at] ^= 0xff
		s.data[at] ^= 0xff
	}
	own(100)
	mapped(200)
	mapped(size + 200)
	own(size + 100)
	own(2*size + 100)
	mapped(3*size + 200)
	own(4*size - 2) // in two blocks, of which one was mapped
	offs, data := changes(t, b)
	if !slices.Equal(offs, []int64{0, size, 3 * size}) {
		t.Errorf("changes at %d", offs)
	}
	for i, off := range offs {
		if data[i] != string(s.data[off:off+size]) {
			t.Errorf("wrong bytes at %d", off)
		}
	}
	noError(t, unix.Munmap(p))
}
