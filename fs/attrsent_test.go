package fs

import (
	"bytes"
	"maps"
	"sync/atomic"
	"syscall"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// uploadKinds are sizes of files that go out by one PUT and by a multipart upload, and the request that makes the object.
var uploadKinds = map[string]struct {
	size int
	last string
	want map[string]int // requests of its upload
}{
	"put":       {100, "PutObject", map[string]int{"PutObject": 1}},
	"multipart": {singlePut + 1, "CompleteMultipartUpload", map[string]int{"CreateMultipartUpload": 1, "UploadPart": 3, "HeadObject": 2, "CompleteMultipartUpload": 1}},
}

// setSome gives a file a mode, a time and an attribute of a program, while it may be on its way to the store.
func (w *world) setSome(path string) {
	w.t.Helper()
	w.chmod(path, 0o600)
	w.setXattr(path, "user.odd", "\xff")
	a := w.hold(path)
	mtime := a.Mtime.AddDate(-1, 0, 0)
	must[Attr](w.t)(w.f.Setattr(w.t.Context(), a.ID, nil, Change{Mtime: &mtime}))
}

// wantSome checks that the store has what setSome set.
func (w *world) wantSome(path string) {
	w.t.Helper()
	a := must[Attr](w.t)(w.walk(path))
	v, err := w.f.Getxattr(w.t.Context(), a.ID, "user.odd")
	if m := w.metaOf(path); err != nil || string(v) != "\xff" || m[metaMode] != "33152" || m[metaMtime] != formatTime(a.Mtime) || len(m) != 3 {
		w.t.Errorf("metadata %v, user.odd %q, %v", m, v, err)
	}
}

// TestAttrsWhileItUploads: attributes that are set while a file is on its way follow it by one copy onto itself; its bytes are sent once, whoever closes the
// file meanwhile.
func TestAttrsWhileItUploads(t *testing.T) {
	for name, kind := range uploadKinds {
		for how, open := range map[string]bool{"closed": false, "open": true} {
			t.Run(name+" "+how, func(t *testing.T) {
				w := newWorld(t, writeBack)
				must[[]string](t)(w.names("")) // so that looking for the name asks nothing
				reached, goOn := make(chan struct{}), make(chan struct{})
				var held atomic.Bool
				w.srv.Fault(func(r s3test.Request) *s3test.Fault {
					if r.Op == kind.last && !held.Swap(true) {
						close(reached)
						<-goOn
					}
					return nil
				})
				want := maps.Clone(kind.want)
				want["CopyObject"] = 1
				w.wantCounts(w.counts(func() {
					w.ok(w.create("f", make([]byte, kind.size)))
					<-reached
					var h *Handle
					if open {
						h = must[*Handle](t)(w.open("f", syscall.O_RDWR))
						defer h.Release()
					}
					w.setSome("f")
					close(goOn)
					if open {
						w.ok(h.Flush(t.Context()))
					}
					w.ok(w.f.Sync(t.Context()))
				}), want)
				w.wantSome("f")
			})
		}
	}
}

// TestAttrsAfterALostAnswer: the store has a large file, and its answer was lost. Attributes that are set by then follow by a copy of the object onto itself; no
// byte is sent again.
func TestAttrsAfterALostAnswer(t *testing.T) {
	w := newImpatient(t, writeBack)
	heal := unanswered(w, "CompleteMultipartUpload")
	data := bytes.Repeat([]byte("x"), singlePut+1)
	w.ok(w.create("f", data))
	if w.f.Sync(t.Context()) == nil {
		t.Fatal("no error")
	}
	w.setSome("f")
	w.srv.ResetCounts()
	heal()
	w.ok(w.f.Sync(t.Context()))
	got := w.srv.Counts()
	if got["CopyObject"] != 1 || got["UploadPart"] > 0 || got["CreateMultipartUpload"] > 0 || got["PutObject"] > 0 {
		t.Errorf("requests %v", got)
	}
	w.wantSome("f")
	if !bytes.Equal(w.object("f"), data) {
		t.Error("the store has other bytes")
	}
}

// TestAttrsWhileItUploadsOutliveCrash: attributes that are set while a file is on its way are not lost when the daemon is killed after the store has made the
// object and before it has said so; what the store can be asked about is not sent again.
func TestAttrsWhileItUploadsOutliveCrash(t *testing.T) {
	for name, kind := range uploadKinds {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, writeBack)
			reached, goOn := make(chan struct{}), make(chan struct{})
			var held atomic.Bool
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op != kind.last {
					return nil
				}
				if held.Swap(true) {
					return &s3test.Fault{CutBefore: true}
				}
				close(reached)
				<-goOn
				return &s3test.Fault{CutAfter: true}
			})
			w.ok(w.create("f", make([]byte, kind.size)))
			<-reached
			w.setSome("f")
			close(goOn)
			w.eventually(func() bool { return len(w.srv.Keys("data")) == 1 })
			w.crash()
			w.srv.Fault(nil)
			w.srv.ResetCounts()
			w.start(writeBack)
			w.ok(w.f.Sync(t.Context()))
			if got := w.srv.Counts(); got["CopyObject"] != 1 || got["UploadPart"] > 0 {
				t.Errorf("requests %v", got)
			}
			w.wantSome("f")
			if left := w.f.Status().Drafts; len(left) > 0 {
				t.Errorf("kept: %+v", left)
			}
		})
	}
}

