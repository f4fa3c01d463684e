package fs

import (
	"slices"
	"syscall"
	"testing"

	"allasfs/cache"
	"allasfs/s3/s3test"
)

// leftQueued makes the draft of a file that was closed with write-back before a crash, and starts the next mount while uploads are refused.
func (w *world) leftQueued(name, data string) *cache.Draft {
	w.t.Helper()
	w.ok(w.create(name, []byte(data)))
	w.crash()
	w.down(true)
	w.start(later)
	return w.onlyOrphan()
}

func (w *world) onlyOrphan() *cache.Draft {
	w.t.Helper()
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	for _, d := range w.f.orphans.byID {
		return d
	}
	w.t.Fatal("nothing was left")
	return nil
}

// wantNewest checks that f is what was closed last, and that nothing but the older draft is kept.
func (w *world) wantNewest(want string) {
	w.t.Helper()
	if keys := w.srv.Keys("data"); !slices.Equal(keys, []string{"f"}) || string(w.object("f")) != want {
		w.t.Fatalf("the store has %q, want f of %q", keys, want)
	}
	for _, d := range w.f.Status().Drafts {
		if d.State != "conflict" || d.Reason != supersededWhy {
			w.t.Errorf("kept: %+v", d)
		}
	}
}

// TestLeftStaysBehind: what a crash left and what could not go when its name was written again does not reach the store before what was closed later, nor in
// its place, whether the store is back while that waits or after another crash.
func TestLeftStaysBehind(t *testing.T) {
	for _, was := range []string{"", "stored"} {
		for name, then := range map[string]func(w *world){
			"its turn comes first": func(*world) {},
			"another crash": func(w *world) {
				w.crash()
				w.srv.ResetCounts()
				w.start(later)
			},
		} {
			t.Run(name+" over "+was, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, later)
				if was != "" {
					w.srv.PutObject("data", "f", []byte(was), nil)
				}
				d := w.leftQueued("f", "older")
				w.ok(w.create("f", []byte("newer")))
				w.srv.ResetCounts()
				w.down(false)
				_ = w.f.resend(t.Context(), d, condition(d.Base()), false) // closed by now, as the queue does
				then(w)
				w.ok(w.f.Sync(t.Context()))
				w.wantNewest("newer")
				if n := w.srv.Count("PutObject"); n != 1 {
					t.Errorf("%d uploads, want that of the newer one", n)
				}
			})
		}
	}
}

// TestLeftGoesAfterAll: what waits behind changes that come to nothing goes then.
func TestLeftGoesAfterAll(t *testing.T) {
	w := newWorld(t, later)
	w.srv.PutObject("data", "f", []byte("stored"), nil)
	d := w.leftQueued("f", "older")
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY))
	must[int](t)(h.WriteAt(t.Context(), []byte("x"), 0))
	w.down(false)
	_ = w.f.resend(t.Context(), d, condition(d.Base()), false)
	if got := string(w.object("f")); got != "stored" {
		t.Fatalf("while it is written: %q", got)
	}
	w.f.mu.Lock()
	n := h.n
	changed := n.draft
	w.f.mu.Unlock()
	w.ok(w.f.exclusively(t.Context(), n, func() error { return w.f.dropChanges(n, changed) }))
	h.Release()
	w.ok(w.f.Sync(t.Context()))
	w.wantNewest("older")
}

// TestCrashBeforeTheNewerIsClosed: what was closed goes at the next mount, though something newer was being written over it, which is kept.
func TestCrashBeforeTheNewerIsClosed(t *testing.T) {
	w := newWorld(t, later)
	w.leftQueued("f", "older")
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY|syscall.O_CREAT))
	must[int](t)(h.WriteAt(t.Context(), []byte("open"), 0))
	w.crash()
	w.down(false)
	w.start(later)
	w.ok(w.f.Sync(t.Context()))
	if got := string(w.object("f")); got != "older" {
		t.Errorf("the store has %q", got)
	}
	if kept := w.f.Status().Drafts; len(kept) != 1 || kept[0].State != "open" {
		t.Errorf("kept: %+v", kept)
	}
}

// TestLateUploadOfTheLeft: a crash came while a file was being uploaded, and the store makes the object after the name was written again. It is not another client's:
// the newer bytes replace it, and no removal or rename leaves it under the name. So it is after one more crash.
func TestLateUploadOfTheLeft(t *testing.T) {
	for name, then := range map[string]func(w *world) (key string){
		"sent":    func(*world) string { return "f" },
		"removed": func(w *world) string { w.ok(w.unlink("f")); return "" },
		"renamed": func(w *world) string { w.ok(w.rename("f", "g")); return "g" },
		"replaced": func(w *world) string {
			w.ok(w.create("tmp", []byte("newer")))
			w.ok(w.rename("tmp", "f"))
			return "f"
		},
		"sent by the next mount": func(w *world) string {
			w.crash()
			w.start(later)
			return "f"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, later)
			w.ok(w.create("f", []byte("older")))
			begun := make(chan struct{}, 1)
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op != "PutObject" {
					return nil
				}
				select {
				case begun <- struct{}{}:
				default: // tried again before the crash
				}
				return &s3test.Fault{CutBefore: true}
			})
			go func(f *FS) { _ = f.Sync(ctxOf(t)) }(w.f)
			<-begun
			w.crash()
			w.down(true)
			w.start(later)
			w.ok(w.write("f", []byte("newer"), 0, syscall.O_CREAT))
			w.srv.PutObject("data", "f", []byte("older"), nil) // it had come through after all
			w.down(false)
			key := then(w)
			w.ok(w.f.Sync(t.Context()))
			keys := w.srv.Keys("data")
			if key == "" && len(keys) > 0 || key != "" && (!slices.Equal(keys, []string{key}) || string(w.object(key)) != "newer") {
				t.Errorf("the store has %q, want %q", keys, key)
			}
		})
	}
}

