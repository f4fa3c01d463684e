package fs

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"allasfs/cache"
	"allasfs/s3/s3test"
)

// bound starts the world anew with so many bytes for drafts.
func (w *world) bound(bytes int64, change ...func(*Options)) {
	w.t.Helper()
	w.stop()
	c, err := cache.Open(cache.Options{Dir: w.dir, Size: 1 << 30, DraftSpace: bytes})
	w.ok(err)
	o := Options{Store: w.store, Name: "test", Bucket: w.bucket, Cache: c, TTL: time.Minute, Umask: 0o022}
	for _, ch := range change {
		ch(&o)
	}
	f, err := New(o)
	w.ok(err)
	w.cache, w.f = c, f
}

// TestWritesWaitForRoom: files that together are more than drafts may take are written all the same: each write waits for the uploads of others.
func TestWritesWaitForRoom(t *testing.T) {
	for _, change := range []func(*Options){func(*Options) {}, writeBack} {
		w := newWorld(t)
		w.bound(1<<20, change)
		w.srv.Fault(func(s3test.Request) *s3test.Fault { return &s3test.Fault{Before: 20 * time.Millisecond} })
		data := bytes.Repeat([]byte("x"), 400<<10)
		for i := range 8 {
			w.ok(w.create(fmt.Sprint(i), data))
			if got := w.cache.Stats().DraftBytes; got > 1<<20 {
				t.Errorf("drafts take %d bytes", got)
			}
		}
		w.ok(w.f.Sync(t.Context()))
		if got := len(w.remoteKeys()); got != 8 {
			t.Errorf("%d objects", got)
		}
	}
}

// TestNoRoom: ENOSPC at once where nothing is on its way that could make room, and what was written stays.
func TestNoRoom(t *testing.T) {
	w := newWorld(t)
	w.bound(1000)
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY|syscall.O_CREAT))
	must[int](t)(h.WriteAt(t.Context(), make([]byte, 900), 0))
	_, err := h.WriteAt(t.Context(), make([]byte, 200), 900)
	w.wantErr(err, syscall.ENOSPC)
	must[int](t)(h.WriteAt(t.Context(), []byte("overwriting needs no room"), 100))
	w.ok(h.Flush(t.Context()))
	h.Release()
	if got := len(w.object("f")); got != 900 {
		t.Errorf("%d bytes in the store", got)
	}
}

// TestNoRoomWhileTheStoreRefuses: a file that could not be sent makes no room, so nobody waits for it.
func TestNoRoomWhileTheStoreRefuses(t *testing.T) {
	w := newWorld(t)
	w.bound(1000, later)
	w.down(true)
	w.ok(w.create("f", make([]byte, 900)))
	if err := w.f.Sync(t.Context()); err == nil {
		t.Fatal("sent")
	}
	w.eventually(func() bool { return w.stateOf("f") == "error" })
	w.wantErr(w.create("g", make([]byte, 200)), syscall.ENOSPC)
	w.down(false)
	w.ok(w.f.Sync(t.Context()))
	w.ok(w.create("g", make([]byte, 200)))
}

// TestWaitForRoomCanBeKilled: who waits leaves when its program is killed.
func TestWaitForRoomCanBeKilled(t *testing.T) {
	w := newWorld(t)
	w.bound(1000, writeBack)
	hold := make(chan struct{})
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" {
			<-hold
		}
		return nil
	})
	w.ok(w.create("f", make([]byte, 900)))
	h := must[*Handle](t)(w.open("g", syscall.O_WRONLY|syscall.O_CREAT))
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		_, err := h.WriteAt(ctx, make([]byte, 200), 0)
		w.wantErr(err, context.Canceled)
	})
	cancel()
	waiting.Wait()
	close(hold)
	must[int](t)(h.WriteAt(t.Context(), make([]byte, 200), 0)) // the upload ends, and there is room
	w.ok(h.Flush(t.Context()))
	h.Release()
}

// TestRoomFromAClosingFile: a file whose close is being made durable counts as one that is about to make room.
func TestRoomFromAClosingFile(t *testing.T) {
	w := newWorld(t)
	w.bound(1000, writeBack)
	a := must[*Handle](t)(w.open("a", syscall.O_WRONLY|syscall.O_CREAT))
	must[int](t)(a.WriteAt(t.Context(), make([]byte, 900), 0))
	b := must[*Handle](t)(w.open("b", syscall.O_WRONLY|syscall.O_CREAT))
	defer b.Release()
	w.ok(a.n.gate.Acquire(t.Context(), whole))
	letGo := sync.OnceFunc(func() { a.n.gate.Release(whole) })
	defer letGo()
	closed, written := make(chan error, 1), make(chan error, 1)
	go func() { closed <- a.Flush(t.Context()) }()
	w.eventually(func() bool {
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		return w.f.closings == 1
	})
	go func() {
		_, err := b.WriteAt(t.Context(), make([]byte, 200), 0)
		written <- err
	}()
	select {
	case err := <-written:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	letGo()
	w.ok(<-closed)
	a.Release()
	w.ok(<-written)
}

// TestRoomFromARetry: who finds no room waits for what is being sent once more after it failed, until one such try fails, and then no longer, however many
// are always under way.
func TestRoomFromARetry(t *testing.T) {
	w := newWorld(t, later)
	w.down(true)
	keys := []string{"stored", "refused", "held"}
	answer := map[string]chan struct{}{}
	for _, key := range keys {
		answer[key] = make(chan struct{})
		w.ok(w.create(key, []byte("kept")))
	}
	if err := w.f.Sync(t.Context()); err == nil {
		t.Fatal("sent")
	}
	asked := make(chan string, 100)
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op != "PutObject" {
			return nil
		}
		asked <- r.Key
		<-answer[r.Key]
		if r.Key != "stored" {
			return &s3test.Fault{Status: 403}
		}
		return nil
	})
	synced := make(chan error, 1)
	go func() { synced <- w.f.Sync(t.Context()) }()
	for range keys {
		<-asked
	}
	for _, key := range keys[:2] {
		tries := make(chan struct{}, 100)
		ended := make(chan error, 1)
		go func() {
			tried := false
			_, err := w.f.withRoom(t.Context(), func(func(error) bool) (int, error) {
				defer func() { tries <- struct{}{} }()
				if tried && key == "stored" {
					return 0, nil
				}
				tried = true
				return 0, cache.ErrDraftSpace
			})
			ended <- err
		}()
		<-tries
		close(answer[key])
		if err := <-ended; (key == "stored") != (err == nil) || len(tries) == 0 {
			t.Errorf("%s: %v, after %d more tries", key, err, len(tries))
		}
	}
	close(answer["held"])
	if err := <-synced; err == nil {
		t.Error("the sync of what could not be sent did not fail")
	}
	w.down(false)
}
