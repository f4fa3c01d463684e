package fs

import (
	"slices"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// settling runs change while the marker of a directory is brought in order, at the moment at which the request that fits is on its way, and then all that
// is left to do.
func settling(w *world, fits func(s3test.Request) bool, fault s3test.Fault, change func()) {
	w.t.Helper()
	asked := make(chan struct{}, 10)
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if !fits(r) {
			return nil
		}
		asked <- struct{}{}
		return &fault
	})
	done := make(chan error, 1)
	go func() { done <- w.f.doLater(w.t.Context(), time.Time{}) }()
	<-asked
	time.Sleep(50 * time.Millisecond)
	w.srv.Fault(nil)
	change()
	w.ok(<-done)
	w.ok(w.f.Sync(w.t.Context()))
}

// TestEmptiedWhileSettling: a directory of which the last files are removed while the store is asked for them stays, and gets its marker.
func TestEmptiedWhileSettling(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "d/f", []byte("x"), nil)
	w.hold("d")
	w.ok(w.create("d/g", []byte("x")))
	list := func(r s3test.Request) bool { return r.Op == "ListObjectsV2" && r.Query.Get("max-keys") == "2" }
	settling(w, list, s3test.Fault{After: 300 * time.Millisecond}, func() {
		w.ok(w.unlink("d/f"))
		w.ok(w.unlink("d/g"))
	})
	if got := w.remoteKeys(); !slices.Equal(got, []string{"d/"}) {
		t.Errorf("the bucket holds %q", got)
	}
	if got := must[[]string](t)(w.names("")); !slices.Equal(got, []string{"d/"}) {
		t.Errorf("names %q", got)
	}
}

// TestFilledWhileSettling: the marker of a directory that gets its first file while the marker is on its way goes again.
func TestFilledWhileSettling(t *testing.T) {
	w := newWorld(t)
	w.ok(w.mkdir("d"))
	put := func(r s3test.Request) bool { return r.Op == "PutObject" && r.Key == "d/" }
	settling(w, put, s3test.Fault{Before: 300 * time.Millisecond}, func() { w.ok(w.create("d/f", []byte("x"))) })
	if got := w.remoteKeys(); !slices.Equal(got, []string{"d/f"}) {
		t.Errorf("the bucket holds %q", got)
	}
}
