package fs

import (
	"syscall"
	"testing"
)

// TestSentBesideReader: what is written after the last close, as by a mapping, goes to the store when the last writer is gone, though readers have the
// file open.
func TestSentBesideReader(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "f", []byte("old text"), nil)
	r := must[*Handle](t)(w.open("f", syscall.O_RDONLY))
	defer r.Release()
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
	must[int](t)(h.WriteAt(t.Context(), []byte("new"), 0))
	h.Release()
	w.eventually(func() bool { return w.srv.Counts()["PutObject"] == 1 })
	w.eventually(func() bool { return len(w.f.Status().Drafts) == 0 && len(w.f.unsentNodes("")) == 0 })
	if got := must[[]byte](t)(readAll(t, r)); string(got) != "new text" {
		t.Errorf("the reader sees %q", got)
	}
}
