package fs

import (
	"sync"
	"syscall"
	"testing"

	"allasfs/s3/s3test"
)

// written while it is sent, then the answer to Complete is lost; the next close
func TestRevdStaleETag(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.DirectFrom = -1 })
	h, err := w.open("f", syscall.O_CREAT|syscall.O_WRONLY)
	w.ok(err)
	b, file := w.kernelOpens(h)
	data := make([]byte, 40<<20)
	for i := range data {
		data[i] = 'a'
	}
	_, err = file.Write(data)
	w.ok(err)
	var once sync.Once
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "CompleteMultipartUpload" {
			return &s3test.Fault{CutAfter: true}
		}
		return nil
	})
	// after the parts were read, before noteWhole: the last UploadPart's answer waits
	_ = once
	w.srv.FaultOnce("UploadPart", s3test.Fault{After: 1e9})
	done := make(chan error, 1)
	go func() { done <- h.Flush(t.Context()) }()
	for w.srv.Count("UploadPart") < 3 {
	}
	for i := 0; i < 300000000; i++ {
	}
	_, err = file.WriteAt([]byte("bbbb"), 0)
	w.ok(err)
	t.Log("first close:", <-done)
	w.srv.Fault(nil)
	t.Log("second close:", h.Flush(t.Context()))
	file.Close()
	b.Close()
	h.Release()
	t.Log("sync:", w.f.Sync(ctxOf(t)))
	o, err := w.srv.Object("data", "f")
	t.Logf("object %.6q %v drafts %d", o.Data, err, len(w.cache.Drafts()))
	if len(o.Data) > 0 && string(o.Data[:4]) != "bbbb" {
		t.Error("LOST, and the second close returned 0?")
	}
}
