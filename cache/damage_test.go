package cache

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Torn and flipped bytes in any file of the cache cost the blocks concerned, and never give a wrong byte.
func TestDamageIsNoticed(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	damage := map[string]func(t *testing.T, data, index string){
		"flip in data":   func(t *testing.T, data, _ string) { flip(t, data, r.Int64N(3*mib)) },
		"flip in record": func(t *testing.T, _, index string) { flip(t, index, headerSize+r.Int64N(24*recordSize)) },
		"flip in header": func(t *testing.T, _, index string) { flip(t, index, r.Int64N(100)) },
		"data cut":       func(t *testing.T, data, _ string) { cut(t, data, 2*mib+5) },
		"index cut":      func(t *testing.T, _, index string) { cut(t, index, headerSize+10*recordSize+3) },
		"index empty":    func(t *testing.T, _, index string) { cut(t, index, 0) },
		"hole in data": func(t *testing.T, data, _ string) {
			cut(t, data, mib)
			cut(t, data, 3*mib)
		},
		"data gone":  func(t *testing.T, data, _ string) { os.Remove(data) },
		"index gone": func(t *testing.T, _, index string) { os.Remove(index) },
		"zero page in index": func(t *testing.T, _, index string) {
			f, err := os.OpenFile(index, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(make([]byte, 5*recordSize), headerSize); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, hurt := range damage {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			c := mustOpen(t, o)
			s := newSource(3 * mib)
			f := c.File(testID, 3*mib, s)
			if err := f.Fill(t.Context(), 0, 3*mib); err != nil {
				t.Fatal(err)
			}
			f.Close()
			c.Close()
			n := testID.name()
			hurt(t, filepath.Join(o.Dir, dataName(n)), filepath.Join(o.Dir, indexName(n)))
			s.take()
			c = mustOpen(t, o)
			for range 2 {
				f = c.File(testID, 3*mib, s)
				readRange(t, f, s, 0, 3*mib)
				readRange(t, f, s, mib+7, 4*kib)
				f.Close()
				settled(t, c)
			}
			if got := s.requested(); got == 0 || got > 3*mib {
				t.Errorf("%d bytes downloaded again", got)
			}
			s.take()
			c.Close()
			c = mustOpen(t, o) // and what was mended is right
			f = c.File(testID, 3*mib, s)
			defer f.Close()
			readRange(t, f, s, 0, 3*mib)
			wantCalls(t, s)
		})
	}
}

// A data file that is cut while it is read: the block that is written next leaves a hole before it, which is not shown.
func TestCutWhileInUse(t *testing.T) {
	for _, left := range []int64{0, mib} {
		o := testOptions(t)
		c := mustOpen(t, o)
		s := newSource(3 * mib)
		f := c.File(testID, 3*mib, s)
		if err := f.Fill(t.Context(), 0, 2*mib); err != nil {
			t.Fatal(err)
		}
		settled(t, c)
		f.Close()
		c.Close()
		c = mustOpen(t, o) // with nothing in memory
		f = c.File(testID, 3*mib, s)
		readRange(t, f, s, mib, 200*kib) // checked from now on
		readRange(t, f, s, 0, 200*kib)
		settled(t, c)
		cut(t, filepath.Join(o.Dir, dataName(testID.name())), left)
		if err := f.Fill(t.Context(), 5*mib/2, mib/2); err != nil {
			t.Fatal(err)
		}
		settled(t, c)
		if info, err := os.Stat(filepath.Join(o.Dir, dataName(testID.name()))); err != nil || info.Size() != 3*mib {
			t.Fatalf("the end of the file was not written: %v, %v", info, err)
		}
		readRange(t, f, s, 0, 3*mib)
		f.Close()
	}
}

// A data file that is cut while a run of blocks is being written to it: the run does not count, and the rest is compared with its checksums.
func TestCutWhileWritten(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	s := newSource(4 * mib)
	f := c.File(testID, int64(len(s.data)), s)
	defer f.Close()
	if err := f.Fill(t.Context(), 0, 3*mib); err != nil {
		t.Fatal(err)
	}
	v, d := f.v, f.v.disk.Load()
	size, err := v.beforeWrite(d)
	if err != nil || size != int64(len(s.data)) || !v.checked.get(0) {
		t.Fatalf("%d bytes, %v, checked: %t", size, err, v.checked.get(0))
	}
	if err := v.afterWrite(d, size, 4*mib); err != nil {
		t.Error(err)
	}
	cut(t, filepath.Join(o.Dir, dataName(testID.name())), mib)
	if _, err := d.data.WriteAt(s.data[3*mib:3*mib+4096], 3*mib); err != nil { // part of the run
		t.Fatal(err)
	}
	if err := v.afterWrite(d, size, 4*mib); !errors.Is(err, errCut) {
		t.Errorf("%v, want %v", err, errCut)
	}
	readRange(t, f, s, 0, 3*mib)
}

// A pack that is cut while it is in use takes nothing more behind its end, and what it lost is fetched again.
func TestPackCutWhileInUse(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	const size = 10 * kib
	sources := map[int]*source{}
	read := func(i int) {
		t.Helper()
		if sources[i] == nil {
			sources[i] = newSource(size)
		}
		f := c.File(keyID(i), size, sources[i])
		defer f.Close()
		readRange(t, f, sources[i], 0, size)
		settled(t, c)
	}
	for i := range 10 {
		read(i)
	}
	c.Close()
	c = mustOpen(t, o) // with nothing in memory
	for i := range 10 {
		read(i) // checked from now on
	}
	cut(t, filepath.Join(o.Dir, packName(1)), 50*kib)
	for _, i := range []int{10, 0, 4, 5, 9, 11, 5, 9} {
		read(i)
		c.mu.Lock()
		c.diskBad = time.Now() // the pause is over
		c.mu.Unlock()
	}
}

func flip(t *testing.T, name string, off int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b[:], off); err != nil {
		t.Fatal(err)
	}
}

