package fs

import (
	"context"
	"syscall"
	"testing"

	"allasfs/s3/s3test"
)

// refuse answers each request of that kind with status.
func refuse(w *world, op string, status int, code string) {
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == op {
			return &s3test.Fault{Status: status, Code: code}
		}
		return nil
	})
}

// chmod sets a file's mode by its path.
func (w *world) chmod(path string, mode uint32) {
	w.t.Helper()
	_, err := w.f.Setattr(w.t.Context(), w.hold(path).ID, nil, Change{Mode: &mode})
	w.ok(err)
}

// TestAttributesOutliveAFailure: attributes that the store did not take in passing are told by Status and sent by the next Sync; a caller
// whose wait ends does not stop the sending.
func TestAttributesOutliveAFailure(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("a", []byte("x")))
	w.chmod("a", 0o600)
	refuse(w, "CopyObject", 507, "InsufficientStorage")
	if err := w.f.Sync(t.Context()); err == nil {
		t.Fatal("Sync said that all is sent")
	}
	if got := w.f.Status().Attrs; len(got) != 1 || got[0] != "a" {
		t.Errorf("unsent attributes of %q", got)
	}
	w.srv.Fault(nil)
	w.ok(w.f.Sync(t.Context()))
	if o := must[s3test.Object](t)(w.srv.Object("data", "a")); o.Meta["mode"] != "33152" {
		t.Errorf("metadata %v", o.Meta)
	}
	if got := w.f.Status().Attrs; len(got) != 0 {
		t.Errorf("unsent attributes of %q", got)
	}
}

// TestAttributesRefused: what the store will never take is given up and told once.
func TestAttributesRefused(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("a", []byte("x")))
	w.chmod("a", 0o600)
	refuse(w, "CopyObject", 403, "AccessDenied")
	if err := w.f.Sync(t.Context()); err == nil {
		t.Fatal("Sync said that all is sent")
	}
	w.ok(w.f.Sync(t.Context()))
	if s := w.f.Status(); len(s.Attrs) != 0 || len(s.Errors) != 1 {
		t.Errorf("unsent %q, errors %+v", s.Attrs, s.Errors)
	}
}

// TestInterruptedFsyncSendsAttributes: a signal ends the waiting, not the sending.
func TestInterruptedFsyncSendsAttributes(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("a", []byte("x")))
	h := must[*Handle](t)(w.open("a", syscall.O_RDWR))
	defer h.Release()
	w.chmod("a", 0o600)
	ctx, cancel := context.WithCancel(t.Context())
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "CopyObject" {
			cancel()
		}
		return nil
	})
	_ = h.Fsync(ctx)
	w.ok(w.f.Sync(t.Context()))
	if o := must[s3test.Object](t)(w.srv.Object("data", "a")); o.Meta["mode"] != "33152" {
		t.Errorf("metadata %v", o.Meta)
	}
	if n := w.srv.Count("CopyObject"); n != 1 {
		t.Errorf("%d copies", n)
	}
}
