package fs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"allasfs/cache"
	"allasfs/s3"
	"allasfs/s3/s3test"
)

// hasty lets what a crash cut short be tried again soon, by a store whose failing requests are given up after little.
func (w *world) hasty() func(*Options) {
	e := s3test.Of(w.t, w.srv)
	store, err := s3.New(s3.Config{Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey, CAFile: e.CAFile, RetryFor: 50 * time.Millisecond})
	w.ok(err)
	w.t.Cleanup(store.Close)
	return func(o *Options) { o.Store, o.ResumeAfter = store, 10*time.Millisecond }
}

// leftNote is a world that was killed after attributes were set on a file of each name.
func leftNote(t *testing.T, names ...string) *world {
	t.Helper()
	w := newWorld(t)
	for _, name := range names {
		if dir, _ := split(name); dir != "" {
			w.ok(w.mkdir(dir))
		}
		w.ok(w.create(name, []byte("text")))
	}
	w.ok(w.f.settling.Acquire(t.Context(), 1))
	for _, name := range names {
		w.chmod(name, 0o600)
		w.setXattr(name, "user.odd", "\xff")
	}
	w.crash()
	return w
}

// TestLeftAttrsWait: while the store cannot take attributes that an earlier mount left, they are tried again and told once, status names the file, and nobody has
// to wait for that, not even while the store is being asked; when it can, they are sent.
func TestLeftAttrsWait(t *testing.T) {
	w := leftNote(t, "f")
	asked, goOn := make(chan struct{}), make(chan struct{})
	heads := 0
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op != "HeadObject" || r.Key != "f" {
			return nil
		}
		heads++
		if heads == 50 {
			close(asked)
		}
		if heads >= 50 {
			<-goOn
		}
		return &s3test.Fault{Status: 503, Code: "ServiceUnavailable"}
	})
	w.start(w.hasty())
	select {
	case <-asked:
	case <-time.After(time.Minute):
		t.Fatal("it is not tried again")
	}
	s := w.f.Status()
	if !slices.Equal(s.Attrs, []string{"f"}) || len(s.Errors) != 1 || s.Errors[0].Path != "data/f" {
		t.Errorf("unsent attributes of %q, errors %+v", s.Attrs, s.Errors)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.f.tree.Acquire(ctx, whole); err != nil {
		t.Error("others wait while the store is asked")
	} else {
		w.f.tree.Release(whole)
	}
	w.srv.Fault(nil)
	close(goOn)
	w.eventually(func() bool { return len(w.journal()) == 0 })
	if m := w.metaOf("f"); m[metaMode] != "33152" {
		t.Errorf("metadata %v", m)
	}
	if s := w.f.Status(); len(s.Attrs) > 0 || len(s.Errors) != 1 {
		t.Errorf("unsent attributes of %q, errors %+v", s.Attrs, s.Errors)
	}
}

// TestLeftAttrsGivenUp: what the store will never take is given up at once, and what it did not take for a day after that; both are told once, with what was lost.
func TestLeftAttrsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		before func(w *world)
		fault  s3test.Fault // of each copy
		tried  time.Duration
	}{
		"gone":       {before: func(w *world) { w.remoteDelete("f") }},
		"other":      {before: func(w *world) { w.remotePut("f", []byte("another's")) }},
		"no bucket":  {before: func(w *world) { w.remoteDelete("f"); w.ok(w.store.RemoveBucket(w.t.Context(), "data")) }},
		"no rights":  {fault: s3test.Fault{Status: 403, Code: "AccessDenied"}},
		"long tried": {fault: s3test.Fault{Status: 500, Code: "InternalError"}, tried: resumeWithin + time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := leftNote(t, "f")
			if c.before != nil {
				c.before(w)
			}
			if c.tried > 0 {
				w.triedBefore(c.tried)
			}
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op == "CopyObject" && c.fault.Status != 0 {
					return &c.fault
				}
				return nil
			})
			w.start(w.hasty())
			w.eventually(func() bool { return len(w.journal()) == 0 })
			w.eventually(func() bool { return len(w.f.Status().Attrs) == 0 })
			e := w.f.Status().Errors
			if len(e) != 1 || e[0].Path != "data/f" || !strings.Contains(e[0].Text, `mode 0600`) || !strings.Contains(e[0].Text, `user.odd="\xff"`) {
				t.Errorf("errors %+v", e)
			}
		})
	}
}

// triedBefore lets the attributes that were left be tried so long ago for the first time.
func (w *world) triedBefore(ago time.Duration) {
	w.t.Helper()
	c := must[*cache.Cache](w.t)(cache.Open(cache.Options{Dir: w.dir, Size: 1 << 30}))
	for _, i := range must[[]*cache.Intent](w.t)(c.Intents()) {
		var note attrNote
		w.ok(json.Unmarshal(i.Data(), &note))
		note.Tried = time.Now().Add(-ago)
		w.ok(i.Set(must[[]byte](w.t)(json.Marshal(note))))
	}
	w.ok(c.Close())
}

