package fs

import (
	"bytes"
	"os"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// failing refuses operations of those names.
func (w *world) failing(ops ...string) {
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		for _, op := range ops {
			if r.Op == op {
				return &s3test.Fault{Status: 403, Code: "AccessDenied"}
			}
		}
		return nil
	})
}

// aborted tells whether no upload is left in the store, and no note of one here.
func (w *world) aborted() bool {
	w.f.mu.Lock()
	left := len(w.f.aborts.left)
	w.f.mu.Unlock()
	return left == 0 && w.srv.Uploads("data") == 0 && w.notes() == 0
}

// notes is how many notes the journal has.
func (w *world) notes() int {
	w.t.Helper()
	return len(must[[]os.DirEntry](w.t)(os.ReadDir(w.dir + "/intents")))
}

// TestFailedAbortIsMadeUpFor: parts of an upload that failed, and that could not be aborted then, do not stay: this mount aborts it later, or else the next one.
func TestFailedAbortIsMadeUpFor(t *testing.T) {
	for _, crash := range []bool{false, true} {
		soon := func(o *Options) { o.ResumeAfter = 10 * time.Millisecond }
		w := newWorld(t, soon)
		w.failing("CompleteMultipartUpload", "AbortMultipartUpload")
		data := random(singlePut + 1)
		if w.create("f", data) == nil {
			t.Fatal("no error")
		}
		if n := w.srv.Uploads("data"); n != 1 {
			t.Fatalf("%d uploads", n)
		}
		w.ok(w.unlink("f")) // nothing else would look after it
		if crash {
			w.crash()
			w.srv.Fault(nil)
			w.start(soon)
		}
		w.srv.Fault(nil)
		w.eventually(w.aborted)
	}
}

// TestLeftUploadIsAbortedOnce: the upload that a crash left of a file is aborted with the first try to send that, and not with each that fails.
func TestLeftUploadIsAbortedOnce(t *testing.T) {
	w := newWorld(t, later)
	data := random(singlePut + 1)
	w.ok(w.create("f", data))
	w.failing("UploadPart", "AbortMultipartUpload")
	if w.f.Sync(t.Context()) == nil {
		t.Fatal("no error")
	}
	w.crash()
	w.failing("CreateMultipartUpload")
	w.srv.ResetCounts()
	w.start(later)
	for range 3 {
		if w.f.Sync(t.Context()) == nil {
			t.Fatal("no error")
		}
	}
	w.eventually(w.aborted)
	if n := w.srv.Count("AbortMultipartUpload"); n > 2 { // with the file, and by the note of the abort that failed before the crash
		t.Errorf("aborted %d times", n)
	}
	w.srv.Fault(nil)
	w.ok(w.f.Sync(t.Context()))
	if !bytes.Equal(w.object("f"), data) {
		t.Error("the store has other bytes")
	}
	if n := w.srv.Uploads("data"); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

// TestCopyInPartsLeavesNoUpload: of a rename that a store takes in parts alone, and that fails or that a crash cuts short, no upload stays; of one that succeeds no note does.
func TestCopyInPartsLeavesNoUpload(t *testing.T) {
	srv := s3test.New(t, s3test.WithCopyLimit(256<<20))
	srv.PutRepeated("data", "f", random(1000), 256<<20+1)
	soon := func(o *Options) { o.ResumeAfter = 10 * time.Millisecond }
	w := newWorldOn(t, s3test.Of(t, srv), "data", soon)
	noNote := func() {
		t.Helper()
		if n := w.notes(); n > 0 {
			t.Errorf("%d notes are left", n)
		}
	}
	w.failing("CompleteMultipartUpload", "AbortMultipartUpload")
	if w.rename("f", "g") == nil {
		t.Fatal("no error")
	}
	if n := w.srv.Uploads("data"); n != 1 {
		t.Fatalf("%d uploads", n)
	}
	w.crash()
	w.srv.Fault(nil)
	w.start(soon)
	w.eventually(w.aborted)
	noNote()
	w.ok(w.rename("f", "g"))
	noNote()
}

// TestCopyInPartsThatMayComplete: an upload of a copy whose completion a gateway did not answer is not aborted at once: the store may be completing it.
func TestCopyInPartsThatMayComplete(t *testing.T) {
	srv := s3test.New(t, s3test.WithCopyLimit(256<<20))
	srv.PutRepeated("data", "f", random(1000), 256<<20+1)
	w := newWorldOn(t, s3test.Of(t, srv), "data", func(o *Options) { o.ResumeAfter = time.Millisecond })
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "CompleteMultipartUpload" {
			return &s3test.Fault{Status: 504, Code: "GatewayTimeout"}
		}
		return nil
	})
	if w.rename("f", "g") == nil {
		t.Fatal("no error")
	}
	if n := w.srv.Count("AbortMultipartUpload"); n > 0 || w.notes() != 1 {
		t.Errorf("%d aborts; %d notes of an upload", n, w.notes())
	}
}
