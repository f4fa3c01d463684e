package fs

import (
	"fmt"
	"testing"
	"time"
)

// TestForgottenWithinTTL: what the kernel forgot and asks for again costs no request while it may be trusted, and one round of requests after that.
func TestForgottenWithinTTL(t *testing.T) {
	for _, ttl := range []time.Duration{time.Hour, 0} {
		t.Run(ttl.String(), func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.TTL = ttl })
			w.srv.PutObject("data", "a/b/f", small("a/b/f"), nil)
			w.wantRead("a/b/f")
			w.forget()
			got := w.counts(func() { w.wantRead("a/b/f") })
			want := map[string]int{}
			if ttl == 0 {
				want = map[string]int{"HeadObject": 3, "ListObjectsV2": 3} // the bytes are in the cache
			}
			w.wantCounts(got, want)
		})
	}
}

// TestForgottenIsBounded: a walk over many files leaves no more nodes than idleMost behind, and what is removed is gone.
func TestForgottenIsBounded(t *testing.T) {
	w := newWorld(t)
	const files = idleMost + 500
	for i := range files {
		w.srv.PutObject("data", fmt.Sprintf("d/f%05d", i), []byte("x"), nil)
	}
	must[[]string](t)(w.names("d"))
	for i := range files {
		must[Attr](t)(w.walk(fmt.Sprintf("d/f%05d", i)))
	}
	w.forget()
	w.f.mu.Lock()
	n := len(w.f.nodes)
	w.f.mu.Unlock()
	if n < idleMost/2 || n > idleMost+2 {
		t.Errorf("%d nodes", n)
	}
	if n := w.f.Status().Nodes; n > 2 {
		t.Errorf("%d nodes told, and nobody knows any", n)
	}
	w.ok(w.unlink(fmt.Sprintf("d/f%05d", files-1)))
	w.forget()
	if _, err := w.walk(fmt.Sprintf("d/f%05d", files-1)); !isNotExist(err) {
		t.Errorf("a removed file: %v", err)
	}
}