// TestLeftAttrsAfterOneTry: the time of the first try that failed outlives the mount, and no reason is no reason to give up: a HEAD that is refused tells none, and it
// may be the keys.
func TestLeftAttrsAfterOneTry(t *testing.T) {
	w := leftNote(t, "f")
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "HeadObject" {
			return &s3test.Fault{Status: 403}
		}
		return nil
	})
	tried := func() (at string) {
		w.start(w.hasty())
		w.eventually(func() bool { return len(w.f.Status().Errors) == 1 })
		var note attrNote
		for _, j := range w.journal() {
			w.ok(json.Unmarshal([]byte(j), &note))
		}
		w.crash()
		return fmt.Sprint(note.Tried.UnixNano())
	}
	first := tried()
	if again := tried(); again != first || strings.HasPrefix(again, "-") {
		t.Errorf("tried first at %s, then at %s", first, again)
	}
	w.srv.Fault(nil)
	w.start()
	w.eventually(func() bool { return len(w.journal()) == 0 })
	if m := w.metaOf("f"); m[metaMode] != "33152" {
		t.Errorf("metadata %v", m)
	}
}

// TestLeftMoveGivenUp: a rename that a crash cut short is not tried for ever, and its failing is told twice at the most: when it is first seen and when it is given up.
func TestLeftMoveGivenUp(t *testing.T) {
	w := newDirectory(t, 2)
	w.crash()
	c := must[*cache.Cache](t)(cache.Open(cache.Options{Dir: w.dir, Size: 1 << 30}))
	must[*cache.Intent](t)(c.NewIntent(must[[]byte](t)(json.Marshal(moveIntent{
		Store: "test", Bucket: "data", Prefix: "d/", ToBucket: "data", ToPrefix: "e/", Phase: moveCopying, Begun: time.Now().Add(500*time.Millisecond - resumeWithin),
	}))))
	w.ok(c.Close())
	refuse(w, "CopyObject", 500, "InternalError")
	w.start(w.hasty())
	w.eventually(func() bool { return len(w.journal()) == 0 })
	if e := w.f.Status().Errors; len(e) > 2 {
		t.Errorf("errors %+v", e)
	}
	if got := w.srv.Keys("data"); !slices.Equal(got, []string{"d/f0", "d/f1"}) {
		t.Errorf("keys %q", got)
	}
}

// TestLeftAttrsMeetNewer: of a file whose attributes wait since an earlier mount others are set, or bytes are written. The store gets both, the newer ones over those that were
// left, whatever is sent first, and after another crash too.
func TestLeftAttrsMeetNewer(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"mode":      func(w *world) { w.chmod("f", 0o640) },
		"attribute": func(w *world) { w.setXattr("f", "user.new", "x") },
		"bytes":     func(w *world) { w.ok(w.write("f", []byte("more"), 4, 0)) },
		"size":      func(w *world) { w.truncate("f", 2) },
	} {
		for _, crash := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, crash %v", name, crash), func(t *testing.T) {
				w := leftNote(t, "f")
				refuse(w, "CopyObject", 503, "ServiceUnavailable")
				hasty := w.hasty()
				w.start(hasty)
				w.eventually(func() bool { return len(w.f.Status().Errors) == 1 })
				change(w)
				if a := must[Attr](t)(w.walk("f")); a.Mode&0o777 != 0o600 && name != "mode" || a.Mode&0o777 != 0o640 && name == "mode" {
					t.Errorf("mode %o", a.Mode)
				}
				if crash {
					w.crash()
					w.srv.Fault(nil)
					w.start(hasty)
				}
				w.srv.Fault(nil)
				w.eventually(func() bool { return w.f.Sync(t.Context()) == nil && len(w.journal()) == 0 })
				want := map[string]string{"mode": "33184"}[name]
				if want == "" {
					want = "33152"
				}
				a := must[Attr](t)(w.walk("f"))
				odd, err := w.f.Getxattr(t.Context(), a.ID, "user.odd")
				if m := w.metaOf("f"); m[metaMode] != want || string(odd) != "\xff" || err != nil {
					t.Errorf("metadata %v, user.odd %q, %v", m, odd, err)
				}
				if name == "attribute" {
					if v := must[[]byte](t)(w.f.Getxattr(t.Context(), a.ID, "user.new")); string(v) != "x" {
						t.Errorf("user.new %q", v)
					}
				}
			})
		}
	}
}

func (w *world) truncate(path string, size int64) {
	w.t.Helper()
	must[Attr](w.t)(w.f.Setattr(w.t.Context(), w.hold(path).ID, nil, Change{Size: &size}))
}

