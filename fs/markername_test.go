package fs

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestFileOfTheMarkersKey: a file whose key ends in a slash replaces the marker of its directory, which has that key, and nothing else that it meets there.
func TestFileOfTheMarkersKey(t *testing.T) {
	for name, marker := range map[string]func(w *world){
		"ours": func(w *world) {
			w.ok(w.mkdir("b"))
			w.ok(w.f.doLater(t.Context(), time.Time{}))
		},
		"another's": func(w *world) { w.srv.PutObject("data", "b/", nil, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			marker(w)
			if got := w.srv.Keys("data"); !slices.Equal(got, []string{"b/"}) {
				t.Fatalf("keys %q", got)
			}
			w.ok(w.create("b/%{}", []byte("x")))
			w.ok(w.create("b/%{}", []byte("more")))
			w.ok(w.f.doLater(t.Context(), time.Time{}))
			if got := w.object("b/"); string(got) != "more" {
				t.Errorf("b/ has %q", got)
			}
		})
	}
	w := newWorld(t)
	w.ok(w.mkdir("b"))
	h := must[*Handle](t)(w.open("b/%{}", syscall.O_WRONLY|syscall.O_CREAT))
	defer h.Release()
	must[int](t)(h.WriteAt(t.Context(), []byte("ours"), 0))
	w.srv.PutObject("data", "b/", []byte("another's"), nil)
	w.wantErr(h.Flush(t.Context()), syscall.ESTALE)
	if got := w.object("b/"); string(got) != "another's" {
		t.Errorf("b/ has %q", got)
	}
}
