package cache

import (
	"testing"
	"testing/synctest"
	"time"
)

// lingering runs f in synctest's time on a cache with a disk, and an object of which each read of 4 KiB costs 3 ms.
func lingering(t *testing.T, f func(t *testing.T, c *Cache, file *File, read func(block int64))) {
	t.Helper()
	o := testOptions(t)
	synctest.Test(t, func(t *testing.T) {
		c := mustOpen(t, o)
		s := &wire{pattern: pattern{size: 1 << 40}, delay: loopDelay}
		file := c.File(testID, s.size, s)
		defer file.Close()
		p := make([]byte, 4*kib)
		f(t, c, file, func(block int64) {
			t.Helper()
			checkRead(t, file, block*block*7919*DefaultBlockSize, p) // no stride
			synctest.Wait()
		})
	})
}

// written is the number of blocks on disk.
func (f *File) written() int64 { return f.v.held.Load() / f.c.o.BlockSize }

func TestSmallReadsComeBeforeTheDisk(t *testing.T) {
	lingering(t, func(t *testing.T, c *Cache, f *File, read func(int64)) {
		for i := range int64(10) {
			read(i)
		}
		if n := f.written(); n > 0 || f.v.disk.Load() != nil {
			t.Errorf("%d blocks were written between small reads", n)
		}
		time.Sleep(lingerQuiet)
		synctest.Wait()
		if n := f.written(); n != 10 {
			t.Errorf("%d of 10 blocks on disk when the reader had stopped", n)
		}
	})
}

func TestNothingLingersForLong(t *testing.T) {
	lingering(t, func(t *testing.T, c *Cache, f *File, read func(int64)) {
		begin := time.Now()
		for i := int64(0); time.Since(begin) < 2*lingerMost; i++ {
			read(i)
			time.Sleep(lingerQuiet - loopDelay - time.Millisecond)
		}
		if n := f.written(); n < 20 {
			t.Errorf("%d blocks on disk after a second of small reads", n)
		}
	})
}

func TestMuchDoesNotLinger(t *testing.T) {
	lingering(t, func(t *testing.T, c *Cache, f *File, read func(int64)) {
		begin := time.Now()
		for i := range int64(lingerBytes / DefaultBlockSize) {
			read(i)
		}
		if n, took := f.written(), time.Since(begin); n == 0 || took > lingerMost {
			t.Errorf("%d blocks on disk after %d bytes in %v", n, lingerBytes, took)
		}
	})
}

// Who waits for the disk does not wait for the readers as well.
func TestFillDoesNotLinger(t *testing.T) {
	lingering(t, func(t *testing.T, c *Cache, f *File, read func(int64)) {
		read(0)
		begin := time.Now()
		if err := f.Fill(t.Context(), 7919*DefaultBlockSize, 1); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > loopDelay || f.written() != 2 {
			t.Errorf("Fill took %v, %d blocks on disk", took, f.written())
		}
	})
}

// What lingers when the cache is closed gets to the disk.
func TestCloseWritesWhatLingers(t *testing.T) {
	o := testOptions(t)
	synctest.Test(t, func(t *testing.T) {
		c := mustOpen(t, o)
		s := &wire{pattern: pattern{size: mib}, delay: loopDelay}
		f := c.File(testID, s.size, s)
		checkRead(t, f, 512*kib, make([]byte, 4*kib))
		synctest.Wait()
		f.Close()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		c = mustOpen(t, o)
		f = c.File(testID, s.size, s)
		defer f.Close()
		checkRead(t, f, 512*kib, make([]byte, 4*kib))
		if n, _ := s.count(); n != 1 {
			t.Errorf("%d requests for what was in the cache at its end", n)
		}
	})
}
