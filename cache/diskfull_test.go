package cache

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk is a folder on a disk of its own of so many bytes.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	if errors.Is(err, os.ErrPermission) {
		t.Skip("only root can mount a small disk")
	}
	noError(t, err)
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestDiskSmallerThanTheCache: a disk that is full before the cache is makes room of what was used longest ago, as much as is to be written, whether that is
// many small versions or a part of one that is open. Reads are right.
func TestDiskSmallerThanTheCache(t *testing.T) {
	o := testOptions(t)
	o.Dir = smallDisk(t, "12m") + "/cache"
	c := mustOpen(t, o)
	kept := func(no, size int) int64 {
		t.Helper()
		s := newSource(size)
		f := c.File(keyID(no), int64(size), s)
		defer f.Close()
		noError(t, f.Fill(t.Context(), 0, int64(size)))
		readRange(t, f, s, 0, size)
		wantCalls(t, s, call{0, int64(size)})
		return f.Kept()
	}
	for i := range 60 {
		kept(i, 256*kib)
	}
	for i := range 160 {
		kept(100+i, 100*kib)
	}
	for no, size := range []int{8 * mib, 100 * kib, 6 * mib, 6 * mib} {
		if n := kept(1000+no, size); n != int64(size) {
			t.Errorf("%d of %d bytes were kept", n, size)
		}
	}
	s := newSource(14 * mib) // more than the disk
	f := c.File(testID, 14*mib, s)
	defer f.Close()
	for off := 0; off < 14*mib; off += mib {
		readRange(t, f, s, off, mib)
	}
	settled(t, c)
	if st := c.Stats(); f.Kept() == 0 || st.Used > 12*mib {
		t.Errorf("%d bytes of an open version were kept, %d are used", f.Kept(), st.Used)
	}
	if st := c.Stats(); st.LastError != "" {
		t.Error(st.LastError)
	}
}
