package fs

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"allasfs/cache"
	"allasfs/s3"
	"allasfs/s3/s3test"
)

// leftOver makes the draft of a new file that an earlier mount could not send, and starts the next one while uploads are refused.
func (w *world) leftOver(name, data string, change ...func(*Options)) *cache.Draft {
	w.t.Helper()
	w.srv.SetQuota(0, 0)
	w.wantErr(w.create(name, []byte(data)), s3.ErrQuota)
	w.crash()
	w.down(true)
	w.srv.SetQuota(-1, -1)
	w.start(change...)
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	for _, d := range w.f.orphans.byID {
		return d
	}
	w.t.Fatal("nothing was left")
	return nil
}

// sendLeft is a turn of the queue for a draft that an earlier mount left.
func (w *world) sendLeft(d *cache.Draft) {
	w.eventually(func() bool {
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		return len(w.f.resends) == 0
	})
	w.down(false)
	_ = w.f.resend(w.t.Context(), d, condition(d.Base()), false)
}

// TestSupersededIsNotSent: the queue does not send what an earlier mount left once its name was removed, was renamed or written here, or once it was dropped.
func TestSupersededIsNotSent(t *testing.T) {
	overwrite := func(o *Options) { o.Overwrite = true }
	for name, tt := range map[string]struct {
		do   func(w *world, d *cache.Draft)
		want string // the object in the end, "" = none
		kept int
	}{
		"removed": {func(w *world, _ *cache.Draft) { w.ok(w.unlink("f")) }, "", 1},
		"renamed": {func(w *world, _ *cache.Draft) { w.ok(w.rename("f", "g")) }, "", 1},
		"renamed over": {func(w *world, _ *cache.Draft) {
			w.srv.PutObject("data", "g", []byte("renamed"), nil)
			w.ok(w.rename("g", "f"))
		}, "renamed", 1},
		"written": {func(w *world, _ *cache.Draft) {
			h := must[*Handle](w.t)(w.open("f", syscall.O_WRONLY))
			defer h.Release()
			w.down(false)
			must[int](w.t)(h.WriteAt(w.t.Context(), []byte("newer"), 0))
			w.ok(h.Flush(w.t.Context()))
		}, "newer", 1},
		"dropped": {func(w *world, d *cache.Draft) {
			w.ok(w.unlink("f"))
			w.eventually(func() bool { return w.f.RecoverDrop(w.t.Context(), d.ID()) == nil })
		}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			d := w.leftOver("f", "older", overwrite)
			w.srv.PutObject("data", "f", []byte("other"), nil)
			tt.do(w, d)
			w.sendLeft(d)
			got := ""
			if slices.Contains(w.srv.Keys("data"), "f") {
				got = string(w.object("f"))
			}
			if kept := w.f.Status().Drafts; got != tt.want || len(kept) != tt.kept || tt.kept > 0 && kept[0].State != "conflict" {
				t.Errorf("the object is %q, want %q; kept: %+v", got, tt.want, kept)
			}
		})
	}
}

// TestRemovalWaitsForTheLeft: what an earlier mount left and is on its way when its name is removed does not come in behind the removal.
func TestRemovalWaitsForTheLeft(t *testing.T) {
	w := newWorld(t)
	d := w.leftOver("f", "older")
	w.srv.PutObject("data", "f", []byte("newer"), nil)
	_ = w.hold("f")
	began := make(chan struct{}, 9)
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op != "PutObject" {
			return nil
		}
		began <- struct{}{}
		return &s3test.Fault{Before: 200 * time.Millisecond}
	})
	op := w.f.startResend(d, condition(d.Base()), false)
	<-began
	w.ok(w.unlink("f"))
	<-op.done
	if keys := w.srv.Keys("data"); len(keys) != 0 {
		t.Errorf("it is back: %q", keys)
	}
}

// TestWriteAfterTheLeft: who writes a file anew of which an earlier mount has something to send is no other client to that.
func TestWriteAfterTheLeft(t *testing.T) {
	w := newWorld(t, later)
	w.ok(w.create("f", []byte("first")))
	w.crash()
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" {
			return &s3test.Fault{Before: 100 * time.Millisecond}
		}
		return nil
	})
	w.start(later)
	must[[]string](t)(w.names("")) // which may not show it yet
	w.ok(w.write("f", []byte(" second"), 0, syscall.O_CREAT|syscall.O_APPEND))
	w.ok(w.f.Sync(t.Context()))
	if got := string(w.object("f")); got != "first second" {
		t.Errorf("object %q", got)
	}
	if kept := w.f.Status().Drafts; len(kept) != 0 {
		t.Errorf("kept: %+v", kept)
	}
}

