package fs

import (
	"fmt"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// TestAttributesOfMany: attributes of many files, as `chmod -R` sets them, go side by side, when they are sent and when a mount sends what a crash left: nothing
// is changed in that mount before it has.
func TestAttributesOfMany(t *testing.T) {
	const n = 24
	w := newDirectory(t, n)
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "CopyObject" {
			return &s3test.Fault{Before: 50 * time.Millisecond}
		}
		return nil
	})
	set := func(mode uint32) {
		for i := range n {
			w.chmod(fmt.Sprintf("d/f%d", i), mode)
		}
		w.srv.ResetCounts()
	}
	check := func(when, mode string) {
		t.Helper()
		for i := range n {
			if m := w.metaOf(fmt.Sprintf("d/f%d", i)); m[metaMode] != mode {
				t.Fatalf("%s: metadata of the file %d: %v", when, i, m)
			}
		}
		if got, peak := w.srv.Count("CopyObject"), w.srv.Peak(); got != n || peak < n/4 {
			t.Errorf("%s: %d copies, %d at once", when, got, peak)
		}
	}
	set(0o600)
	w.ok(w.f.Sync(t.Context()))
	check("sent", "33152")
	w.ok(w.f.settling.Acquire(t.Context(), 1)) // nothing goes before the crash
	set(0o644)
	set(0o640)
	w.crash()
	w.start()
	w.eventually(func() bool { return len(w.f.leftIntents()) == 0 })
	check("left", "33184")
}
