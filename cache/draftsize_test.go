package cache

import (
	"errors"
	"testing"
	"time"
)

// TestAskedWithoutWaiting: what a draft is asked for under locks that nothing may hold up is told while a change of it waits for the disk.
func TestAskedWithoutWaiting(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	d := mustDraft(t, c, Base{}, 0)
	write(t, d, 0, "four")
	to := Target{Store: "s", Bucket: "b", Key: "renamed"}
	if err := errors.Join(d.SetTarget(to), d.SetState(StateConflict, "why")); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock() // as a change does while its journal is written
	defer d.mu.Unlock()
	told := make(chan struct{})
	go func() {
		defer close(told)
		if state, why := d.State(); d.Size() != 4 || d.Target() != to || state != StateConflict || why != "why" {
			t.Errorf("%d bytes, to %v, %v because %q", d.Size(), d.Target(), state, why)
		}
	}()
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Error("who asks waits for the change")
	}
}
