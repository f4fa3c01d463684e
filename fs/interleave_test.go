package fs

import (
	"context"
	"syscall"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// slow makes one request of that kind for the key take its time.
func slow(w *world, op, key string, before, after time.Duration) {
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == op && (key == "" || r.Key == key) {
			return &s3test.Fault{Before: before, After: after}
		}
		return nil
	})
}

// mv a b, interrupted, and again.
func TestInterleavedRenameTwice(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("a", []byte("precious")))
	w.hold("a")
	slow(w, "CopyObject", "", 0, 300*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	t.Log("first:", w.f.Rename(ctx, RootID, "a", RootID, "b", false))
	m := uint32(0o600)
	done := make(chan error, 1)
	go func() { done <- w.rename("a", "b") }()
	time.Sleep(250 * time.Millisecond)
	must[Attr](t)(w.f.Setattr(t.Context(), w.hold("b").ID, nil, Change{Mode: &m}))
	t.Log("second:", <-done)
	t.Log(w.srv.Keys("data"))
	if len(w.srv.Keys("data")) != 1 {
		t.Fatal("lost")
	}
}

// mv a b interrupted, rm a.
func TestInterleavedRenameThenUnlink(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("a", []byte("precious")))
	w.hold("a")
	slow(w, "CopyObject", "", 0, 300*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	t.Log("first:", w.f.Rename(ctx, RootID, "a", RootID, "b", false))
	t.Log("rm a:", w.unlink("a"))
	if k := w.srv.Keys("data"); len(k) != 1 {
		t.Fatal("lost", k)
	}
}

// Close while the background settles.
func TestInterleavedCloseWhileSettling(t *testing.T) {
	w := newWorld(t)
	for _, d := range []string{"d1", "d2", "d3"} {
		w.ok(w.mkdir(d))
	}
	slow(w, "PutObject", "", 400*time.Millisecond, 0)
	w.srv.ResetCounts()
	for w.srv.Count("PutObject") == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	if err := w.f.Close(ctxOf(t)); err != nil {
		t.Log("close:", err)
	}
	if k := w.srv.Keys("data"); len(k) != 3 {
		t.Fatalf("Close said nothing, markers: %q", k)
	}
}

// rmdir while the directory's marker is on its way: it must not land afterwards.
func TestInterleavedRmdirWhileSettling(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "d/x", []byte("x"), nil)
	w.ok(w.unlink("d/x"))
	slow(w, "PutObject", "d/", 400*time.Millisecond, 0)
	w.srv.ResetCounts()
	for w.srv.Count("PutObject") == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	w.ok(w.rmdir("d"))
	w.ok(w.f.Close(ctxOf(t)))
	if k := w.srv.Keys("data"); len(k) != 0 {
		t.Fatalf("the directory is back: %q", k)
	}
}

// a read while the file is renamed.
func TestInterleavedReadWhileRenamed(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "a", random(8<<20), nil)
	h := must[*Handle](t)(w.open("a", syscall.O_RDWR))
	defer h.Release()
	slow(w, "DeleteObject", "", 0, 400*time.Millisecond)
	done := make(chan error, 1)
	go func() { done <- w.rename("a", "b") }()
	time.Sleep(200 * time.Millisecond)
	_, err := h.ReadAt(t.Context(), make([]byte, 10), 4<<20)
	t.Log("read:", err)
	w.ok(<-done)
	w.srv.Fault(nil)
	_, err2 := h.ReadAt(t.Context(), make([]byte, 10), 4<<20)
	_, err3 := w.read("b")
	if err != nil || err2 != nil || err3 != nil {
		t.Fatal(err, err2, err3)
	}
}

// a read while an own upload ends.
func TestInterleavedReadWhileSent(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "a", random(40<<20), nil)
	h := must[*Handle](t)(w.open("a", syscall.O_RDWR))
	defer h.Release()
	must[int](t)(h.WriteAt(t.Context(), []byte("x"), 0))
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "CompleteMultipartUpload" || r.Op == "PutObject" {
			return &s3test.Fault{After: 600 * time.Millisecond}
		}
		return nil
	})
	done := make(chan error, 1)
	go func() { done <- h.Flush(t.Context()) }()
	time.Sleep(400 * time.Millisecond)
	_, err := h.ReadAt(t.Context(), make([]byte, 10), 25<<20)
	w.ok(<-done)
	if err != nil {
		t.Fatal(err)
	}
}

// chmod while the file is sent.
func TestInterleavedChmodWhileSent(t *testing.T) {
	w := newWorld(t)
	slow(w, "PutObject", "", 300*time.Millisecond, 0)
	done := make(chan error, 1)
	go func() { done <- w.create("a", []byte("x")) }()
	time.Sleep(100 * time.Millisecond)
	a := w.hold("a")
	m := uint32(0o600)
	must[Attr](t)(w.f.Setattr(t.Context(), a.ID, nil, Change{Mode: &m}))
	w.ok(<-done)
	w.ok(w.f.Sync(t.Context()))
	if got := must[Attr](t)(w.f.Getattr(t.Context(), a.ID)); got.Mode&0o777 != 0o600 {
		t.Fatalf("%o", got.Mode)
	}
}