// TestTruncateAfterTheLeft: nor is who cuts it off without opening it.
func TestTruncateAfterTheLeft(t *testing.T) {
	w := newWorld(t, later)
	w.srv.PutObject("data", "f", []byte("stored"), nil)
	w.ok(w.write("f", []byte("left"), 0, syscall.O_TRUNC))
	w.crash()
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" {
			return &s3test.Fault{Before: 100 * time.Millisecond}
		}
		return nil
	})
	w.start(later)
	size := int64(2)
	_, err := w.f.Setattr(t.Context(), w.hold("f").ID, nil, Change{Size: &size})
	if errors.Is(err, syscall.ESTALE) { // the kernel looks the name up again
		_, err = w.f.Setattr(t.Context(), w.hold("f").ID, nil, Change{Size: &size})
	}
	w.ok(err)
	w.ok(w.f.Sync(t.Context()))
	if got := string(w.object("f")); got != "le" {
		t.Errorf("object %q", got)
	}
	if kept := w.f.Status().Drafts; len(kept) != 0 {
		t.Errorf("kept: %+v", kept)
	}
}

// TestReadOnlySendsNothing: an open for writing on a mount that is read-only sends nothing that an earlier mount left.
func TestReadOnlySendsNothing(t *testing.T) {
	w := newWorld(t, later)
	w.srv.PutObject("data", "f", []byte("stored"), nil)
	w.ok(w.create("f", []byte("left")))
	w.crash()
	w.start(func(o *Options) { o.ReadOnly = true })
	_, err := w.open("f", syscall.O_WRONLY)
	w.wantErr(err, syscall.EROFS)
	if got := string(w.object("f")); got != "stored" {
		t.Errorf("object %q", got)
	}
}

// TestRemovedWhileOpenStaysRemoved: a file that was closed, and removed or replaced while a program had it open, is not sent by the next mount.
func TestRemovedWhileOpenStaysRemoved(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(w *world) error
		want []string
	}{
		"removed": {func(w *world) error { return w.unlink("f") }, nil},
		"replaced": {func(w *world) error {
			w.ok(w.create("f.tmp", []byte("newer")))
			return w.rename("f.tmp", "f")
		}, []string{"f"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, later)
			w.ok(w.create("f", []byte("older")))
			h := must[*Handle](t)(w.open("f", syscall.O_RDONLY))
			w.ok(tt.do(w))
			if got := string(must[[]byte](t)(readAll(t, h))); got != "older" {
				t.Errorf("the open file reads %q", got)
			}
			w.crash()
			w.start(later)
			w.ok(w.f.Sync(t.Context()))
			if keys := w.srv.Keys("data"); !slices.Equal(keys, tt.want) {
				t.Errorf("the bucket holds %q", keys)
			}
			if len(tt.want) > 0 && string(w.object("f")) != "newer" {
				t.Errorf("f is %q", w.object("f"))
			}
		})
	}
}

// TestCrashInARename: a crash between the journal's word that a queued file goes to the name of another and the end of that other's draft sends the one that
// was renamed, and nothing in its place.
func TestCrashInARename(t *testing.T) {
	w := newWorld(t, later)
	w.ok(w.create("f", []byte("older")))
	w.ok(w.create("f.tmp", []byte("newer")))
	from, to := w.hold("f.tmp").ID, w.hold("f").ID
	w.f.mu.Lock()
	src, dst := w.f.nodes[from], w.f.nodes[to]
	w.f.mu.Unlock()
	at := must[spot](t)(w.f.spot(RootID, "f", false))
	w.ok(w.f.retarget(src, dst, src.draft, at))
	w.crash()
	w.start(later)
	w.ok(w.f.Sync(t.Context()))
	if keys := w.srv.Keys("data"); !slices.Equal(keys, []string{"f"}) || string(w.object("f")) != "newer" {
		t.Errorf("the bucket holds %q", keys)
	}
}
