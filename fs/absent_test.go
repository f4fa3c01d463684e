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

// What a listing that is long under way answers is as old as its beginning, for a name that it has and for one that it has not.
func TestAnswersOfALongListing(t *testing.T) {
	w := newWorld(t)
	for _, nm := range []string{"there", "absent"} {
		l := &listing{started: time.Now().Add(-2 * time.Minute), more: make(chan struct{})}
		w.f.mu.Lock()
		root := w.f.nodes[RootID]
		l.place, l.seq = w.f.placeOf(root), w.f.seq
		root.listing, root.misses = l, guessAfter
		w.f.mu.Unlock()
		l.publish([]entry{{name: "there", etag: "e", size: 1}})
		go func() {
			for asked := false; !asked; time.Sleep(time.Millisecond) {
				l.mu.Lock()
				asked = l.read > 0 // past what is there
				l.mu.Unlock()
			}
			l.finish(marks{}, false, nil)
		}()
		w.srv.ResetCounts()
		a, err := w.f.Lookup(t.Context(), RootID, nm)
		if found := err == nil; found != (nm == "there") || a.Valid != 0 {
			t.Errorf("%s: valid for %v, %v", nm, a.Valid, err)
		}
		if n := w.srv.Counts(); len(n) != 0 {
			t.Errorf("%s was asked for: %v", nm, n)
		}
	}
}
