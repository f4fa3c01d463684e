package cache

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// fillOne puts a whole version into the cache.
func fillOne(t testing.TB, c *Cache, id ID, s *source) *File {
	t.Helper()
	f := c.File(id, int64(len(s.data)), s)
	if err := f.Fill(t.Context(), 0, f.Size()); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestHeldTellsWhatIsThere also after a restart, when names are known from the indexes alone.
func TestHeldTellsWhatIsThere(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	small, large := newSource(10_000), newSource(2*mib)
	fillOne(t, c, keyID(1), small).Close()
	open := fillOne(t, c, keyID(2), large)
	settled(t, c)
	check := func(c *Cache, wantOpen bool) {
		t.Helper()
		h := c.Held()
		if len(h) != 2 || h[0].ID != keyID(2) || h[1].ID != keyID(1) || h[0].Size != 2*mib || h[1].Size != 10_000 {
			t.Fatalf("held: %+v", h)
		}
		if h[0].Open != wantOpen || h[1].Open || h[1].Used.IsZero() {
			t.Fatalf("held: %+v", h)
		}
		if sum, used := h[0].Bytes+h[1].Bytes, c.Stats().Used; sum > used || sum < used-packPage { // the small one's last page is not full
			t.Fatalf("held %d bytes, used %d", sum, used)
		}
		for _, x := range h {
			if x.Bytes < x.Size || x.Bytes > c.Footprint(x.Size) {
				t.Fatalf("%d bytes take %d on disk, the footprint is %d", x.Size, x.Bytes, c.Footprint(x.Size))
			}
		}
	}
	check(c, true)
	open.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	check(mustOpen(t, o), false)
}

// TestEvictTakesClosedVersionsOnly and gives their bytes back; what is read again is downloaded again, right.
func TestEvictTakesClosedVersionsOnly(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	s := newSource(mib)
	for i := range 3 {
		fillOne(t, c, keyID(i), s).Close()
	}
	open := fillOne(t, c, keyID(3), s)
	defer open.Close()
	settled(t, c)
	before := c.Stats().Used
	s.take()
	done := c.Evict(func(id ID) bool { return id != keyID(0) })
	if done.Files != 2 || done.Open != 1 || done.Bytes != before-c.Stats().Used {
		t.Fatalf("evicted %+v, used %d, was %d", done, c.Stats().Used, before)
	}
	checkUsed(t, c)
	readRange(t, open, s, 0, mib)
	kept := c.File(keyID(0), mib, s)
	defer kept.Close()
	readRange(t, kept, s, 0, mib)
	wantCalls(t, s)
	gone := c.File(keyID(1), mib, s)
	defer gone.Close()
	if gone.Cached() != 0 {
		t.Fatalf("%d bytes are still there", gone.Cached())
	}
	readRange(t, gone, s, 0, mib)
	if s.requested() != mib {
		t.Fatalf("downloaded %d bytes", s.requested())
	}
}

// TestEvictUnreadable: a version whose index is damaged has no name, and goes when everything does.
func TestEvictUnreadable(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	fillOne(t, c, keyID(1), newSource(mib)).Close()
	settled(t, c)
	if err := os.WriteFile(c.folder.path(indexName(keyID(1).name())), []byte(strings.Repeat("x", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	if done := c.Evict(func(id ID) bool { return id == keyID(1) }); done.Files != 0 {
		t.Fatalf("evicted %+v", done)
	}
	if done := c.Evict(func(ID) bool { return true }); done.Files != 1 || c.Stats().Used != 0 {
		t.Fatalf("evicted %+v, used %d", done, c.Stats().Used)
	}
}

// TestFillTellsThatNothingIsKept: a download on purpose that the cache has no room for is an error of its own.
func TestFillTellsThatNothingIsKept(t *testing.T) {
	o := testOptions(t)
	o.Size = mib
	c := mustOpen(t, o)
	s := newSource(4 * mib)
	f := c.File(keyID(1), 4*mib, s)
	defer f.Close()
	if err := f.Fill(t.Context(), 0, 4*mib); !errors.Is(err, ErrNotKept) {
		t.Fatalf("fill: %v", err)
	}
}

// TestFillStep leaves half of the memory to readers, whatever it is, and never is no block.
func TestFillStep(t *testing.T) {
	for _, memory := range []int64{mib, 16 * mib, 128 * mib, 1 << 30} {
		o := testOptions(t)
		o.Memory = memory
		c := mustOpen(t, o)
		step := c.FillStep(16)
		if step <= 0 || step%c.o.BlockSize != 0 || step > c.o.BlockSize && 16*step > memory/2 || step > c.request {
			t.Errorf("memory %d: step %d", memory, step)
		}
	}
}
