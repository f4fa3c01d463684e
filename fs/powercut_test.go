package fs

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"allasfs/cache/powercut"
	"allasfs/s3/s3test"
)

// TestPowerCut: a file that was on its way when the power was cut, and whose bytes had not come to the disk while its journal had, is not sent with zeros
// in their place: the version before stays, and what is left is kept and tells why. What had come to the disk is sent.
func TestPowerCut(t *testing.T) {
	for name, lost := range map[string]bool{"the bytes were lost": true, "the bytes were written": false} {
		t.Run(name, func(t *testing.T) {
			disk := powercut.New(t)
			srv := s3test.New(t)
			old, data := []byte("the version before"), bytes.Repeat([]byte("new bytes "), 20_000)
			srv.PutObject("data", "f", old, nil)
			w := &world{t: t, srv: srv, store: newStore(t, s3test.Of(t, srv)), dir: disk.Mount(), bucket: "data"}
			t.Cleanup(w.stop)
			w.start()
			srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op == "PutObject" {
					return &s3test.Fault{Status: 503}
				}
				return nil
			})
			h := must[*Handle](t)(w.open("f", syscall.O_WRONLY|syscall.O_TRUNC))
			must[int](t)(h.WriteAt(t.Context(), data, 0))
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			w.wantErr(h.Flush(ctx), context.DeadlineExceeded)
			disk.Cut(func(p string) bool { return !lost || path.Ext(p) != ".data" })
			w.die()
			w.store.Close()
			w.eventually(func() bool { return srv.OpenConnections() == 0 }) // else a request that was given up may come when the faults are gone

			srv.Fault(nil)
			w.dir, w.store = disk.Mount(), newStore(t, s3test.Of(t, srv))
			w.start()
			w.eventually(func() bool { // it was sent, or is not to be
				return !slices.ContainsFunc(w.f.Status().Drafts, func(d DraftState) bool { return d.State == "closed" })
			})
			kept := w.f.Status().Drafts
			if lost {
				if !bytes.Equal(w.object("f"), old) {
					t.Errorf("the object has %d bytes, %.20q", len(w.object("f")), w.object("f"))
				}
				if len(kept) != 1 || kept[0].State != "conflict" || !strings.Contains(kept[0].Reason, "lost") {
					t.Errorf("kept: %+v", kept)
				}
				return
			}
			if !bytes.Equal(w.object("f"), data) || len(kept) != 0 {
				t.Errorf("the object has %d bytes; kept: %+v", len(w.object("f")), kept)
			}
		})
	}
}

// die is crash on a disk that is gone: what the cache cannot write any more is no matter.
func (w *world) die() {
	f, c := w.f, w.cache
	f.mu.Lock()
	f.closed, f.ended = true, true
	f.mu.Unlock()
	f.cancel()
	f.wg.Wait()
	_ = c.Close()
	w.f = nil
}

// TestPowerCutAfterALoss: a file that lost a write between the moment at which it was made durable and that at which it came into the queue is not sent after a power cut.
func TestPowerCutAfterALoss(t *testing.T) {
	disk := powercut.New(t)
	srv := s3test.New(t)
	srv.MakeBucket("data")
	w := &world{t: t, srv: srv, store: newStore(t, s3test.Of(t, srv)), dir: disk.Mount(), bucket: "data"}
	t.Cleanup(w.stop)
	w.start(later)
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR|syscall.O_CREAT))
	must[int](t)(h.WritePages(t.Context(), make([]byte, 200<<10), 0))
	w.f.mu.Lock()
	n, d, at := h.n, h.n.draft, h.n.at
	w.f.mu.Unlock()
	must[uint64](t)(w.f.journal(n, d, d.Target(), at, false))
	w.loseLast(h)
	disk.Cut(nil)
	w.die()
	w.dir = disk.Mount()
	w.start(later)
	w.wantTorn(nil)
}

// TestLossBeforeTheQueueIsTold: the close(2) during which a file loses a write tells it.
func TestLossBeforeTheQueueIsTold(t *testing.T) {
	w := newWorld(t, later)
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR|syscall.O_CREAT))
	must[int](t)(h.WritePages(t.Context(), []byte("some"), 0))
	w.f.mu.Lock()
	n, d, at := h.n, h.n.draft, h.n.at
	w.f.mu.Unlock()
	gen := must[uint64](t)(w.f.journal(n, d, d.Target(), at, false))
	w.loseLast(h)
	w.wantErr(w.f.journalled(n, d, gen), syscall.EFBIG)
	w.wantTorn(nil)
}
