package fs

import (
	"bytes"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// unanswered makes the next request of that operation be carried out without an answer, and the store not answer from then on until it is healed.
func unanswered(w *world, op string) (heal func()) {
	var down atomic.Bool
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if down.Load() {
			return &s3test.Fault{CutBefore: true}
		}
		if r.Op == op {
			down.Store(true)
			return &s3test.Fault{CutAfter: true}
		}
		return nil
	})
	return func() { w.srv.Fault(nil) }
}

// newImpatient is newWorld with a store whose failing requests are given up after little.
func newImpatient(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	srv := s3test.New(t)
	srv.MakeBucket("data")
	e := s3test.Of(t, srv)
	store, err := s3.New(s3.Config{Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey, CAFile: e.CAFile, RetryFor: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return newWorldOn(t, e, "data", append(change, func(o *Options) { o.Store = store })...)
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
				w := newImpatient(t, func(o *Options) { o.WriteBack = back })
				must[[]string](t)(w.names(""))
				heal := unanswered(w, "PutObject")
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

// TestStoredWithoutAnAnswerTwice: the file was written again and could not be sent, since the store did not answer at all. What the first sending stored
// is still known to be its own.
func TestStoredWithoutAnAnswerTwice(t *testing.T) {
	for name, then := range map[string]func(w *world) []string{
		"sent again": func(w *world) []string {
			w.ok(w.f.Sync(ctxOf(w.t)))
			return []string{"f"}
		},
		"removed": func(w *world) []string {
			w.ok(w.unlink("f"))
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newImpatient(t)
			must[[]string](t)(w.names(""))
			heal := unanswered(w, "PutObject")
			if w.create("f", []byte("first")) == nil || w.write("f", []byte("second"), 0, 0) == nil {
				t.Fatal("no error")
			}
			heal()
			want := then(w)
			if keys := w.srv.Keys("data"); !slices.Equal(keys, want) {
				t.Fatalf("the store has %q, want %q", keys, want)
			}
			if len(want) > 0 && string(w.object("f")) != "second" {
				t.Errorf("the store has %q", w.object("f"))
			}
		})
	}
}

// TestChangedWithoutAnAnswer: a change of a large file was completed though no answer came. It is changed once more: the ranges that nobody touched are
// those of the version that the store has now, and reading finds them.
func TestChangedWithoutAnAnswer(t *testing.T) {
	w := newImpatient(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 40<<16)
	w.remotePut("f", data)
	w.hold("f")
	heal := unanswered(w, "CompleteMultipartUpload")
	change := func(at int64) error {
		copy(data[at:], "CHANGED")
		return w.write("f", []byte("CHANGED"), at, 0)
	}
	if change(20<<20) == nil {
		t.Fatal("no error")
	}
	heal()
	w.ok(change(39 << 20))
	if !bytes.Equal(w.object("f"), data) {
		t.Error("the store has other bytes")
	}
	if got := must[[]byte](t)(w.read("f")); !bytes.Equal(got, data) {
		t.Error("other bytes are read")
	}
	if kept := w.f.Status().Drafts; len(kept) > 0 {
		t.Errorf("kept: %+v", kept)
	}
}
