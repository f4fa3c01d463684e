package fs

import (
	"io"
	"os/signal"
	"syscall"
	"testing"
)

// the journal cannot be written when the last handle goes, and the file was written since it was sent
func TestReveJournalFails(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.DirectFrom = -1 })
	h, err := w.open("f", syscall.O_CREAT|syscall.O_WRONLY)
	w.ok(err)
	b, file := w.kernelOpens(h)
	_, err = io.WriteString(file, "one")
	w.ok(err)
	w.ok(h.Fsync(t.Context()))
	_, err = io.WriteString(file, "two")
	w.ok(err)
	file.Close()
	signal.Ignore(syscall.SIGXFSZ)
	var was syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was)
	lim := was
	lim.Cur = 100
	syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lim)
	ferr := h.Flush(t.Context())
	b.Close()
	syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was)
	h.Release()
	t.Log("flush:", ferr)
	t.Log("sync:", w.f.Sync(ctxOf(t)))
	o, err := w.srv.Object("data", "f")
	t.Logf("object %q %v drafts %d", o.Data, err, len(w.cache.Drafts()))
	if string(o.Data) != "onetwo" && len(w.cache.Drafts()) == 0 {
		t.Error("LOST: neither stored nor kept")
	}
}
