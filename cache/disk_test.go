package cache

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// diskUse is what the files below dir take, by st_blocks.
func diskUse(t testing.TB, dir string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return ignoreGone(err)
		}
		st, err := e.Info()
		if err == nil {
			sum += st.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return ignoreGone(err)
	})
	if err != nil {
		t.Error(err)
	}
	return sum
}

func ignoreGone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func keyID(i int) ID { return ID{Store: "s", Bucket: "b", Key: fmt.Sprint(i), ETag: "e"} }

// The bound holds at any moment: with many closed files, with one open file beyond it, and with several open ones.
func TestBoundOnDisk(t *testing.T) {
	o := testOptions(t)
	o.Size = 12 * mib
	c := mustOpen(t, o)
	stop := make(chan struct{})
	var most int64
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				most = max(most, diskUse(t, filepath.Join(o.Dir, blocksDir)))
			}
		}
	})
	s := &pattern{size: 48 * mib}
	p := make([]byte, 128*kib)
	readAll := func(f *File) {
		for off := int64(0); off < f.Size(); off += int64(len(p)) {
			checkRead(t, f, off, p)
		}
	}
	for i := range 20 {
		f := c.File(keyID(i), 2*mib, s)
		readAll(f)
		f.Close()
	}
	settled(t, c)
	if st := c.Stats(); st.Files < 3 || st.Files > 6 {
		t.Errorf("%d files of 2 MiB in 12", st.Files)
	}
	big := c.File(keyID(100), s.size, s)
	defer big.Close()
	readAll(big)
	settled(t, c)
	if got := big.Cached(); got < 4*mib || got > 12*mib {
		t.Errorf("%d bytes of the big file cached", got)
	}
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			f := c.File(keyID(200+i), 16*mib, s)
			defer f.Close()
			p := make([]byte, 128*kib)
			for off := int64(0); off < f.Size(); off += int64(len(p)) {
				checkRead(t, f, off, p)
			}
		})
	}
	wg.Wait()
	settled(t, c)
	close(stop)
	watch.Wait()
	if limit := o.Size + 4*c.request; most > limit || most < o.Size/2 {
		t.Errorf("%d bytes on disk, bound %d", most, o.Size)
	}
	if used, real := c.Stats().Used, diskUse(t, filepath.Join(o.Dir, blocksDir)); used < real-mib || used > real+mib || used > o.Size {
		t.Errorf("counted %d, on disk %d, bound %d", used, real, o.Size)
	}
}

// A reader beside which blocks are taken out of the file never sees the hole.
func TestReadDuringEviction(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(mib)
	f := c.File(testID, mib, s)
	defer f.Close()
	stop := make(chan struct{})
	var evict sync.WaitGroup
	evict.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				c.names.Lock()
				c.punch(mib)
				c.names.Unlock()
			}
		}
	})
	fromDisk := 0
	p := make([]byte, mib)
	for began := time.Now(); time.Since(began) < time.Second || fromDisk == 0 && time.Since(began) < 30*time.Second; {
		n := f.v.readDisk(p, 0)
		if fromDisk += n; n == 0 {
			n, _ = f.ReadAt(t.Context(), p, 0)
		}
		if !bytes.Equal(p[:n], s.data[:n]) {
			t.Fatal("wrong bytes")
		}
	}
	close(stop)
	evict.Wait()
	if fromDisk == 0 {
		t.Error("nothing was read from the disk")
	}
}