func cut(t *testing.T, name string, size int64) {
	t.Helper()
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
}

// A disk that fails costs caching, not reads; it is told once and tried again later.
func TestDiskFails(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(4 * mib)
	f := c.File(testID, 4*mib, s)
	defer f.Close()
	readRange(t, f, s, 0, 1)
	settled(t, c)
	f.v.disk.Load().data.Close() // every use of it fails from now on
	readRange(t, f, s, 0, 4*mib)
	settled(t, c)
	readRange(t, f, s, 0, 4*mib)
	if c.Stats().LastError == "" {
		t.Error("no error told")
	}
	if err := f.Fill(t.Context(), 0, 4*mib); !errors.Is(err, os.ErrClosed) {
		t.Errorf("fill without a disk: %v", err)
	}
	c.mu.Lock()
	c.diskBad = time.Now() // the pause is over
	c.mu.Unlock()
	g := c.File(keyID(1), 4*mib, s)
	defer g.Close()
	readRange(t, g, s, 0, 4*mib)
	settled(t, c)
	if st := c.Stats(); st.LastError != "" || g.v.held.Load() != 4*mib {
		t.Errorf("the disk works again, and: %q, %d", st.LastError, g.v.held.Load())
	}
}

// tinyDisk mounts a file system of so many bytes.
func tinyDisk(t *testing.T, size int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a small file system is made by mounting tmpfs, which takes root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatalf("mount tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A disk smaller than the cache may be: reads are right, and the cache goes on with what there is.
func TestFullDisk(t *testing.T) {
	o := testOptions(t)
	o.Dir = filepath.Join(tinyDisk(t, 6*mib), "cache")
	c := mustOpen(t, o)
	s := &pattern{size: 24 * mib}
	p := make([]byte, 128*kib)
	f := c.File(testID, s.size, s)
	for range 2 {
		for off := int64(0); off < s.size; off += int64(len(p)) {
			checkRead(t, f, off, p)
		}
	}
	settled(t, c)
	f.Close()
	checkUsed(t, c)
	g := c.File(keyID(1), mib, s)
	defer g.Close()
	c.mu.Lock()
	c.diskBad = time.Time{}
	c.mu.Unlock()
	for range 2 {
		checkRead(t, g, 0, p)
		settled(t, c)
	}
	if g.v.held.Load() == 0 {
		t.Error("nothing is cached any more")
	}
}
