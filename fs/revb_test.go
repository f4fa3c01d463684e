package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"allasfs/s3/s3test"
)

func (w *world) kernelOpens(h *Handle) (*Backing, *os.File) {
	w.t.Helper()
	b := h.BackingToWrite(true)
	if b == nil {
		w.t.Skip("not lent")
	}
	file, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", b.Fd()), os.O_RDWR, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return b, file
}

// a close that was interrupted (the program was killed) while the file is sent; what another thread wrote meanwhile
func TestRevReleasedWhileSent(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.DirectFrom = -1 })
	h, err := w.open("f", syscall.O_CREAT|syscall.O_WRONLY)
	w.ok(err)
	b, file := w.kernelOpens(h)
	_, err = io.WriteString(file, "one")
	w.ok(err)
	arrived, let := make(chan struct{}), make(chan struct{})
	once := false
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" && !once {
			once = true
			close(arrived)
			<-let
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Flush(ctx) }()
	<-arrived
	_, err = io.WriteString(file, "two") // thread 2, or another program
	w.ok(err)
	cancel()
	t.Log("flush:", <-done)
	file.Close()
	b.Close()
	h.Release()
	close(let)
	w.srv.Fault(nil)
	t.Log("sync:", w.f.Sync(ctxOf(t)))
	o, ok := w.srv.Object("data", "f")
	t.Logf("object %v %q", ok, o.Data)
	if string(o.Data) != "onetwo" {
		t.Errorf("LOST: the store has %q", o.Data)
	}
	got, err := w.read("f")
	t.Logf("read %q %v; drafts %d", got, err, len(w.cache.Drafts()))
	_ = errors.Is
}

// truncation to the stored size after more was written
func TestRevTruncateSame(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.DirectFrom = -1 })
	h, err := w.open("f", syscall.O_CREAT|syscall.O_WRONLY)
	w.ok(err)
	b, file := w.kernelOpens(h)
	_, err = io.WriteString(file, "abc")
	w.ok(err)
	w.ok(h.Fsync(t.Context()))
	_, err = io.WriteString(file, "def")
	w.ok(err)
	size := int64(3)
	a, err := w.f.Setattr(t.Context(), h.Node(), h, Change{Size: &size})
	w.ok(err)
	if a.Size != 3 {
		t.Errorf("size %d after ftruncate(3)", a.Size)
	}
	w.ok(h.Flush(t.Context()))
	file.Close()
	b.Close()
	h.Release()
	o, _ := w.srv.Object("data", "f")
	if string(o.Data) != "abc" {
		t.Errorf("WRONG: the store has %q", o.Data)
	}
}

func TestRevReleasedWhileSentPoison(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.DirectFrom = -1 })
	h, err := w.open("f", syscall.O_CREAT|syscall.O_WRONLY)
	w.ok(err)
	b, file := w.kernelOpens(h)
	data := make([]byte, 4<<20)
	for i := range data {
		data[i] = 'a'
	}
	_, err = file.Write(data)
	w.ok(err)
	arrived, let := make(chan struct{}), make(chan struct{})
	w.srv.Fault(func(r s3test.Request) *s3test.Fault { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	w.srv.FaultOnce("PutObject", s3test.Fault{After: 2e9})
	go func() { done <- h.Flush(ctx) }()
	for w.srv.Count("PutObject") == 0 {
	}
	_ = arrived
	_ = let
	// the body is read by now or nearly
	for i := 0; i < 50000000; i++ {
	}
	_, err = file.WriteAt([]byte("bbbb"), 0)
	w.ok(err)
	cancel()
	t.Log("flush:", <-done)
	file.Close()
	b.Close()
	h.Release()
	t.Log("sync:", w.f.Sync(ctxOf(t)))
	o, _ := w.srv.Object("data", "f")
	got, err := w.read("f")
	t.Logf("object %.6q, read %.6q %v; drafts %d", o.Data, got, err, len(w.cache.Drafts()))
	if string(o.Data) != string(got) {
		t.Error("POISONED: what is read is not what is stored")
	}
}
