package fs

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"allasfs/cache"
	"allasfs/s3/s3test"
)

const tornRoom = 100 << 10 // bytes for drafts

// tornWorld has the stored file "f" of twice tornRoom, which is open and has lost the second of two writes of pages.
func tornWorld(t *testing.T, change ...func(*Options)) (w *world, h *Handle, stored []byte) {
	t.Helper()
	w = newWorld(t)
	stored = random(2 * tornRoom)
	w.srv.PutObject("data", "f", slices.Clone(stored), nil)
	w.bound(tornRoom, change...)
	h = must[*Handle](t)(w.open("f", syscall.O_RDWR))
	must[int](t)(h.WritePages(t.Context(), bytes.Repeat([]byte("a"), 64<<10), 0))
	w.losePages(h, 64<<10, 64<<10)
	return w, h, stored
}

// losePages writes pages for which there is no room.
func (w *world) losePages(h *Handle, off, n int64) {
	w.t.Helper()
	_, err := h.WritePages(w.t.Context(), bytes.Repeat([]byte("b"), int(n)), off)
	w.wantErr(err, syscall.ENOSPC)
}

// loseLast writes pages that no file may have, so that there need be no lack of room.
func (w *world) loseLast(h *Handle) {
	w.t.Helper()
	_, err := h.WritePages(w.t.Context(), []byte("too far"), maxSize-1)
	w.wantErr(err, syscall.EFBIG)
}

// wantTorn checks that the file "f" is kept with the reason, and that nothing sends it: the object is as given, nil = there is none.
func (w *world) wantTorn(object []byte) {
	w.t.Helper()
	w.f.mu.Lock()
	here := len(w.f.torn) > 0
	w.f.mu.Unlock()
	if err := w.f.Sync(w.t.Context()); here && err == nil {
		w.t.Error("sync tells nothing of a file that lost a write")
	}
	kept := w.f.Status().Drafts
	if len(kept) != 1 || kept[0].State != "conflict" || !strings.Contains(kept[0].Reason, "was lost") {
		w.t.Fatalf("kept: %+v", kept)
	}
	if keys := w.remoteKeys(); object == nil && len(keys) > 0 {
		w.t.Errorf("the bucket has %q", keys)
	}
	if object != nil && !bytes.Equal(w.object("f"), object) {
		w.t.Error("the object was replaced")
	}
}

// TestTornDraftStays: a file of which the kernel's pages could not be kept is not sent: close, fsync and sync tell, each time, the version in the store
// stays, and the draft waits for `allasfs recover`, over the end of the mount and of the daemon.
func TestTornDraftStays(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Options)
		end    func(*world)
	}{
		{"end of the mount", func(*Options) {}, (*world).stop},
		{"kill", func(*Options) {}, (*world).crash},
		{"write-back, end of the mount", writeBack, (*world).stop},
		{"write-back, kill", writeBack, (*world).crash},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, h, stored := tornWorld(t, tt.change)
			for range 2 {
				w.wantErr(h.Flush(t.Context()), syscall.ENOSPC)
				w.wantErr(h.Fsync(t.Context()), syscall.ENOSPC)
			}
			err := w.f.Sync(t.Context())
			w.wantErr(err, syscall.ENOSPC)
			if !strings.HasPrefix(err.Error(), "f: ") {
				t.Errorf("sync does not name the file: %v", err)
			}
			w.wantErr(w.rename("f", "g"), syscall.ENOSPC)
			h.Release()
			w.wantTorn(stored)
			tt.end(w)
			w.start(tt.change)
			w.wantTorn(stored)
			w.ok(w.f.RecoverSend(t.Context(), w.f.Status().Drafts[0].ID, false))
			if got := w.object("f"); !bytes.Equal(got[:64<<10], bytes.Repeat([]byte("a"), 64<<10)) || !bytes.Equal(got[64<<10:], stored[64<<10:]) {
				t.Error("what a person sent is something else")
			}
		})
	}
}

// TestTornAfterClose: a file that was closed, and waits for its upload, is not sent once it has lost a write, not by a later mount either.
func TestTornAfterClose(t *testing.T) {
	w := newWorld(t, later)
	w.ok(w.create("f", make([]byte, 60<<10)))
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
	w.loseLast(h)
	w.wantErr(h.Flush(t.Context()), syscall.EFBIG)
	w.wantTorn(nil)
	w.crash()
	w.start(writeBack)
	w.wantTorn(nil)
}