// TestPerhapsOutlivesCrash: a file was uploaded without an answer, written again, and could not be sent before a crash. The object is its own.
func TestPerhapsOutlivesCrash(t *testing.T) {
	for _, back := range []bool{false, true} {
		w := newImpatient(t, func(o *Options) { o.WriteBack = back })
		must[[]string](t)(w.names(""))
		heal := unanswered(w, "PutObject")
		err := w.create("f", []byte("first"))
		if back {
			err = w.f.Sync(ctxOf(t))
		}
		if err == nil || len(w.srv.Keys("data")) != 1 {
			t.Fatalf("error %v, the store has %q", err, w.srv.Keys("data"))
		}
		if err := w.write("f", []byte("second"), 0, 0); (err == nil) != back {
			t.Fatal(err)
		}
		w.crash()
		heal()
		w.start(func(o *Options) { o.WriteBack = back })
		w.ok(w.f.Sync(t.Context()))
		w.wantNewest("second")
		if kept := w.f.Status().Drafts; len(kept) > 0 {
			t.Errorf("kept: %+v", kept)
		}
	}
}

// TestWrongBytesThenACrash: the store made other bytes of what was sent, and the next try failed. They are replaced when the store is well again.
func TestWrongBytesThenACrash(t *testing.T) {
	for _, crash := range []bool{false, true} {
		w := newImpatient(t, later)
		tries := 0
		w.srv.Fault(func(r s3test.Request) *s3test.Fault {
			if r.Op != "PutObject" {
				return nil
			}
			if tries++; tries == 1 {
				return &s3test.Fault{FlipUpload: true}
			}
			return &s3test.Fault{Status: 403, Code: "QuotaExceeded"}
		})
		w.ok(w.create("f", []byte("right")))
		if err := w.f.Sync(t.Context()); err == nil || string(w.object("f")) == "right" {
			t.Fatalf("error %v, f %q", err, w.object("f"))
		}
		w.srv.Fault(nil)
		if crash {
			w.crash()
			w.start(later)
		}
		w.ok(w.f.Sync(t.Context()))
		w.wantNewest("right")
	}
}

// TestLateUploadOfTheKept is TestLateUploadOfTheLeft for what is kept and does not go by itself, and for what is closed and goes at the next mount.
func TestLateUploadOfTheKept(t *testing.T) {
	for _, crash := range []bool{false, true} {
		w := newWorld(t, later)
		w.ok(w.create("f", []byte("older")))
		older := w.cache.Drafts()[0]
		w.f.mayBeStored(t.Context(), older, nil)
		w.ok(older.SetState(cache.StateConflict, supersededWhy))
		if crash { // before the newer one knew of it
			d := must[*cache.Draft](t)(w.cache.NewDraft(older.Target(), cache.Base{}, 0, older.Attrs()))
			must[int](t)(d.WriteAt([]byte("newer"), 0))
			w.ok(d.SetState(cache.StateClosed, ""))
		}
		w.crash()
		late := func() { w.srv.PutObject("data", "f", []byte("older"), nil) } // it had come through after all
		if crash {
			late()
		}
		w.start(later)
		if !crash {
			w.ok(w.create("f", []byte("newer")))
			late()
		}
		w.ok(w.f.Sync(t.Context()))
		w.wantNewest("newer")
	}
}

// TestStaysBehindAfterAVainRemoval: what waits behind a file that is being written does so still when that could not be removed; and what is superseded waits for nothing.
func TestStaysBehindAfterAVainRemoval(t *testing.T) {
	w := newWorld(t, later)
	w.srv.PutObject("data", "f", []byte("stored"), nil)
	d := w.leftQueued("f", "older")
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY))
	must[int](t)(h.WriteAt(t.Context(), []byte("x"), 0))
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "DeleteObject" {
			return &s3test.Fault{Status: 403}
		}
		return nil
	})
	if w.unlink("f") == nil {
		t.Fatal("removed")
	}
	w.srv.Fault(nil)
	_ = w.f.resend(t.Context(), d, condition(d.Base()), false)
	if got := string(w.object("f")); got != "stored" {
		t.Errorf("while it is written: %q", got)
	}
	w.ok(h.Flush(t.Context()))
	h.Release()
	w.ok(w.f.Sync(t.Context()))
	w.wantNewest("xtored")
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	if len(w.f.behind) > 0 {
		t.Errorf("%d wait", len(w.f.behind))
	}
}
