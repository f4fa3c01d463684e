package fs

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// newDirectory is a world with a directory of n objects d/f0, d/f1, …, each with its own key as bytes.
func newDirectory(t *testing.T, n int, change ...func(*Options)) *world {
	w := newWorld(t, change...)
	for i := range n {
		key := fmt.Sprintf("d/f%d", i)
		w.srv.PutObject("data", key, []byte(key), nil)
	}
	w.hold("d")
	must[[]string](t)(w.names(""))
	return w
}

// wantMoved checks that all n objects are below e, with their bytes, and nothing is below d.
func (w *world) wantMoved(n int) {
	w.t.Helper()
	want := make([]string, n)
	for i := range n {
		want[i] = fmt.Sprintf("e/f%d", i)
		if got := w.object(want[i]); string(got) != fmt.Sprintf("d/f%d", i) {
			w.t.Errorf("%s has %q", want[i], got)
		}
	}
	slices.Sort(want)
	if got := w.srv.Keys("data"); !slices.Equal(got, want) {
		w.t.Errorf("keys %q", got)
	}
}

// TestCrashWhileADirectoryMoves: whatever a crash leaves of the rename of a directory, the next mount ends it.
func TestCrashWhileADirectoryMoves(t *testing.T) {
	const n = 40
	for op, at := range map[string]int32{"CopyObject": 1, "CopyObject ": 20, "DeleteObjects": 1} {
		t.Run(op, func(t *testing.T) {
			w := newDirectory(t, n)
			var seen atomic.Int32
			reached, stop := make(chan struct{}), make(chan struct{})
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op != strings.TrimSpace(op) || seen.Add(1) < at {
					return nil
				}
				if seen.Load() == at {
					close(reached)
				}
				<-stop
				return &s3test.Fault{CutBefore: true}
			})
			done := make(chan error, 1)
			go func() { done <- w.rename("d", "e") }()
			<-reached
			if m := w.f.Status().Moves; len(m) != 1 || m[0].From != "data/d/" || m[0].To != "data/e/" || m[0].Total != n {
				t.Errorf("status: %+v", m)
			}
			time.AfterFunc(100*time.Millisecond, func() { close(stop) })
			w.crash()
			if <-done == nil {
				t.Fatal("no error")
			}
			w.srv.Fault(nil)
			w.start()
			w.eventually(func() bool {
				there := slices.ContainsFunc(w.srv.Keys("data"), func(k string) bool { return strings.HasPrefix(k, "d/") })
				return !there && len(w.f.Status().Moves) == 0
			})
			w.wantMoved(n)
			if got := must[[]string](t)(w.names("")); !slices.Equal(got, []string{"e/"}) {
				t.Errorf("names %q", got)
			}
			if left := must[[]string](t)(w.names("e")); len(left) != n {
				t.Errorf("%d names", len(left))
			}
			w.stop()
			w.start()
			if left := w.f.leftIntents(); len(left) > 0 {
				t.Errorf("the journal still has %+v", left)
			}
		})
	}
}

// TestResumeReplacesNothing: what something else has taken the new name of stays, when a rename is ended that a crash had cut short.
func TestResumeReplacesNothing(t *testing.T) {
	w := newDirectory(t, 3)
	b := must[[]byte](t)(json.Marshal(moveIntent{
		Store: "test", Bucket: "data", Prefix: "d/", ToBucket: "data", ToPrefix: "e/", Phase: moveCopying, Begun: time.Now(),
	}))
	_, err := w.cache.NewIntent(b)
	w.ok(err)
	w.remotePut("e/f1", []byte("another's"))
	w.stop()
	w.start()
	w.eventually(func() bool { return len(w.f.leftIntents()) == 0 })
	if got := w.srv.Keys("data"); !slices.Equal(got, []string{"d/f1", "e/f0", "e/f1", "e/f2"}) || string(w.object("e/f1")) != "another's" {
		t.Errorf("keys %q, e/f1 has %q", got, w.object("e/f1"))
	}
}

// TestOldMoveIsLeft: nobody expects the end of a rename that a crash cut short days ago, nor does a read-only mount change anything.
func TestOldMoveIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		age  time.Duration
		left int
		o    func(*Options)
	}{
		"old":       {resumeWithin + time.Hour, 0, func(*Options) {}},
		"read-only": {0, 1, func(o *Options) { o.ReadOnly = true }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newDirectory(t, 1)
			b := must[[]byte](t)(json.Marshal(moveIntent{
				Store: "test", Bucket: "data", Prefix: "d/", ToBucket: "data", ToPrefix: "e/", Phase: moveCopying, Begun: time.Now().Add(-c.age),
			}))
			_, err := w.cache.NewIntent(b)
			w.ok(err)
			w.stop()
			w.start(c.o)
			w.stop()
			w.start(c.o)
			if left := w.f.leftIntents(); len(left) != c.left {
				t.Errorf("left: %+v", left)
			}
			if got := w.srv.Keys("data"); !slices.Equal(got, []string{"d/f0"}) {
				t.Errorf("keys %q", got)
			}
		})
	}
}