// TestTornHeals: what was lost and written again, or is not part of the file any more, was not lost; until then it is.
func TestTornHeals(t *testing.T) {
	for _, tt := range []struct {
		name string
		heal func(w *world, h *Handle, want []byte) []byte // returns what the file is then
	}{
		{"written again", func(w *world, h *Handle, want []byte) []byte {
			w.ok(h.Allocate(w.t.Context(), 0, 64<<10, keepSize|punchHole)) // makes room
			clear(want[:64<<10])
			data := bytes.Repeat([]byte("c"), 32<<10)
			for _, off := range []int64{96 << 10, 64 << 10} {
				w.wantErr(h.Flush(w.t.Context()), syscall.ENOSPC)
				must[int](w.t)(h.WritePages(w.t.Context(), data, off))
				copy(want[off:], data)
			}
			return want
		}},
		{"hole", func(w *world, h *Handle, want []byte) []byte {
			w.ok(h.Allocate(w.t.Context(), 60<<10, 70<<10, keepSize|punchHole))
			clear(want[60<<10 : 130<<10])
			return want
		}},
		{"cut off", func(w *world, h *Handle, want []byte) []byte {
			w.ok(w.f.truncate(w.t.Context(), h.n, 65<<10))
			w.wantErr(h.Flush(w.t.Context()), syscall.ENOSPC)
			w.ok(w.f.truncate(w.t.Context(), h.n, 64<<10))
			return want[:64<<10]
		}},
		{"made anew", func(w *world, _ *Handle, _ []byte) []byte {
			w.ok(w.create("f", []byte("new")))
			return []byte("new")
		}},
		{"sent by a person", func(w *world, _ *Handle, want []byte) []byte {
			w.ok(w.f.RecoverSend(w.t.Context(), w.f.Status().Drafts[0].ID, false))
			return want
		}},
		{"dropped", func(w *world, h *Handle, _ []byte) []byte {
			w.ok(w.f.RecoverDrop(w.t.Context(), w.f.Status().Drafts[0].ID))
			return w.object("f")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, h, want := tornWorld(t)
			copy(want, bytes.Repeat([]byte("a"), 64<<10))
			want = tt.heal(w, h, want)
			w.ok(h.Flush(t.Context()))
			h.Release()
			w.ok(w.f.Sync(t.Context()))
			if !bytes.Equal(w.object("f"), want) {
				t.Error("the object is something else")
			}
			if kept := w.f.Status().Drafts; len(kept) > 0 {
				t.Errorf("kept: %+v", kept)
			}
			w.f.mu.Lock()
			defer w.f.mu.Unlock()
			if len(w.f.torn) > 0 {
				t.Error("the file is still torn")
			}
		})
	}
}

// TestTornHealedAndKilled: a draft whose loss was made good is what it was before, for the next mount too: closed, or open.
func TestTornHealedAndKilled(t *testing.T) {
	for _, tt := range []struct {
		change func(*Options)
		want   string // state, "" = it was sent
	}{{func(*Options) {}, "open"}, {later, ""}} {
		w := newWorld(t, tt.change)
		h := must[*Handle](t)(w.open("f", syscall.O_RDWR|syscall.O_CREAT))
		must[int](t)(h.WriteAt(t.Context(), make([]byte, 60<<10), 0))
		if tt.want == "" {
			w.ok(h.Flush(t.Context()))
		}
		w.loseLast(h)
		w.ok(w.f.truncate(t.Context(), h.n, 1000))
		w.crash()
		w.start()
		if tt.want == "" {
			w.ok(w.f.Sync(t.Context()))
		}
		kept := w.f.Status().Drafts
		if tt.want == "" && (len(kept) > 0 || len(w.object("f")) != 1000) || tt.want != "" && (len(kept) != 1 || kept[0].State != tt.want || kept[0].Reason != "") {
			t.Errorf("%q: kept %+v", tt.want, kept)
		}
	}
}

