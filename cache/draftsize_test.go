package cache

import (
	"testing"
	"time"
)

// TestSizeDoesNotWait: the size of a draft is told while a change of it waits for the disk.
func TestSizeDoesNotWait(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	d := mustDraft(t, c, Base{}, 0)
	write(t, d, 0, "four")
	d.mu.Lock() // as a change does while its journal is written
	defer d.mu.Unlock()
	size := make(chan int64, 1)
	go func() { size <- d.Size() }()
	select {
	case got := <-size:
		if got != 4 {
			t.Errorf("the size is %d, want 4", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("the size waits for the change")
	}
}