// The least recently used version goes first, over a restart too.
func TestEvictionOrder(t *testing.T) {
	o := testOptions(t)
	o.Size = 4*mib + 200*kib
	c := mustOpen(t, o)
	s := newSource(mib)
	fill := func(i int) {
		f := c.File(keyID(i), mib, s)
		if err := f.Fill(t.Context(), 0, mib); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	cached := func(i int) bool {
		f := c.File(keyID(i), mib, s)
		defer f.Close()
		return f.Cached() == mib
	}
	for i := range 4 {
		fill(i)
		time.Sleep(20 * time.Millisecond) // the order over a restart is that of file times
	}
	if !cached(0) { // and now the most recently used
		t.Fatal("0 is not cached")
	}
	fill(4)
	if !cached(0) || cached(1) {
		t.Error("not the least recently used one went")
	}
	settled(t, c)
	c.Close()
	o.Size = 2*mib + 100*kib
	c = mustOpen(t, o)
	if cached(2) || !cached(4) {
		t.Error("after a restart, not the least recently used one went")
	}
}

func TestSizeZeroKeepsNothingOnDisk(t *testing.T) {
	o := testOptions(t)
	o.Size = 0
	c := mustOpen(t, o)
	s := newSource(4 * mib)
	f := c.File(testID, 4*mib, s)
	readRange(t, f, s, 0, 4*mib)
	settled(t, c)
	s.take()
	readRange(t, f, s, 0, 4*mib) // from memory
	f.Close()
	f = c.File(testID, 4*mib, s)
	defer f.Close()
	readRange(t, f, s, mib, mib)
	wantCalls(t, s)
	if f.Cached() != 4*mib {
		t.Errorf("cached %d", f.Cached())
	}
	if n := diskUse(t, filepath.Join(o.Dir, blocksDir)); n != 0 {
		t.Errorf("%d bytes on disk", n)
	}
}

func TestSameNameOtherSize(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s, l := newSource(mib), newSource(2*mib)
	f := c.File(testID, mib, s)
	defer f.Close()
	readRange(t, f, s, 0, mib)
	settled(t, c)
	g := c.File(testID, 2*mib, l)
	defer g.Close()
	readRange(t, g, l, 0, 2*mib)
	readRange(t, f, s, 0, mib)
	settled(t, c)
	readRange(t, g, l, 0, 2*mib)
	readRange(t, f, s, 0, mib)
}

func TestRename(t *testing.T) {
	for _, open := range []bool{false, true} {
		o := testOptions(t)
		c := mustOpen(t, o)
		s := newSource(mib)
		f := c.File(testID, mib, s)
		if err := f.Fill(t.Context(), 0, mib); err != nil {
			t.Fatal(err)
		}
		if !open {
			f.Close()
		}
		to := ID{Store: "s", Bucket: "b2", Key: "other/key", ETag: "e"}
		g := c.File(to, mib, s) // what was there before is replaced
		readRange(t, g, s, 0, 10)
		g.Close()
		settled(t, c)
		s.take()
		c.Rename(testID, to)
		g = c.File(to, mib, s)
		readRange(t, g, s, 0, mib)
		if open {
			readRange(t, f, s, 0, mib)
			f.Close()
		}
		g.Close()
		wantCalls(t, s)
		if st := c.Stats(); st.Files != 1 {
			t.Errorf("%d files", st.Files)
		}
		c.Close()
		c = mustOpen(t, o)
		g = c.File(to, mib, s)
		readRange(t, g, s, 0, mib)
		wantCalls(t, s)
		f = c.File(testID, mib, s)
		if f.Cached() != 0 {
			t.Errorf("%d bytes under the old name", f.Cached())
		}
		f.Close()
		g.Close()
		checkUsed(t, c)
	}
}

// checkUsed compares the count of bytes on disk with the disk, and the tables with each other.
func checkUsed(t testing.TB, c *Cache) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum int64
	slots := map[*pack]int{}
	for _, name := range c.onDisk.Keys() {
		e, _ := c.onDisk.Peek(name)
		sum += e.bytes
		if e.slot != nil {
			slots[e.slot.pack]++
		}
	}
	for _, v := range c.versions {
		sum += v.bytes
		if v.slot != nil {
			slots[v.slot.pack]++
		}
	}
	for _, p := range c.packs.all {
		sum += p.bytes
		if p.slots != slots[p] {
			t.Errorf("pack %d counts %d entries, tables say %d", p.no, p.slots, slots[p])
		}
	}
	if sum != c.used {
		t.Errorf("counted %d, tables say %d", c.used, sum)
	}
}

func TestDrop(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	s := newSource(mib)
	f := c.File(testID, mib, s)
	defer f.Close()
	if err := f.Fill(t.Context(), 0, mib); err != nil {
		t.Fatal(err)
	}
	s.take()
	c.Drop(testID)
	if n := diskUse(t, filepath.Join(o.Dir, blocksDir)); n != 0 || c.Stats().Used != 0 {
		t.Errorf("%d bytes left, %d counted", n, c.Stats().Used)
	}
	readRange(t, f, s, 0, mib)
	wantCalls(t, s, call{0, mib})
	g := c.File(testID, mib, s)
	defer g.Close()
	readRange(t, g, s, 0, mib)
	settled(t, c)
	if g.Cached() != mib {
		t.Errorf("cached %d after a new start", g.Cached())
	}
	c.Drop(keyID(77)) // not there
}
