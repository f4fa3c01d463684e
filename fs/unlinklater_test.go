package fs

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// remove removes d/f0 to d/f(n-1), one after the other.
func (w *world) remove(n int) {
	w.t.Helper()
	for i := range n {
		w.ok(w.unlink(fmt.Sprintf("d/f%d", i)))
	}
}

// TestRemovingManyIsBulk: `rm -r` of 10 000 files costs a request for each thousand files, after a few that go one by one, and sees an empty directory at its end.
func TestRemovingManyIsBulk(t *testing.T) {
	const n = 10_000
	w := newDirectory(t, n)
	must[[]string](t)(w.names("d"))
	got := w.counts(func() {
		w.remove(n)
		w.ok(w.rmdir("d"))
	})
	// as many bulk removals as there were waits of a tenth of a second, too, on a slow machine
	if got["DeleteObject"] > n/10 || got["DeleteObjects"] < n/1000 || got["DeleteObjects"] > n/20 || got["HeadObject"] > 0 {
		t.Errorf("requests %v", got)
	}
	if left := w.srv.Keys("data"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if e := w.f.Status().Errors; len(e) > 0 {
		t.Errorf("errors %+v", e)
	}
}

// TestRemovedLaterIsGone: what comes after a removal that is put off finds the name free, and the directory empty.
func TestRemovedLaterIsGone(t *testing.T) {
	const n = 30
	for name, then := range map[string]func(w *world) []string{
		"listed": func(w *world) []string {
			w.f.mu.Lock()
			for _, n := range w.f.nodes {
				n.listing, n.changes = nil, nil
			}
			w.f.mu.Unlock()
			if got := must[[]string](w.t)(w.names("d")); len(got) > 0 {
				w.t.Errorf("names %q", got)
			}
			return nil
		},
		"made again": func(w *world) []string {
			w.ok(w.create("d/f29", []byte("new")))
			return []string{"d/f29"}
		},
		"renamed over": func(w *world) []string {
			w.ok(w.create("other", []byte("new")))
			w.ok(w.rename("other", "d/f29"))
			return []string{"d/f29"}
		},
		"directory renamed": func(w *world) []string {
			w.ok(w.create("d/g", []byte("new")))
			w.ok(w.rename("d", "e"))
			return []string{"e/g"}
		},
		"synced":    func(w *world) []string { w.ok(w.f.Sync(ctxOf(w.t))); return nil },
		"unmounted": func(w *world) []string { w.stop(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newDirectory(t, n)
			must[[]string](t)(w.names("d"))
			w.ok(w.f.settling.Acquire(t.Context(), 1)) // markers are another test's
			w.remove(n)
			if left := len(w.srv.Keys("data")); left == 0 {
				t.Log("all had gone already")
			}
			w.f.settling.Release(1)
			want := then(w)
			got := slices.DeleteFunc(w.srv.Keys("data"), func(k string) bool { return strings.HasSuffix(k, "/") })
			if !slices.Equal(got, want) {
				t.Errorf("keys %q, want %q", got, want)
			}
			for _, key := range want {
				if string(w.object(key)) != "new" {
					t.Errorf("%s has %q", key, w.object(key))
				}
			}
		})
	}
}

// TestNotRemovedAfterAll: a file whose removal the store refuses, after unlink(2) had answered, shows again and the reason is told.
func TestNotRemovedAfterAll(t *testing.T) {
	const n = 30
	w := newDirectory(t, n)
	must[[]string](t)(w.names("d"))
	w.srv.FaultOnce("DeleteObjects", s3test.Fault{Undeleted: map[string]string{"d/f20": "AccessDenied"}})
	w.remove(n)
	w.eventually(func() bool { return len(w.f.Status().Errors) > 0 })
	if e := w.f.Status().Errors[0]; e.Op != "unlink" || e.Path != "d/f20" {
		t.Errorf("told: %+v", e)
	}
	if got := must[[]string](t)(w.names("d")); !slices.Equal(got, []string{"f20"}) {
		t.Errorf("names %q", got)
	}
	if got := must[[]byte](t)(w.read("d/f20")); string(got) != "d/f20" {
		t.Errorf("it has %q", got)
	}
	w.ok(w.unlink("d/f20"))
	w.ok(w.rmdir("d"))
}

// TestRemovedWhileOpen: a file that somebody has open, or has changed, is removed by itself, and what is in it stays to be read.
func TestRemovedWhileOpen(t *testing.T) {
	const n = 30
	w := newDirectory(t, n)
	must[[]string](t)(w.names("d"))
	h := must[*Handle](t)(w.open("d/f29", syscall.O_RDONLY))
	defer h.Release()
	w.remove(n)
	b := make([]byte, 10)
	if k, err := h.ReadAt(t.Context(), b, 0); err != nil || string(b[:k]) != "d/f29" {
		t.Errorf("%q, %v", b[:k], err)
	}
	w.eventually(func() bool {
		return !slices.ContainsFunc(w.srv.Keys("data"), func(k string) bool { return !strings.HasSuffix(k, "/") })
	})
}

// TestFewRemovalsWait: until it is clear that many files are being removed, unlink(2) answers when the store has.
func TestFewRemovalsWait(t *testing.T) {
	w := newDirectory(t, unlinksFrom+1)
	must[[]string](t)(w.names("d"))
	got := w.counts(func() { w.remove(unlinksFrom) })
	if got["DeleteObject"] != unlinksFrom || got["DeleteObjects"] > 0 {
		t.Errorf("requests %v", got)
	}
	time.Sleep(unlinksGap + 10*time.Millisecond)
	got = w.counts(func() { w.ok(w.unlink(fmt.Sprintf("d/f%d", unlinksFrom))) })
	if got["DeleteObject"] != 1 {
		t.Errorf("after a pause: %v", got)
	}
}

// TestNoRemovalIsPutOffAtTheEnd: an unlink(2) that is under way when the mount begins to end waits for the store: what is put off then would never go.
func TestNoRemovalIsPutOffAtTheEnd(t *testing.T) {
	w := newDirectory(t, 30)
	must[[]string](t)(w.names("d"))
	w.ok(w.f.settling.Acquire(t.Context(), 1)) // markers are another test's
	w.remove(20)
	w.ok(w.f.o.Store.FlushDeletes(t.Context()))
	n := must[*node](t)(w.f.lookup(t.Context(), w.hold("d").ID, "f20"))
	end := func(closed bool) {
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		w.f.closed, w.f.unlinks = closed, unlinkRun{files: unlinksFrom, last: time.Now()}
	}
	end(true) // as Close begins
	w.ok(w.f.exclusively(t.Context(), n, func() error { return w.f.removeFile(t.Context(), n) }))
	if slices.Contains(w.srv.Keys("data"), "d/f20") {
		t.Error("the removal was put off")
	}
	end(false)
	w.f.unpin(n)
	w.f.settling.Release(1)
}
