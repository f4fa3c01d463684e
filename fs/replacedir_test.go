package fs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// emptyDirs make an empty directory e in different ways; the value is its marker's key, "" = none in the store.
var emptyDirs = map[string]struct {
	marker string
	make   func(w *world)
}{
	"marker":        {"e/", func(w *world) { w.remotePut("e/", nil) }},
	"hadoop marker": {"e_$folder$", func(w *world) { w.remotePut("e_$folder$", nil) }},
	"plain marker": {"e", func(w *world) {
		_, err := w.store.Put(w.t.Context(), w.bucket, "e", strings.NewReader(""), 0, s3.PutOptions{ContentType: "application/directory"})
		w.ok(err)
	}},
	"made here": {"", func(w *world) { w.ok(w.mkdir("e")) }},
}

// newReplacing is a world with a directory d of objects, with its own marker or not, and an empty directory e.
func newReplacing(t *testing.T, n int, marked bool, makeEmpty func(w *world)) *world {
	t.Helper()
	w := newWorld(t)
	for i := range n {
		key := fmt.Sprintf("d/f%d", i)
		w.remotePut(key, []byte(key))
	}
	if marked {
		w.remotePut("d/", nil)
	}
	makeEmpty(w)
	wantNames(t, w, "", "d/", "e/")
	return w
}

// TestFailedRenameKeepsTheTarget: an empty directory is still there when the rename of another one over it fails, at whichever copy, and is replaced, with
// its marker, when the next one succeeds.
func TestFailedRenameKeepsTheTarget(t *testing.T) {
	const n = 3
	for name, e := range emptyDirs {
		for how, marked := range map[string]bool{"": false, ", marker over marker": true} {
			t.Run(name+how, func(t *testing.T) {
				w := newReplacing(t, n, marked, e.make)
				before := w.srv.Keys("data")
				var copies atomic.Int32
				w.srv.Fault(func(r s3test.Request) *s3test.Fault {
					if r.Op == "CopyObject" && copies.Add(1) >= n-1 {
						return &s3test.Fault{Status: 403, Code: "AccessDenied"}
					}
					return nil
				})
				w.wantErr(w.rename("d", "e"), os.ErrPermission)
				w.srv.Fault(nil)
				if e.marker != "" {
					if got := w.srv.Keys("data"); !slices.Equal(got, before) {
						t.Errorf("keys %q, before %q", got, before)
					}
				}
				wantNames(t, w, "", "d/", "e/")
				wantNames(t, w, "e")
				w.ok(w.rename("d", "e"))
				want := []string{"e/f0", "e/f1", "e/f2"}
				if marked {
					want = append([]string{"e/"}, want...)
				}
				if got := w.srv.Keys("data"); !slices.Equal(got, want) {
					t.Errorf("keys %q, want %q", got, want)
				}
				wantNames(t, w, "", "e/")
				wantNames(t, w, "e", "f0", "f1", "f2")
			})
		}
	}
}

// TestEmptyDirectoryOverAnother: a directory of nothing but a marker, or of less, is one after it was renamed over another empty one.
func TestEmptyDirectoryOverAnother(t *testing.T) {
	for name, e := range emptyDirs {
		for how, src := range map[string]func(w *world){
			"marker":    func(w *world) { w.remotePut("d/", nil) },
			"made here": func(w *world) { w.ok(w.mkdir("d")) },
		} {
			t.Run(how+" over "+name, func(t *testing.T) {
				w := newReplacing(t, 0, false, func(w *world) { src(w); e.make(w) })
				w.ok(w.rename("d", "e"))
				w.ok(w.f.Sync(t.Context()))
				wantNames(t, w, "", "e/")
				if got := w.srv.Keys("data"); !slices.Equal(got, []string{"e/"}) {
					t.Errorf("keys %q", got)
				}
				w.ok(w.rmdir("e"))
				if got := w.srv.Keys("data"); len(got) > 0 {
					t.Errorf("keys %q", got)
				}
			})
		}
	}
}

// TestCrashWhileADirectoryIsReplaced: the empty directory is there until the next mount has ended the rename over it.
func TestCrashWhileADirectoryIsReplaced(t *testing.T) {
	w := newReplacing(t, 3, false, emptyDirs["marker"].make)
	reached, stop := make(chan struct{}), make(chan struct{})
	var seen atomic.Bool
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op != "CopyObject" {
			return nil
		}
		if !seen.Swap(true) {
			close(reached)
		}
		<-stop
		return &s3test.Fault{CutBefore: true}
	})
	done := make(chan error, 1)
	go func() { done <- w.rename("d", "e") }()
	<-reached
	if got := w.srv.Keys("data"); !slices.Contains(got, "e/") {
		t.Errorf("keys %q", got)
	}
	w.f.cancel()
	close(stop)
	w.crash()
	if <-done == nil {
		t.Fatal("no error")
	}
	w.srv.Fault(nil)
	w.start()
	w.eventually(func() bool { return len(w.f.leftIntents()) == 0 })
	wantNames(t, w, "", "e/")
	wantNames(t, w, "e", "f0", "f1", "f2")
}
