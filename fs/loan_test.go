package fs

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"allasfs/cache"
)

// lentWorld is a file system with the cached file "f", which the kernel, that is the test, reads past it.
func lentWorld(t *testing.T, change ...func(*Options)) (w *world, reader *Handle, b *Backing, data []byte) {
	t.Helper()
	w = newWorld(t, change...)
	reader, b, data = w.lend()
	return w, reader, b, data
}

// lend makes "f", caches it and has it lent.
func (w *world) lend() (reader *Handle, b *Backing, data []byte) {
	w.t.Helper()
	data = random(1 << 20)
	w.srv.PutObject("data", "f", slices.Clone(data), nil) // the test changes data
	must[[]byte](w.t)(w.read("f"))
	w.eventually(func() bool { return w.cache.Stats().Memory == 0 })
	reader = must[*Handle](w.t)(w.open("f", syscall.O_RDONLY))
	if b = reader.Backing(1); b == nil {
		w.t.Fatal("not lent though whole in the cache")
	}
	w.srv.ResetCounts()
	return reader, b, data
}

// mapping writes to a lent file as a program does that has it mapped; w is held open, and so can be written by, until the test closes it.
func mapping(t *testing.T, b *Backing) *os.File {
	t.Helper()
	return must[*os.File](t)(os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", b.Fd()), os.O_RDWR, 0))
}

// lent is what the kernel reads.
func lent(t *testing.T, b *Backing) []byte {
	t.Helper()
	return must[[]byte](t)(os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", b.Fd())))
}

// TestLentFileIsWritten: what changes the node changes what the kernel reads: bytes, either way of truncating, holes, growth, emptying.
func TestLentFileIsWritten(t *testing.T) {
	w, reader, b, data := lentWorld(t)
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY))
	a := must[*Handle](t)(w.open("f", syscall.O_WRONLY|syscall.O_APPEND))
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"write", func() { must[int](t)(h.WriteAt(t.Context(), []byte("bytes"), 777)); copy(data[777:], "bytes") }},
		{"append", func() { must[int](t)(a.WriteAt(t.Context(), []byte("more"), 0)); data = append(data, "more"...) }},
		{"shorten", func() { w.ok(w.f.truncate(t.Context(), h.n, 500_000)); data = data[:500_000] }},
		{"lengthen", func() {
			w.ok(w.f.truncate(t.Context(), h.n, 2<<20))
			data = append(data, make([]byte, 2<<20-len(data))...)
		}},
		{"punch", func() { w.ok(h.Allocate(t.Context(), 1000, 5000, keepSize|punchHole)); clear(data[1000:6000]) }},
		{"allocate", func() {
			w.ok(h.Allocate(t.Context(), 0, 3<<20, 0))
			data = append(data, make([]byte, 3<<20-len(data))...)
		}},
	} {
		c.change()
		if !bytes.Equal(lent(t, b), data) {
			t.Errorf("%s: the kernel reads something else", c.name)
		}
		if got := must[[]byte](t)(readAll(t, reader)); !bytes.Equal(got, data) {
			t.Errorf("%s: the daemon reads something else", c.name)
		}
	}
	w.ok(h.Flush(t.Context()))
	if !bytes.Equal(w.object("f"), data) {
		t.Error("the object is something else")
	}
	e := must[*Handle](t)(w.open("f", syscall.O_WRONLY|syscall.O_TRUNC))
	if got := lent(t, b); len(got) != 0 {
		t.Errorf("emptied, and the kernel reads %d bytes", len(got))
	}
	for _, h := range []*Handle{a, h, e} {
		w.ok(h.Flush(t.Context()))
		h.Release()
	}
	b.Close()
	reader.Release()
	if n := w.srv.Count("GetObject"); n != 0 {
		t.Errorf("%d GETs", n)
	}
}

