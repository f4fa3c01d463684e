package fs

import (
	"slices"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// TestDirectoryStoredWhileListed: a directory whose first file gets to the store while the directory above is being listed is in that listing, though the
// store's answer is of the time before.
func TestDirectoryStoredWhileListed(t *testing.T) {
	w := newWorld(t, later, ttlZero)
	w.ok(w.mkdir("d"))
	w.ok(w.create("d/f", []byte("x")))
	w.hold("d")
	asked := make(chan struct{}, 10)
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op != "ListObjectsV2" {
			return nil
		}
		asked <- struct{}{}
		return &s3test.Fault{After: 300 * time.Millisecond}
	})
	names := make(chan []string, 1)
	go func() {
		got, err := w.names("")
		if err != nil {
			t.Error(err)
		}
		names <- got
	}()
	<-asked
	time.Sleep(50 * time.Millisecond) // the answer is made, and on its way
	w.srv.Fault(nil)
	w.ok(w.f.Sync(t.Context()))
	if got := <-names; !slices.Equal(got, []string{"d/"}) {
		t.Errorf("the directory above lists %q", got)
	}
}
