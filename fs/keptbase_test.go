package fs

import (
	"bytes"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"allasfs/cache"
)

// wantSaved checks the bytes of the one kept draft that is in the state.
func (w *world) wantSaved(state, want string) {
	w.t.Helper()
	var id string
	for _, d := range w.f.Status().Drafts {
		if d.State == state {
			id = d.ID
		}
	}
	file := filepath.Join(w.t.TempDir(), "saved")
	w.ok(w.f.RecoverSave(w.t.Context(), id, file))
	if got := readLocal(w.t, file); got != want {
		w.t.Errorf("saved %.20q (%d bytes), want %.20q (%d)", got, len(got), want, len(want))
	}
}

// TestOlderGoesOverTheBaseOfAnOpenOne: what was closed before a crash goes, and what was open after it keeps the bytes that it did not change.
func TestOlderGoesOverTheBaseOfAnOpenOne(t *testing.T) {
	for name, tear := range map[string]bool{"open": false, "torn": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, later)
			stored := bytes.Repeat([]byte("stored"), 50000)
			w.srv.PutObject("data", "f", stored, nil)
			w.leftQueued("f", "older")
			h := must[*Handle](t)(w.open("f", syscall.O_WRONLY))
			must[int](t)(h.WriteAt(t.Context(), []byte("x"), 0))
			state := "open"
			if tear {
				state = "conflict"
				w.ok(w.f.exclusively(t.Context(), h.n, func() error { w.f.lose(h.n, 1, 1, syscall.EIO); return nil }))
			}
			w.crash()
			w.down(false)
			w.start(later)
			w.ok(w.f.Sync(t.Context()))
			if got := string(w.object("f")); got != "older" {
				t.Errorf("the store has %.20q", got)
			}
			w.wantSaved(state, "x"+string(stored[1:]))
		})
	}
}

// TestOlderWaitsForRoom: it waits where these bytes find no room, and goes when the newer one is dropped.
func TestOlderWaitsForRoom(t *testing.T) {
	w := newWorld(t, later)
	stored := bytes.Repeat([]byte("stored"), 50000)
	w.srv.PutObject("data", "f", stored, nil)
	w.leftQueued("f", "older")
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY))
	must[int](t)(h.WriteAt(t.Context(), []byte("x"), 0))
	w.crash()
	w.down(false)
	w.draftSpace = 1000
	w.start(later)
	w.wantErr(w.f.Sync(t.Context()), cache.ErrDraftSpace)
	if !bytes.Equal(w.object("f"), stored) {
		t.Errorf("the store has %.20q", w.object("f"))
	}
	for _, d := range w.f.Status().Drafts {
		if d.State == "open" {
			w.ok(w.f.RecoverDrop(t.Context(), d.ID))
		}
	}
	w.ok(w.f.Sync(t.Context()))
	w.wantNewest("older")
}

// TestSupersededKeepsItsBytes: what is kept because its name was written, removed or renamed later has the bytes that it did not change.
func TestSupersededKeepsItsBytes(t *testing.T) {
	for name, then := range map[string]func(w *world) error{
		"written": func(w *world) error { return w.create("d/f", []byte("newer")) },
		"removed": func(w *world) error { return w.unlink("d/f") },
		"renamed": func(w *world) error { return w.rename("d/f", "d/g") },
		"replaced": func(w *world) error {
			return errors.Join(w.create("d/g", []byte("newer")), w.f.Sync(w.t.Context()), w.rename("d/g", "d/f"))
		},
		"moved": func(w *world) error { return w.rename("d", "e") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, later)
			stored := bytes.Repeat([]byte("stored"), 50000)
			w.srv.PutObject("data", "d/f", stored, nil)
			w.ok(w.write("d/f", []byte("x"), 0, syscall.O_WRONLY))
			for _, d := range w.cache.Drafts() {
				w.ok(d.SetState(cache.StateConflict, supersededWhy))
			}
			w.crash()
			w.start(later)
			w.ok(then(w))
			w.ok(w.f.Sync(t.Context()))
			w.wantSaved("conflict", "x"+string(stored[1:]))
		})
	}
}
