package fs

import (
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// TestLateAnswer: what the store answers about a name may be older than what was done to the name here since it was asked, though nobody has the file
// open any more. Who waited for the answer works with the newer state; else its write would meet "another client's" version, which is our own.
func TestLateAnswer(t *testing.T) {
	sum := md5.Sum([]byte("old"))
	for _, tt := range []struct {
		name   string
		stored []byte // before; nil = nothing
		late   s3test.Fault
	}{
		{"there was none", nil, s3test.Fault{Status: http.StatusNotFound}},
		{"of the version before", []byte("old"), s3test.Fault{ETag: hex.EncodeToString(sum[:])}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.TTL = 0 }) // else a forgotten node is kept for a while
			if tt.stored != nil {
				w.srv.PutObject("data", "f", tt.stored, nil)
			}
			asked, answer := make(chan struct{}), make(chan struct{})
			var held atomic.Bool
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op != "HeadObject" || r.Key != "f" || held.Swap(true) {
					return nil
				}
				close(asked)
				<-answer
				return &tt.late
			})
			done := make(chan error, 1)
			go func() { done <- w.write("f", []byte("more"), 3, syscall.O_CREAT) }()
			<-asked
			w.ok(w.changeBeside("f", []byte("new")))
			close(answer)
			w.ok(<-done)
			if got := string(w.object("f")); got != "newmore" {
				t.Errorf("the object is %q", got)
			}
		})
	}
}

// changeBeside makes or changes a file as a program does that does not wait for an answer about it, and lets the file be forgotten.
func (w *world) changeBeside(path string, data []byte) error {
	err := w.write(path, data, 0, syscall.O_CREAT)
	w.forget()
	return err
}

// TestMadeSinceLookup: a file that was made, closed and forgotten since a name was looked up in vain is not made again.
func TestMadeSinceLookup(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.TTL = 0 }) // else a forgotten node is kept for a while
	looked := time.Now()
	w.ok(w.changeBeside("f", []byte("first")))
	_, err := w.f.newFile(t.Context(), RootID, "f", 0o644, knownAttrs{}, looked)
	w.wantErr(err, os.ErrExist)
	if n := w.f.Status().Nodes; n != 1 {
		t.Errorf("%d nodes are left, want the top alone", n)
	}
	if got := string(must[[]byte](t)(w.read("f"))); got != "first" {
		t.Errorf("the file is %q", got)
	}
}

// TestLookOlderThanListing: what the store said about a name before a directory was listed does not count against the listing.
func TestLookOlderThanListing(t *testing.T) {
	w := newWorld(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op != "HeadObject" || r.Key != "f" || held.Swap(true) {
			return nil
		}
		close(asked)
		<-answer
		return &s3test.Fault{Status: http.StatusNotFound}
	})
	look := func() error {
		a, err := w.f.Lookup(t.Context(), RootID, "f")
		if err == nil {
			w.f.Forget(a.ID, 1)
		}
		return err
	}
	done := make(chan error, 1)
	go func() { done <- look() }()
	<-asked
	w.srv.PutObject("data", "f", []byte("x"), nil)
	if es := w.list(RootID); len(es) != 1 {
		t.Fatalf("the listing shows %v", es)
	}
	close(answer)
	w.ok(<-done)
	w.ok(look())
	if es := w.list(RootID); len(es) != 1 {
		t.Errorf("the listing shows %v afterwards", es)
	}
}