// TestMappedWritesAreSent: at close, by any handle; what no close follows goes when nobody can write by a mapping any more.
func TestMappedWritesAreSent(t *testing.T) {
	w, reader, b, data := lentWorld(t)
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
	w.ok(h.Watch(t.Context()))
	m := mapping(t, b)
	must[int](t)(m.WriteAt([]byte("mapped"), 4096))
	copy(data[4096:], "mapped")
	w.ok(h.Flush(t.Context()))
	if !bytes.Equal(w.object("f"), data) {
		t.Error("close did not send what was mapped")
	}
	h.Release()
	must[int](t)(m.WriteAt([]byte("late"), 8192))
	copy(data[8192:], "late")
	other := must[*Handle](t)(w.open("f", syscall.O_WRONLY))
	w.ok(other.Fsync(t.Context()))
	if !bytes.Equal(w.object("f"), data) {
		t.Error("fsync did not send what was mapped")
	}
	other.Release()
	must[int](t)(m.WriteAt([]byte("last"), 0))
	copy(data, "last")
	w.ok(w.f.Sync(t.Context()))
	if !bytes.Equal(w.object("f"), data) {
		t.Error("sync did not send what was mapped")
	}
	must[int](t)(m.WriteAt([]byte("path"), 0))
	copy(data, "path")
	w.ok(w.f.SyncBelow(t.Context(), "f"))
	if !bytes.Equal(w.object("f"), data) {
		t.Error("sync of the file did not send what was mapped")
	}
	b.Close()
	reader.Release()
	// the kernel has given the file back, and a mapping of it lives: who opens it now is lent the same file
	reader = must[*Handle](t)(w.open("f", syscall.O_RDONLY))
	b = reader.Backing(1)
	must[int](t)(m.WriteAt([]byte("after"), 100))
	copy(data[100:], "after")
	if b == nil || !bytes.Equal(lent(t, b), data) {
		t.Fatal("the next reader is not shown what is mapped")
	}
	w.ok(m.Close())
	w.eventually(func() bool { return bytes.Equal(w.object("f"), data) })
	b.Close()
	reader.Release()
	w.eventually(func() bool {
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		return len(w.f.watching) == 0 && w.f.handles == 0
	})
	if n := w.srv.Count("PutObject"); n != 5 {
		t.Errorf("%d PUTs, want 5", n)
	}
}

// TestNothingMappedNothingSent: a program that opens for writing beside a reader, and writes nothing, costs nothing.
func TestNothingMappedNothingSent(t *testing.T) {
	w, reader, b, _ := lentWorld(t)
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
	w.ok(h.Watch(t.Context()))
	w.ok(h.Flush(t.Context()))
	h.Release()
	b.Close()
	reader.Release()
	w.eventually(func() bool {
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		return len(w.f.watching) == 0
	})
	if n := w.srv.Count(); n != 0 {
		t.Errorf("requests: %v", w.srv.Counts())
	}
	if d := w.f.Status().Drafts; len(d) != 0 {
		t.Errorf("drafts: %+v", d)
	}
}

// TestMappedWritesOutliveACrash: what a mapping wrote is in the journal a moment later, and no later than the next close that was acknowledged.
func TestMappedWritesOutliveACrash(t *testing.T) {
	w, _, b, data := lentWorld(t)
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
	w.ok(h.Watch(t.Context()))
	m := mapping(t, b)
	defer m.Close()
	must[int](t)(m.WriteAt([]byte("closed"), 0))
	copy(data, "closed")
	w.ok(h.Flush(t.Context()))
	must[int](t)(m.WriteAt([]byte("mapped"), 500_000))
	w.eventually(func() bool {
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		return h.n.draft != nil
	})
	w.crash()
	w.start()
	if !bytes.Equal(w.object("f"), data) {
		t.Error("what was closed is not in the store")
	}
	kept := w.f.Status().Drafts
	if len(kept) != 1 || kept[0].State != "open" {
		t.Fatalf("kept: %+v", kept)
	}
	w.ok(w.f.RecoverSend(t.Context(), kept[0].ID, false))
	copy(data[500_000:], "mapped")
	if !bytes.Equal(w.object("f"), data) {
		t.Error("what was sent is not what was mapped")
	}
}