// TestTornWhileSent: what is lost while an earlier state of the file is on its way is lost when that has got there, too: what is written next is not sent
// without it.
func TestTornWhileSent(t *testing.T) {
	w := newWorld(t)
	hold, asked := make(chan struct{}), make(chan struct{}, 1)
	letGo := func() { close(hold) }
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" {
			asked <- struct{}{}
			<-hold
		}
		return nil
	})
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR|syscall.O_CREAT))
	must[int](t)(h.WritePages(t.Context(), []byte("first"), 0))
	closed := make(chan error, 1)
	go func() { closed <- h.Flush(t.Context()) }()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.WritePages(ctx, []byte("lost"), 5); err == nil {
		t.Fatal("written while the file is being sent")
	}
	letGo()
	w.ok(<-closed) // what was on its way was whole
	must[int](t)(h.WritePages(t.Context(), []byte("second"), 9))
	w.wantErr(h.Flush(t.Context()), syscall.EIO)
	h.Release()
	w.wantTorn([]byte("first"))
}

// TestTornWithoutDraft: a page for which not even a draft could be made is lost to the draft that comes after it.
func TestTornWithoutDraft(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "f", []byte("the stored version"), nil)
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
	w.ok(os.Rename(w.dir+"/drafts", w.dir+"/away"))
	if _, err := h.WritePages(t.Context(), []byte("lost"), 0); err == nil {
		t.Fatal("written without a folder for it")
	}
	w.wantErr(h.Flush(t.Context()), syscall.EIO)
	w.ok(os.Rename(w.dir+"/away", w.dir+"/drafts"))
	must[int](t)(h.WritePages(t.Context(), []byte("kept"), 4))
	w.wantErr(h.Flush(t.Context()), syscall.EIO)
	w.wantTorn([]byte("the stored version"))
	must[int](t)(h.WritePages(t.Context(), []byte("anew"), 0))
	w.ok(h.Flush(t.Context()))
	h.Release()
	if got := string(w.object("f")); got != "anewkepted version" {
		t.Errorf("object %q", got)
	}
}

// TestTornByMapping: what a mapping of a lent file wrote, and for which there is no room, keeps the file from being sent until there is.
func TestTornByMapping(t *testing.T) {
	w := newWorld(t)
	w.bound(1 << 20)
	reader, b, data := w.lend()
	stored := slices.Clone(data)
	g := must[*Handle](t)(w.open("g", syscall.O_RDWR|syscall.O_CREAT))
	must[int](t)(g.WriteAt(t.Context(), make([]byte, 900<<10), 0))
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
	w.ok(h.Watch(t.Context()))
	m := mapping(t, b)
	part := bytes.Repeat([]byte("mapped"), 50<<10)
	must[int](t)(m.WriteAt(part, 0))
	copy(data, part)
	for range 2 {
		w.wantErr(h.Flush(t.Context()), syscall.ENOSPC)
		w.wantErr(h.Fsync(t.Context()), syscall.ENOSPC)
	}
	if err := w.f.flush(t.Context(), h.n); err == nil || !bytes.Equal(w.object("f"), stored) {
		t.Error("sent without all that was mapped:", err)
	}
	w.ok(w.unlink("g"))
	g.Release() // and there is room
	w.ok(h.Flush(t.Context()))
	if !bytes.Equal(w.object("f"), data) {
		t.Error("what is sent when there is room is not what was mapped")
	}
	h.Release()
	w.ok(m.Close())
	b.Close()
	reader.Release()
}

func TestSpans(t *testing.T) {
	s := func(ends ...int64) (spans []cache.Span) {
		for i := 0; i < len(ends); i += 2 {
			spans = append(spans, cache.Span{Off: ends[i], End: ends[i+1]})
		}
		return spans
	}
	for _, tt := range []struct {
		to         []cache.Span
		off, end   int64
		with, less []cache.Span
	}{
		{nil, 1, 2, s(1, 2), nil},
		{s(10, 20, 30, 40), 0, 5, s(0, 5, 10, 20, 30, 40), s(10, 20, 30, 40)},
		{s(10, 20, 30, 40), 0, 10, s(0, 20, 30, 40), s(10, 20, 30, 40)},
		{s(10, 20, 30, 40), 20, 30, s(10, 40), s(10, 20, 30, 40)},
		{s(10, 20, 30, 40), 12, 14, s(10, 20, 30, 40), s(10, 12, 14, 20, 30, 40)},
		{s(10, 20, 30, 40), 15, 35, s(10, 40), s(10, 15, 35, 40)},
		{s(10, 20, 30, 40), 0, 100, s(0, 100), nil},
		{s(10, 20, 30, 40), 50, 60, s(10, 20, 30, 40, 50, 60), s(10, 20, 30, 40)},
	} {
		if got := withSpan(slices.Clone(tt.to), cache.Span{Off: tt.off, End: tt.end}); !slices.Equal(got, tt.with) {
			t.Errorf("%v with %d-%d: %v, want %v", tt.to, tt.off, tt.end, got, tt.with)
		}
		if got := withoutSpan(tt.to, cache.Span{Off: tt.off, End: tt.end}); !slices.Equal(got, tt.less) {
			t.Errorf("%v without %d-%d: %v, want %v", tt.to, tt.off, tt.end, got, tt.less)
		}
	}
	var many []cache.Span
	for i := range int64(tearSpans + 1) {
		many = withSpan(many, cache.Span{Off: 10 * i, End: 10*i + 1})
	}
	if !slices.Equal(many, s(0, 10*tearSpans+1)) {
		t.Errorf("too many: %d ranges, first %v", len(many), many[0])
	}
}

