package cache

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// wantLent compares what the kernel would read of a lent file with s.
func wantLent(t testing.TB, b *Backing, s *source) {
	t.Helper()
	got := make([]byte, len(s.data))
	if n, err := unix.Pread(b.Fd(), got, 0); n != len(got) || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if !bytes.Equal(got, s.data) {
		t.Fatal("wrong bytes in a lent file")
	}
}

// A file is lent when all of it is on disk, and not before; also after a restart, as long as no byte of it is wrong.
func TestBackingIsWholeAndRight(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	s := newSource(3*mib + 5)
	f := c.File(testID, 3*mib+5, s)
	if f.Backing(false) != nil {
		t.Fatal("lent with nothing on disk")
	}
	readRange(t, f, s, 0, 2*mib)
	settled(t, c)
	if f.Cached() < f.Size() && f.Backing(false) != nil {
		t.Fatal("lent with holes")
	}
	readRange(t, f, s, 0, 3*mib+5)
	settled(t, c)
	b := f.Backing(false)
	if b == nil {
		t.Fatal("not lent though whole")
	}
	wantLent(t, b, s)
	b.Close()
	b.Close()
	f.Close()
	c.Close()

	for _, damaged := range []bool{false, true} {
		if damaged {
			flip(t, filepath.Join(o.Dir, dataName(testID.name())), 2*mib+77)
		}
		c = mustOpen(t, o)
		f = c.File(testID, 3*mib+5, s)
		b := f.Backing(false)
		if (b == nil) != damaged {
			t.Fatalf("damaged %v, lent %v", damaged, b != nil)
		}
		if b != nil {
			wantLent(t, b, s)
			b.Close()
		}
		readRange(t, f, s, 0, 3*mib+5) // what is wrong is fetched again
		f.Close()
		c.Close()
	}
}

// press reads 32 MiB through a cache of 8, and checks the bound.
func press(t testing.TB, c *Cache) {
	t.Helper()
	p := make([]byte, 128*kib)
	big := &pattern{size: 32 * mib}
	f := c.File(keyID(1), big.size, big)
	defer f.Close()
	for off := int64(0); off < big.size; off += int64(len(p)) {
		checkRead(t, f, off, p)
	}
	settled(t, c)
	if s := c.Stats(); s.Used > s.Size {
		t.Errorf("%d bytes on disk, bound %d", s.Used, s.Size)
	}
}

// While a file is lent, and as long as anybody has it open then, the cache makes room elsewhere, or keeps less; also after a restart: a mapping of the
// file may have outlived the daemon.
func TestLentFileStaysWhole(t *testing.T) {
	o := testOptions(t)
	o.Size = 8 * mib
	c := mustOpen(t, o)
	s := newSource(5 * mib)
	f := c.File(testID, 5*mib, s)
	readRange(t, f, s, 0, 5*mib)
	settled(t, c)
	b := f.Backing(false)
	if b == nil {
		t.Fatal("not lent")
	}
	fd, err := unix.Dup(b.Fd()) // as a mapping does
	if err != nil {
		t.Fatal(err)
	}
	mapping := &Backing{file: os.NewFile(uintptr(fd), "mapping")}
	defer mapping.file.Close()
	press(t, c)
	wantLent(t, mapping, s)
	b.Close()
	press(t, c)
	wantLent(t, mapping, s)
	f.Close()
	c.Close()

	c = mustOpen(t, o)
	f = c.File(testID, 5*mib, s)
	readRange(t, f, s, 0, 5*mib)
	press(t, c)
	wantLent(t, mapping, s)
	f.Close()
	press(t, c)
	wantLent(t, mapping, s)
	if f = c.File(testID, 5*mib, s); f.Cached() != 0 {
		t.Error("a file that nobody has open was not evicted")
	}
	f.Close()
	checkUsed(t, c)
}

// A version that is dropped while it is lent keeps its bytes, and they are counted until it is given back.
func TestLentFileIsDropped(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(5 * mib)
	f := c.File(testID, 5*mib, s)
	defer f.Close()
	readRange(t, f, s, 0, 5*mib)
	settled(t, c)
	b := f.Backing(false)
	if b == nil {
		t.Fatal("not lent")
	}
	c.Drop(testID)
	wantLent(t, b, s)
	if used := c.Stats().Used; used < 5*mib {
		t.Errorf("%d bytes counted, the dropped file still takes 5 MiB", used)
	}
	b.Close()
	if used := c.Stats().Used; used != 0 {
		t.Errorf("%d bytes counted, and nothing is left", used)
	}
	readRange(t, f, s, 0, 5*mib)
}