// TestMappedWritesConflict: another client's version is not replaced by what a mapping wrote to the one before.
func TestMappedWritesConflict(t *testing.T) {
	w, reader, b, data := lentWorld(t)
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
	w.ok(h.Watch(t.Context()))
	m := mapping(t, b)
	must[int](t)(m.WriteAt([]byte("mine"), 0))
	w.ok(m.Close())
	w.remotePut("f", []byte("theirs"))
	w.wantErr(h.Flush(t.Context()), syscall.ESTALE)
	copy(data, "mine")
	if got := w.object("f"); string(got) != "theirs" {
		t.Errorf("the object is %.20q", got)
	}
	if !bytes.Equal(lent(t, b), data) {
		t.Error("who has the file open reads something else")
	}
	if kept := w.f.Status().Drafts; len(kept) != 1 || kept[0].State != "conflict" {
		t.Errorf("kept: %+v", kept)
	}
	h.Release()
	b.Close()
	reader.Release()
	w.eventually(func() bool {
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		return w.f.handles == 0
	})
}

// TestCloseTakesUpMappings: the end of the mount sends what a mapping wrote that still lives.
func TestCloseTakesUpMappings(t *testing.T) {
	w, _, b, data := lentWorld(t)
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
	w.ok(h.Watch(t.Context()))
	m := mapping(t, b)
	defer m.Close()
	must[int](t)(m.WriteAt([]byte("mapped"), 4096))
	copy(data[4096:], "mapped")
	began := time.Now()
	w.ok(w.f.Close(ctxOf(t)))
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("it took %v", d)
	}
	if !bytes.Equal(w.object("f"), data) {
		t.Error("the end of the mount did not send what was mapped")
	}
}

// TestLentAlone: two nodes that stand for the same version are not lent the same file.
func TestLentAlone(t *testing.T) {
	w, _, _, data := lentWorld(t, func(o *Options) { o.TTL = 0 })
	w.remotePut("f", []byte("another"))
	w.eventually(func() bool { got, err := w.read("f"); return err == nil && slices.Equal(got, []byte("another")) })
	w.remotePut("f", data)
	w.eventually(func() bool { got, err := w.read("f"); return err == nil && bytes.Equal(got, data) })
	h := must[*Handle](t)(w.open("f", syscall.O_RDONLY))
	defer h.Release()
	if b := h.Backing(1); b != nil {
		t.Error("lent twice")
	}
}

// TestMappedBesideTheLeft: what was written by a mapping waits for what an earlier mount left of the file and is on its way, and meanwhile no lock is held.
func TestMappedBesideTheLeft(t *testing.T) {
	w, reader, b, data := lentWorld(t)
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
	w.ok(h.Watch(t.Context()))
	d := must[*cache.Draft](t)(w.cache.NewDraft(cache.Target{Store: "test", Bucket: "data", Key: "f"}, cache.Base{}, 0, cache.Attrs{}))
	op := &sendOp{done: make(chan struct{}), going: true}
	w.f.mu.Lock()
	w.f.orphans.add(d)
	w.f.resends[d.ID()] = op
	w.f.mu.Unlock()
	arrives := sync.OnceFunc(func() {
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		w.f.orphans.remove(d)
		delete(w.f.resends, d.ID())
		close(op.done)
	})
	t.Cleanup(arrives) // for when the test fails
	m := mapping(t, b)
	must[int](t)(m.WriteAt([]byte("mapped"), 0))
	copy(data, "mapped")
	took := make(chan error, 1)
	go func() { took <- w.f.takeUp(ctxOf(t), h.n) }()
	w.eventually(func() bool {
		free := h.n.gate.TryAcquire(whole)
		if free {
			h.n.gate.Release(whole)
		}
		return !free
	})
	l := h.n.loan.Load()
	locked := make(chan struct{})
	go func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		close(locked)
	}()
	w.eventually(func() bool {
		select {
		case <-locked:
			return true
		default:
			return false
		}
	})
	arrives()
	w.ok(<-took)
	w.ok(d.Discard())
	w.ok(h.Flush(t.Context()))
	if !bytes.Equal(w.object("f"), data) {
		t.Error("the store has other bytes")
	}
	h.Release()
	w.ok(m.Close())
	b.Close()
	reader.Release()
}