// TestTornAfterCloseIsNewer: what an earlier mount left of a name is older than what was closed there since, though that has lost a write after its close: it does
// not take the place of the version that the kept file was made from. A file that was never closed holds nothing up.
func TestTornAfterCloseIsNewer(t *testing.T) {
	for _, closed := range []bool{true, false} {
		w := newWorld(t, later)
		w.srv.PutObject("data", "f", []byte("stored"), nil)
		w.leftQueued("f", "older")
		h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
		must[int](t)(h.WriteAt(t.Context(), []byte("n"), 0))
		if closed {
			w.ok(h.Flush(t.Context()))
		}
		w.loseLast(h)
		w.crash()
		w.down(false)
		w.start(later)
		w.ok(w.f.Sync(t.Context()))
		want, kept := "older", []string{"was lost"}
		if closed {
			want, kept = "stored", []string{supersededWhy, "was lost"}
		}
		if got := string(w.object("f")); got != want {
			t.Errorf("closed %t: the store has %q, want %q", closed, got, want)
		}
		all := w.f.Status().Drafts
		if len(all) != len(kept) {
			t.Fatalf("closed %t: kept %+v", closed, all)
		}
		for i, d := range all {
			if d.State != "conflict" || !strings.Contains(d.Reason, kept[i]) {
				t.Errorf("closed %t: kept %+v, want for that %q", closed, d, kept[i])
			}
		}
	}
}

// TestTornWhileSendingFails: what is lost while the sending of an earlier state fails is lost for the next mount, too.
func TestTornWhileSendingFails(t *testing.T) {
	w := newWorld(t)
	hold, asked := make(chan struct{}), make(chan struct{}, 9)
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op != "PutObject" {
			return nil
		}
		asked <- struct{}{}
		<-hold
		return &s3test.Fault{Status: 403}
	})
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR|syscall.O_CREAT))
	must[int](t)(h.WritePages(t.Context(), []byte("first"), 0))
	closed := make(chan error, 1)
	go func() { closed <- h.Flush(t.Context()) }()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.WritePages(ctx, []byte("lost"), 5); err == nil {
		t.Fatal("written while the file is being sent")
	}
	close(hold)
	if <-closed == nil {
		t.Fatal("no error")
	}
	must[int](t)(h.WritePages(t.Context(), []byte("second"), 9))
	w.crash()
	w.srv.Fault(nil)
	w.start()
	w.wantTorn(nil)
}

// TestTornReasonStays: that a kept file has lost a write is told after a vain try of a person to send it, too.
func TestTornReasonStays(t *testing.T) {
	for name, fail := range map[string]func(*world){
		"refused":        func(w *world) { w.down(true) },
		"another client": func(w *world) { w.srv.PutObject("data", "f", []byte("another"), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := must[*Handle](t)(w.open("f", syscall.O_RDWR|syscall.O_CREAT))
			must[int](t)(h.WritePages(t.Context(), []byte("some"), 0))
			w.loseLast(h)
			w.crash()
			w.start()
			fail(w)
			id := w.f.Status().Drafts[0].ID
			for range 2 {
				if w.f.RecoverSend(t.Context(), id, false) == nil {
					t.Fatal("sent")
				}
			}
			why := w.f.Status().Drafts[0].Reason
			if !strings.Contains(why, "was lost") || strings.Count(why, "tried again") != 1 {
				t.Errorf("the reason is %q", why)
			}
		})
	}
}
