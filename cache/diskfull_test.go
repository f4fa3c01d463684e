package cache

import (
	"path/filepath"
	"testing"
)

// TestDiskSmallerThanTheCache: a disk that is full before the cache is makes room of what was used longest ago, as much as is to be written, which
// may be many small versions.
func TestDiskSmallerThanTheCache(t *testing.T) {
	o := testOptions(t)
	o.Dir = filepath.Join(tinyDisk(t, 12*mib), "cache")
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
	if st := c.Stats(); st.LastError != "" {
		t.Error(st.LastError)
	}
}