// TestAttrsAreToldAsSent: a store tells content type and metadata of an object as they were sent, by which attrsAfter knows that nothing has to be sent: a file with all
// kinds of attributes, once it is stored, has them.
func TestAttrsAreToldAsSent(t *testing.T) {
	s3test.Each(t, func(t *testing.T, e s3test.Endpoint) {
		w := newWorldOn(t, e, e.Bucket(t), later)
		w.ok(w.create("f.txt", []byte("text")))
		for name, value := range oddXattrs {
			w.setXattr("f.txt", name, value)
		}
		w.setSome("f.txt")
		w.f.mu.Lock()
		d := w.f.nodes[RootID].children["f.txt"].draft
		w.f.mu.Unlock()
		attrs := d.Attrs()
		w.ok(w.f.Sync(t.Context()))
		there := must[s3.Object](t)(w.store.Head(t.Context(), w.bucket, "f.txt"))
		if there.ContentType != attrs.ContentType || !maps.Equal(there.Meta, attrs.Meta) {
			t.Errorf("sent %q %v, told %q %v", attrs.ContentType, attrs.Meta, there.ContentType, there.Meta)
		}
	})
}

// TestAttrsAreNotedBeforeTheDraftGoes: attributes that were set while a file was on its way are in the journal at every moment: with the draft, or noted as those of
// the version that it has become.
func TestAttrsAreNotedBeforeTheDraftGoes(t *testing.T) {
	w := newWorld(t, writeBack)
	reached, goOn := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" && !held.Swap(true) {
			close(reached)
			<-goOn
		}
		return nil
	})
	w.ok(w.create("f", []byte("bytes")))
	<-reached
	w.setSome("f")
	id := w.hold("f").ID
	slow := &noted{} // the disk is slow to take the note
	slow.mu.Lock()
	w.f.mu.Lock()
	n := w.f.nodes[id]
	w.f.notes[n] = slow
	w.f.mu.Unlock()
	close(goOn)
	drafts := func() int { return len(w.cache.Drafts()) }
	w.eventually(func() bool {
		if n.drafting.TryLock() { // nobody is about to end the draft
			n.drafting.Unlock()
			return drafts() == 0
		}
		return len(w.srv.Keys("data")) > 0
	})
	if drafts() == 0 {
		t.Error("the draft went before what was set is noted")
	}
	slow.mu.Unlock()
	w.eventually(func() bool { return drafts() == 0 })
	w.crash()
	w.start(writeBack)
	w.ok(w.f.Sync(t.Context()))
	w.wantSome("f")
}
