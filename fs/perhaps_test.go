package fs

import (
	"sync/atomic"
	"syscall"
	"testing"

	"allasfs/s3/s3test"
)

// unanswered makes the next PutObject be carried out without an answer, and the store not answer from then on until it is healed.
func unanswered(w *world) (heal func()) {
	var down atomic.Bool
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if down.Load() {
			return &s3test.Fault{CutBefore: true}
		}
		if r.Op == "PutObject" {
			down.Store(true)
			return &s3test.Fault{CutAfter: true}
		}
		return nil
	})
	return func() { w.srv.Fault(nil) }
}

// TestStoredWithoutAnAnswer: close failed though the store has the file. Removed, it is gone from the store; written again, it is no conflict with
// another client; renamed, its old name is gone.
func TestStoredWithoutAnAnswer(t *testing.T) {
	for name, then := range map[string]func(w *world) (key, data string){
		"removed": func(w *world) (string, string) {
			w.ok(w.unlink("f"))
			return "", ""
		},
		"written again": func(w *world) (string, string) {
			w.ok(w.write("f", []byte("second"), 0, syscall.O_TRUNC))
			return "f", "second"
		},
		"sent again": func(w *world) (string, string) {
			w.ok(w.f.Sync(ctxOf(w.t)))
			return "f", "first"
		},
		"renamed": func(w *world) (string, string) {
			w.ok(w.rename("f", "g"))
			return "g", "first"
		},
	} {
		for _, back := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, func(o *Options) { o.WriteBack = back })
				must[[]string](t)(w.names(""))
				heal := unanswered(w)
				err := w.create("f", []byte("first"))
				if back {
					err = w.f.Sync(ctxOf(t))
				}
				if err == nil {
					t.Fatal("no error")
				}
				if k := w.srv.Keys("data"); len(k) != 1 {
					t.Fatalf("the store has %q", k)
				}
				heal()
				key, data := then(w)
				w.ok(w.f.Sync(ctxOf(t)))
				keys := w.srv.Keys("data")
				if key == "" && len(keys) > 0 || key != "" && (len(keys) != 1 || keys[0] != key || string(w.object(key)) != data) {
					t.Errorf("the store has %q, want %q of %q", keys, key, data)
				}
				if kept := w.f.Status().Drafts; len(kept) > 0 {
					t.Errorf("kept: %+v", kept)
				}
			})
		}
	}
}