// TestDirectoryChangedWhileItMoves: what another client writes below a directory that is being renamed is renamed, too, and nothing of it is lost.
func TestDirectoryChangedWhileItMoves(t *testing.T) {
	const n = 10
	w := newDirectory(t, n)
	var seen atomic.Int32
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "CopyObject" && seen.Add(1) == n { // all others are on their way, or there
			w.srv.PutObject("data", "d/f3", []byte("changed"), nil)
			w.srv.PutObject("data", "d/new", []byte("new"), nil)
		}
		return nil
	})
	w.ok(w.rename("d", "e"))
	if got := w.srv.Keys("data"); len(got) != n+1 || slices.ContainsFunc(got, func(k string) bool { return strings.HasPrefix(k, "d/") }) {
		t.Errorf("keys %q", got)
	}
	if a, b := w.object("e/f3"), w.object("e/new"); string(a) != "changed" || string(b) != "new" {
		t.Errorf("e/f3 has %q, e/new %q", a, b)
	}
}

// TestDirectoryMovesOverNothing: what another client made under the new name since it was looked up is neither replaced nor mixed with.
func TestDirectoryMovesOverNothing(t *testing.T) {
	w := newDirectory(t, 3)
	w.srv.PutObject("data", "e/f1", []byte("another's"), nil)
	w.wantErr(w.rename("d", "e"), s3.ErrNotEmpty)
	if got := w.srv.Keys("data"); !slices.Equal(got, []string{"d/f0", "d/f1", "d/f2", "e/f1"}) || string(w.object("e/f1")) != "another's" {
		t.Errorf("keys %q, e/f1 has %q", got, w.object("e/f1"))
	}
}

// TestMarkerThatHoldsSomething: a directory whose marker is an object with bytes is renamed over an empty one that has a marker, too; if that fails both are what
// they were.
func TestMarkerThatHoldsSomething(t *testing.T) {
	for _, fails := range []bool{false, true} {
		w := newDirectory(t, 2)
		w.ok(w.mkdir("e"))
		w.ok(w.f.Sync(t.Context()))
		w.srv.PutObject("data", "d/", []byte("bytes"), nil)
		want, holds := []string{"e/", "e/f0", "e/f1"}, "e/"
		if fails {
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op == "CopyObject" && r.Key == "e/f1" {
					return &s3test.Fault{Status: 403, Code: "AccessDenied"}
				}
				return nil
			})
			want, holds = []string{"d/", "d/f0", "d/f1", "e/"}, "d/"
			w.wantErr(w.rename("d", "e"), os.ErrPermission)
			if got := w.object("e/"); len(got) > 0 {
				t.Errorf("the marker holds %q", got)
			}
		} else {
			w.ok(w.rename("d", "e"))
		}
		if got := w.srv.Keys("data"); !slices.Equal(got, want) || string(w.object(holds)) != "bytes" {
			t.Errorf("fails=%t: keys %q, %q holds %q", fails, got, holds, w.object(holds))
		}
	}
}

// TestCopyWithoutAnAnswer: of a rename that failed no copy stays, not even one whose making was not answered.
func TestCopyWithoutAnAnswer(t *testing.T) {
	for _, n := range []int{5, 1} {
		w := newDirectory(t, n)
		last := fmt.Sprintf("f%d", n-1)
		var lost atomic.Bool
		w.srv.Fault(func(r s3test.Request) *s3test.Fault {
			switch {
			case r.Op != "CopyObject" || !strings.HasSuffix(r.Key, last):
				return nil
			case lost.CompareAndSwap(false, true):
				return &s3test.Fault{CutAfter: true}
			}
			return &s3test.Fault{Status: 403, Code: "AccessDenied"}
		})
		w.wantErr(w.rename("d", "e"), os.ErrPermission)
		if got := w.srv.Keys("data"); len(got) != n || !strings.HasPrefix(got[0], "d/") {
			t.Errorf("of %d: keys %q", n, got)
		}
		if left := w.journal(); len(left) > 0 {
			t.Errorf("the journal still has %q", left)
		}
	}
}

// TestLeftBelowAMovedDirectory: what an earlier mount left of a file goes to where the file is after its directory was renamed.
func TestLeftBelowAMovedDirectory(t *testing.T) {
	w := newDirectory(t, 2)
	d := w.leftOver("d/f9", "left", func(*Options) {})
	w.ok(w.rename("d", "e"))
	w.sendLeft(d)
	if got := w.srv.Keys("data"); !slices.Equal(got, []string{"e/f0", "e/f1", "e/f9"}) || string(w.object("e/f9")) != "left" {
		t.Errorf("keys %q", got)
	}
}
