package mount

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/s3/s3test"
)

func TestRevMapOfCopy(t *testing.T) {
	m := directMount(t)
	data := strings.Repeat("d", 1<<20)
	m.put("a", data)
	in, out := must[*os.File](t)(os.Open(m.path("a"))), m.creating("b")
	copyAll(t, in, out, len(data))
	r := must[*os.File](t)(os.Open(m.path("b")))
	o, err := helper("mmap", "read", m.path("b"), "dddd", "100").CombinedOutput()
	t.Logf("mmap while open: %v %s", err, o)
	if err != nil {
		t.Error("a mapping shows zeros of a copied file")
	}
	ok(t, out.Close())
	o, err = helper("mmap", "read", m.path("b"), "dddd", "100").CombinedOutput()
	t.Logf("mmap after close returned 0, a reader has it open: %v %s", err, o)
	if err != nil {
		t.Error("a mapping shows zeros of a copied file that is in the store")
	}
	r.Close()
	in.Close()
}

func TestRevReadOfCopy(t *testing.T) {
	m := directMount(t)
	data := strings.Repeat("d", 1<<20)
	m.put("a", data)
	in, out := must[*os.File](t)(os.Open(m.path("a"))), m.creating("b")
	copyAll(t, in, out, len(data))
	when := time.Unix(1000000000, 0)
	ok(t, os.Chtimes(m.path("b"), when, when))
	ok(t, out.Sync())
	m.s3.ResetCounts()
	m.wantFile("b", data)
	fi := must[os.FileInfo](t)(os.Stat(m.path("b")))
	if !fi.ModTime().Equal(when) {
		t.Errorf("reading moved the mtime to %v", fi.ModTime())
	}
	ok(t, out.Close())
	m.idle()
	if n := m.s3.Count("PutObject"); n != 0 {
		t.Errorf("reading made %d uploads of all bytes", n)
	}
	in.Close()
}

func TestRevReadWhileCopied(t *testing.T) {
	m := directMount(t)
	data := strings.Repeat("d", 8<<20)
	m.put("a", data)
	in, out := must[*os.File](t)(os.Open(m.path("a"))), m.creating("b")
	_ = must[int](t)(unix.CopyFileRange(int(in.Fd()), nil, int(out.Fd()), nil, 4<<20, 0))
	arrived, let := make(chan struct{}, 100), make(chan struct{})
	m.s3.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "GetObject" {
			arrived <- struct{}{}
			<-let
		}
		return nil
	})
	res := make(chan error, 1)
	go func() {
		r, err := os.Open(m.path("b"))
		if err != nil {
			res <- err
			return
		}
		_, err = io.ReadFull(r, make([]byte, 4096))
		r.Close()
		res <- err
	}()
	<-arrived
	n, err := unix.CopyFileRange(int(in.Fd()), nil, int(out.Fd()), nil, 4<<20, 0)
	t.Log("second copy:", n, err)
	close(let)
	if err := <-res; err != nil {
		t.Error("the reader got", err)
	}
	m.s3.Fault(nil)
	t.Log("close:", out.Close())
	in.Close()
}