// TestLeftAttrsOfRenamed: attributes that wait since an earlier mount go along when their file, or a directory above it, is renamed.
func TestLeftAttrsOfRenamed(t *testing.T) {
	for _, crash := range []bool{false, true} {
		for what, names := range map[string][2]string{"file": {"d/f", "d/g"}, "directory": {"d", "e"}, "directory twice": {"d", "e"}} {
			t.Run(fmt.Sprintf("%s, crash %v", what, crash), func(t *testing.T) {
				w := leftNote(t, "d/f")
				w.srv.Fault(func(r s3test.Request) *s3test.Fault {
					if r.Op == "HeadObject" && strings.HasSuffix(r.Key, "/f") {
						return &s3test.Fault{Status: 403}
					}
					return nil
				})
				hasty := w.hasty()
				w.start(hasty)
				w.eventually(func() bool { return len(w.f.Status().Errors) == 1 })
				must[[]string](t)(w.names("d"))
				if what == "file" {
					w.srv.Fault(nil)
				}
				w.ok(w.rename(names[0], names[1]))
				now := map[string]string{"file": "d/g", "directory": "e/f", "directory twice": "x/f"}[what]
				if what == "directory twice" {
					w.ok(w.rename("e", "x"))
				}
				if crash {
					w.crash()
					w.srv.Fault(nil)
					w.start(hasty)
				}
				w.srv.Fault(nil)
				w.eventually(func() bool { return w.f.Sync(t.Context()) == nil && len(w.journal()) == 0 })
				if m := w.metaOf(now); m[metaMode] != "33152" {
					t.Errorf("metadata %v", m)
				}
			})
		}
	}
}

// TestSyncSendsLeftAttrs: Sync has not succeeded before attributes that an earlier mount left are stored, and sends them at once by one copy.
func TestSyncSendsLeftAttrs(t *testing.T) {
	for _, path := range []string{"", "d"} {
		w := leftNote(t, "d/f")
		refuse(w, "CopyObject", 503, "ServiceUnavailable")
		w.start(w.hasty(), func(o *Options) { o.ResumeAfter = time.Hour })
		w.eventually(func() bool { return len(w.f.Status().Errors) == 1 })
		if w.f.SyncBelow(t.Context(), path) == nil {
			t.Error("Sync said that all is sent")
		}
		w.ok(w.f.SyncBelow(t.Context(), "elsewhere"))
		w.srv.Fault(nil)
		w.wantCounts(w.counts(func() { w.ok(w.f.SyncBelow(t.Context(), path)) }), map[string]int{"HeadObject": 2, "CopyObject": 1})
		if m := w.metaOf("d/f"); m[metaMode] != "33152" || len(w.journal()) > 0 {
			t.Errorf("metadata %v, the journal has %q", m, w.journal())
		}
		w.wantCounts(w.counts(func() { w.ok(w.f.SyncBelow(t.Context(), path)) }), map[string]int{})
	}
}

// TestLeftAttrsLandLate: those that were set here while what an earlier mount left was on its way to the store come after it, and are not forgotten.
func TestLeftAttrsLandLate(t *testing.T) {
	w := leftNote(t, "f")
	reached, goOn := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "CopyObject" && !held.Swap(true) {
			close(reached)
			<-goOn
		}
		return nil
	})
	w.start()
	<-reached
	w.chmod("f", 0o640)
	close(goOn)
	w.ok(w.f.Sync(t.Context()))
	w.eventually(func() bool { return len(w.journal()) == 0 })
	if m := w.metaOf("f"); m[metaMode] != "33184" {
		t.Errorf("metadata %v", m)
	}
	if n := w.srv.Count("CopyObject"); n != 2 {
		t.Errorf("%d copies", n)
	}
}

// TestLeftAttributesOfARemovedFile: what a crash left of a file that is removed, or replaced, before it could be sent is forgotten with it, and not told as given up.
func TestLeftAttributesOfARemovedFile(t *testing.T) {
	for name, away := range map[string]func(w *world) error{
		"removed": func(w *world) error { return w.unlink("f") },
		"replaced": func(w *world) error {
			w.srv.PutObject("data", "g", []byte("other"), nil)
			return w.rename("g", "f")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.stored("f")
			w.setAll("f")
			w.crash()
			held := func(n int) {
				w.eventually(func() bool { w.f.mu.Lock(); defer w.f.mu.Unlock(); return len(w.f.left) == n })
			}
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op == "CopyObject" && r.Key == "f" {
					return &s3test.Fault{Status: 507, Code: "InsufficientStorage"}
				}
				return nil
			})
			w.start(func(o *Options) { o.ResumeAfter = time.Hour })
			held(1)
			w.f.mu.Lock()
			w.f.errors = nil
			w.f.mu.Unlock()
			w.eventually(func() bool { return w.f.tree.TryAcquire(whole) }) // the first try has failed
			w.f.tree.Release(whole)
			w.srv.Fault(nil)
			w.ok(away(w))
			held(0)
			w.ok(w.f.Sync(t.Context()))
			for _, e := range w.f.Status().Errors {
				if strings.Contains(e.Text, "given up") {
					t.Errorf("told: %+v", e)
				}
			}
			if all := must[[]*cache.Intent](t)(w.cache.Intents()); len(all) > 0 {
				t.Errorf("%d notes are left", len(all))
			}
		})
	}
}
