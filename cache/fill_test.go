package cache

import (
	"testing"
	"time"
)

// TestFillKeepsWhatIsInMemory: what a reader left in memory while the disk took nothing goes there when it is wanted there, without a download.
func TestFillKeepsWhatIsInMemory(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(4 * mib)
	f := c.File(testID, 4*mib, s)
	defer f.Close()
	pause := func(until time.Time) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.diskBad = until
	}
	pause(time.Now().Add(time.Hour))
	readRange(t, f, s, 0, 4*mib)
	settled(t, c)
	if f.Kept() != 0 || f.Cached() != 4*mib {
		t.Fatalf("%d bytes on disk, %d in all", f.Kept(), f.Cached())
	}
	pause(time.Time{})
	s.take()
	noError(t, f.Fill(t.Context(), 0, 4*mib))
	wantCalls(t, s)
	if f.Kept() != 4*mib {
		t.Errorf("%d bytes on disk", f.Kept())
	}
	settled(t, c)
	checkMemory(t, c)
}
