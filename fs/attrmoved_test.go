package fs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// kill is crash for a daemon that has no time for anything: the journal of what was begun or promised stays as it is now.
func (w *world) kill(letGo func()) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "intents")
	kept := make(map[string][]byte)
	for _, e := range must[[]os.DirEntry](w.t)(os.ReadDir(dir)) {
		kept[e.Name()] = must[[]byte](w.t)(os.ReadFile(filepath.Join(dir, e.Name())))
	}
	w.f.cancel()
	letGo()
	w.crash()
	was := w.dir // where a goroutine that is left may write still
	w.dir = w.t.TempDir()
	for _, e := range must[[]os.DirEntry](w.t)(os.ReadDir(was)) {
		if e.Name() != "intents" {
			w.ok(os.Rename(filepath.Join(was, e.Name()), filepath.Join(w.dir, e.Name())))
		}
	}
	dir = filepath.Join(w.dir, "intents")
	w.ok(os.Mkdir(dir, 0o700))
	for name, b := range kept {
		w.ok(os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
}

// wantModes checks the mode that the store has of n files of a directory.
func (w *world) wantModes(dir string, n int) {
	w.t.Helper()
	for i := range n {
		if m := w.metaOf(fmt.Sprintf("%s/f%d", dir, i)); m[metaMode] != "33152" {
			w.t.Errorf("f%d: metadata %v", i, m)
		}
	}
}

// TestAttrsBelowAMovingDirectory: what is set on files while a directory above them is being renamed is journalled under their new names as soon as these hold, and
// gets to the store.
func TestAttrsBelowAMovingDirectory(t *testing.T) {
	const n = 3
	for _, killed := range []bool{false, true} {
		t.Run(fmt.Sprintf("killed %v", killed), func(t *testing.T) {
			w := newDirectory(t, n)
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op == "DeleteObjects" {
					for i := range n {
						w.chmod(fmt.Sprintf("d/f%d", i), 0o600)
					}
				}
				return nil
			})
			for i := range n {
				w.hold(fmt.Sprintf("d/f%d", i))
			}
			w.ok(w.f.settling.Acquire(t.Context(), 1)) // nothing is sent before the look at the journal
			w.ok(w.rename("d", "e"))
			j := w.journal()
			if len(j) != n {
				t.Errorf("the journal has %q", j)
			}
			for _, note := range j {
				if !strings.Contains(note, `"key":"e/f`) {
					t.Errorf("the journal has %s", note)
				}
			}
			if killed {
				w.kill(func() {})
				w.start()
				w.eventually(func() bool { return len(w.f.leftIntents()) == 0 })
			} else {
				w.f.settling.Release(1)
				w.ok(w.f.Sync(t.Context()))
				w.eventually(func() bool { return len(w.journal()) == 0 })
			}
			w.wantModes("e", n)
			w.wantMoved(n)
		})
	}
}

// TestAttrsOutliveCrashOfAMove: what was set on files while a directory above them was being renamed is on them when the next mount has ended the rename, wherever a
// crash has cut it short; also when that mount is killed in its turn, after it has ended the rename and before it could send any attributes.
func TestAttrsOutliveCrashOfAMove(t *testing.T) {
	const n = 6
	for name, c := range map[string]struct {
		op       string
		answered int64 // requests of it
		removed  bool  // the store has done the last one
	}{
		"before the first copy": {"CopyObject", 0, false},
		"some copies":           {"CopyObject", n / 2, false},
		"all copies":            {"DeleteObjects", 0, false},
		"no sources":            {"DeleteObjects", 0, true},
	} {
		for _, twice := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, twice %v", name, twice), func(t *testing.T) {
				w := newDirectory(t, n)
				for i := range n {
					w.hold(fmt.Sprintf("d/f%d", i))
				}
				reached, goOn := make(chan struct{}), make(chan struct{})
				var seen atomic.Int64
				w.srv.Fault(func(r s3test.Request) *s3test.Fault {
					if r.Op != c.op {
						return nil
					}
					at := seen.Add(1)
					if at <= c.answered {
						return nil
					}
					if at == c.answered+1 {
						close(reached)
					}
					<-goOn
					return &s3test.Fault{CutBefore: true}
				})
				done := make(chan error, 1)
				go func() { done <- w.rename("d", "e") }()
				<-reached
				w.eventually(func() bool { return w.f.Status().Moves[0].Done >= c.answered })
				for i := range n {
					w.chmod(fmt.Sprintf("d/f%d", i), 0o600)
					if c.removed {
						w.srv.Delete("data", fmt.Sprintf("d/f%d", i))
					}
				}
				w.kill(func() { close(goOn) })
				<-done
				if twice {
					w.endMoveAlone()
				}
				w.srv.Fault(nil)
				w.start()
				w.eventually(func() bool { return len(w.f.leftIntents()) == 0 && len(w.f.Status().Moves) == 0 })
				w.wantMoved(n)
				w.wantModes("e", n)
			})
		}
	}
}

// endMoveAlone is a mount that ends a rename that a crash had cut short, to which the store does not answer when it is about to send attributes, and that is killed.
func (w *world) endMoveAlone() {
	w.t.Helper()
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "HeadObject" {
			return &s3test.Fault{Status: 503, Code: "ServiceUnavailable"}
		}
		return nil
	})
	e := s3test.Of(w.t, w.srv)
	store, err := s3.New(s3.Config{Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey, CAFile: e.CAFile, RetryFor: 100 * time.Millisecond})
	w.ok(err)
	defer store.Close()
	w.start(func(o *Options) { o.Store = store })
	w.eventually(func() bool {
		return !slices.ContainsFunc(w.journal(), func(j string) bool { return strings.Contains(j, `"phase"`) })
	})
	w.kill(func() {})
}

// TestAttrsOutliveCrashOfAFilesMove: attributes of a file that were set before its rename, or while it was under way, are on it after a crash in the middle, and nothing
// is told to be lost.
func TestAttrsOutliveCrashOfAFilesMove(t *testing.T) {
	for _, early := range []bool{false, true} {
		for op, after := range map[string]bool{"CopyObject": false, "DeleteObject": false, "DeleteObject ": true} {
			t.Run(fmt.Sprintf("set before %v, cut at %s, done %v", early, op, after), func(t *testing.T) {
				w := newDirectory(t, 1)
				w.hold("d/f0")
				w.ok(w.f.settling.Acquire(t.Context(), 1)) // nothing is sent but by the rename
				if early {
					w.chmod("d/f0", 0o600)
				}
				reached, goOn := make(chan struct{}), make(chan struct{})
				var held atomic.Bool
				w.srv.Fault(func(r s3test.Request) *s3test.Fault {
					if r.Op != strings.TrimSpace(op) {
						return nil
					}
					if !held.Swap(true) {
						close(reached)
					}
					<-goOn
					return &s3test.Fault{CutBefore: true}
				})
				done := make(chan error, 1)
				go func() { done <- w.rename("d/f0", "d/g") }()
				<-reached
				if !early {
					w.chmod("d/f0", 0o600)
				}
				if after {
					w.srv.Delete("data", "d/f0")
				}
				w.kill(func() { close(goOn) })
				<-done
				w.srv.Fault(nil)
				w.start()
				w.eventually(func() bool { return len(w.journal()) == 0 })
				for _, key := range w.srv.Keys("data") {
					if m := w.metaOf(key); m[metaMode] != "33152" {
						t.Errorf("%s: metadata %v", key, m)
					}
				}
				if e := w.f.Status().Errors; len(e) > 0 {
					t.Errorf("errors %+v", e)
				}
			})
		}
	}
}
