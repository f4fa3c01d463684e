package fs

import (
	"os"
	"testing"
	"time"
)

// That a name is not there may be trusted for the TTL, less the age of what told so.
func TestAbsentFor(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "f", []byte("x"), nil)
	const age = 40 * time.Second
	want := func(nm string, least, most time.Duration) {
		t.Helper()
		a, err := w.f.Lookup(t.Context(), RootID, nm)
		w.wantErr(err, os.ErrNotExist)
		if a.Valid < least || a.Valid > most {
			t.Errorf("%q is not there for %v, want %v to %v", nm, a.Valid, least, most)
		}
	}
	want("asked", time.Minute-10*time.Second, time.Minute)
	must[[]string](t)(w.names(""))
	w.f.mu.Lock()
	root := w.f.nodes[RootID]
	root.listing.started = root.listing.started.Add(-age)
	w.f.mu.Unlock()
	want("listed", 0, time.Minute-age)
	want("asked", 0, time.Minute) // before that listing, or by it
	w.ok(w.unlink("f"))
	want("f", time.Minute-10*time.Second, time.Minute)
	want("\xff", time.Minute, time.Minute) // no key has that name
	if _, err := w.walk("f"); err == nil {
		t.Error("found what is gone")
	}
}