// rmdir and create at once.
func TestInterleavedRmdirCreate(t *testing.T) {
	w := newWorld(t)
	w.ok(w.mkdir("d"))
	w.ok(w.f.Sync(t.Context()))
	w.hold("d")
	slow(w, "DeleteObject", "", 300*time.Millisecond, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	go w.f.Rmdir(ctx, RootID, "d")
	time.Sleep(150 * time.Millisecond)
	h, err := w.open("d/f", syscall.O_CREAT|syscall.O_WRONLY)
	if err != nil {
		t.Log("create", err)
		return
	}
	must[int](t)(h.WriteAt(t.Context(), []byte("precious"), 0))
	time.Sleep(400 * time.Millisecond)
	err = h.Flush(t.Context())
	h.Release()
	if k := w.srv.Keys("data"); err == nil && len(k) == 0 {
		t.Fatalf("close said 0, keys %q", k)
	}
}

func TestInterleavedRenameBelow(t *testing.T) {
	w := newWorld(t)
	w.ok(w.mkdir("d"))
	w.ok(w.create("d/keep", []byte("k")))
	w.ok(w.create("d/a", []byte("old")))
	w.hold("d/a")
	h := must[*Handle](t)(w.open("d/a", syscall.O_RDWR))
	must[int](t)(h.WriteAt(t.Context(), []byte("new"), 0))
	slow(w, "PutObject", "d/a", 400*time.Millisecond, 0)
	one, two := make(chan error, 1), make(chan error, 1)
	go func() { one <- w.rename("d/a", "d/b") }()
	time.Sleep(150 * time.Millisecond)
	go func() { two <- w.rename("d", "e") }()
	w.ok(<-one)
	w.ok(<-two)
	h.Release()
	t.Log(w.srv.Keys("data"))
	if got, err := w.read("e/b"); err != nil || string(got) != "new" {
		t.Fatalf("%q %v", got, err)
	}
}

// attributes pending, opened after the TTL.
func TestInterleavedPendingAttrsOpen(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.TTL = 200 * time.Millisecond })
	w.ok(w.create("a", []byte("x")))
	a := w.hold("a")
	time.Sleep(1100 * time.Millisecond)
	m := uint32(0o600)
	must[Attr](t)(w.f.Setattr(t.Context(), a.ID, nil, Change{Mode: &m}))
	h := must[*Handle](t)(w.f.Open(t.Context(), a.ID, syscall.O_RDONLY))
	h.Release()
	w.ok(w.f.Sync(t.Context()))
	if got := must[Attr](t)(w.f.Getattr(t.Context(), a.ID)); got.Mode&0o777 != 0o600 {
		t.Fatalf("%o", got.Mode)
	}
}

// rename a directory while a lookup below is under way.
func TestInterleavedLookupWhileDirRenamed(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "d/f", []byte("x"), nil)
	d := w.hold("d")
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "HeadObject" && r.Key == "d/f" || r.Op == "ListObjectsV2" && r.Key == "" && false {
			return &s3test.Fault{Before: 400 * time.Millisecond}
		}
		return nil
	})
	done := make(chan error, 1)
	go func() { _, err := w.f.Lookup(t.Context(), d.ID, "f"); done <- err }()
	time.Sleep(100 * time.Millisecond)
	w.ok(w.rename("d", "e"))
	t.Log("lookup:", <-done)
	if _, err := w.read("e/f"); err != nil {
		t.Fatal(err)
	}
}

// the directory is renamed while a file's rename waits for the file below it to be sent.
func TestInterleavedRenameStaleSpot(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("x", []byte("x")))
	w.ok(w.mkdir("d"))
	w.ok(w.create("d/keep", []byte("k")))
	h := must[*Handle](t)(w.open("d/keep", syscall.O_RDWR))
	defer h.Release()
	w.hold("x")
	slow(w, "CopyObject", "e/keep", 400*time.Millisecond, 0)
	one, two := make(chan error, 1), make(chan error, 1)
	go func() { two <- w.rename("d", "e") }()
	time.Sleep(150 * time.Millisecond)
	go func() { one <- w.rename("x", "d/b") }() // waits for the tree
	t.Log(<-one, <-two, w.srv.Keys("data"))
	if got, err := w.read("e/b"); err != nil {
		t.Fatalf("%q %v", got, err)
	}
}

// an interrupted rename whose node nobody else refers to.
func TestInterleavedInterruptedUnpin(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("a", []byte("precious")))
	slow(w, "CopyObject", "", 0, 300*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	t.Log("first:", w.f.Rename(ctx, RootID, "a", RootID, "b", false))
	time.Sleep(400 * time.Millisecond)
	if got, err := w.read("b"); err != nil {
		t.Fatalf("%q %v", got, err)
	}
}
