package fs

import (
	"testing"
)

// TestAttrsOfQueuedOutliveCrash: what chmod(2) and the like reported as done of a file that is closed and waits for its upload goes with it, though the daemon is
// killed before.
func TestAttrsOfQueuedOutliveCrash(t *testing.T) {
	w := newWorld(t, writeBack)
	refuse(w, "PutObject", 503, "ServiceUnavailable")
	w.ok(w.create("f", []byte("text")))
	w.setXattr("f", "user.was", "here")
	w.setAll("f")
	w.crash()
	w.srv.Fault(nil)
	w.start()
	w.ok(w.f.Sync(t.Context()))
	m := w.metaOf("f")
	if m[metaMode] != "33152" || m[metaUID] != "1234" || m[metaGID] != "1234" || m[metaMtime] != "86400.000000005" {
		t.Errorf("metadata %v", m)
	}
}
