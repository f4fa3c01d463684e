package fs

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"allasfs/cache/powercut"
	"allasfs/s3"
	"allasfs/s3/s3test"
)

// TestCrash: after a crash what was closed is sent, what was open is kept, and nothing that was written is gone.
func TestCrash(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "old", []byte("0123456789"), nil)
	down := func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" {
			return &s3test.Fault{Status: 503}
		}
		return nil
	}
	w.srv.Fault(down)
	closed := must[*Handle](t)(w.open("closed", syscall.O_WRONLY|syscall.O_CREAT))
	must[int](t)(closed.WriteAt(t.Context(), []byte("closed"), 0))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	w.wantErr(closed.Flush(ctx), context.DeadlineExceeded)
	open := must[*Handle](t)(w.open("old", syscall.O_RDWR))
	must[int](t)(open.WriteAt(t.Context(), []byte("open"), 3))
	w.crash()
	w.srv.Fault(nil)
	w.start()
	w.eventually(func() bool { return len(w.f.Status().Drafts) == 1 })
	if got := string(w.object("closed")); got != "closed" {
		t.Errorf("object %q", got)
	}
	kept := w.f.Status().Drafts
	if len(kept) != 1 || kept[0].Path != "data/old" || kept[0].State != "open" {
		t.Fatalf("kept: %+v", kept)
	}
	file := t.TempDir() + "/saved"
	w.ok(w.f.RecoverSave(t.Context(), kept[0].ID, file))
	if got := readLocal(t, file); got != "012open789" {
		t.Errorf("saved %q", got)
	}
	w.ok(w.f.RecoverSend(t.Context(), kept[0].ID, false))
	if got := string(w.object("old")); got != "012open789" {
		t.Errorf("object %q", got)
	}
	if kept := w.f.Status().Drafts; len(kept) != 0 {
		t.Errorf("still kept: %+v", kept)
	}
}

// TestCrashAfterTheStoreHadIt: the answer was lost with the daemon; the next mount finds its own object and no conflict.
func TestCrashAfterTheStoreHadIt(t *testing.T) {
	for _, size := range []int{100, 40 << 20} {
		w := newWorld(t)
		data := random(size)
		h := must[*Handle](t)(w.open("f", syscall.O_WRONLY|syscall.O_CREAT))
		must[int](t)(h.WriteAt(t.Context(), data, 0))
		late := s3test.Fault{After: time.Minute}
		w.srv.FaultOnce("PutObject", late)
		w.srv.FaultOnce("CompleteMultipartUpload", late)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		w.wantErr(h.Flush(ctx), context.DeadlineExceeded)
		w.crash()
		if !bytes.Equal(w.object("f"), data) {
			t.Fatal("the store does not have it yet")
		}
		w.start()
		w.eventually(func() bool { return len(w.f.Status().Drafts) == 0 })
		if e := w.f.Status().Errors; len(e) > 0 {
			t.Errorf("errors: %+v", e)
		}
		if got := must[[]byte](t)(w.read("f")); !bytes.Equal(got, data) {
			t.Error("read back wrong")
		}
	}
}

// TestCrashAfterAPartialUpdate: the same of a change whose other bytes were copied from the version before, which is gone then.
func TestCrashAfterAPartialUpdate(t *testing.T) {
	w := newWorld(t)
	data := random(40 << 20)
	w.srv.PutObject("data", "f", data, nil)
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY))
	must[int](t)(h.WriteAt(t.Context(), []byte("changed"), 39<<20))
	copy(data[39<<20:], "changed")
	w.srv.FaultOnce("CompleteMultipartUpload", s3test.Fault{After: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	w.wantErr(h.Flush(ctx), context.DeadlineExceeded)
	w.crash()
	if !bytes.Equal(w.object("f"), data) {
		t.Fatal("the store does not have it yet")
	}
	w.srv.ResetCounts()
	w.start()
	w.eventually(func() bool { return len(w.f.Status().Drafts) == 0 })
	if e := w.f.Status().Errors; len(e) > 0 {
		t.Errorf("errors: %+v", e)
	}
	if n := w.srv.Count("CreateMultipartUpload"); n > 0 {
		t.Errorf("%d uploads of what is there already", n)
	}
	if got := must[[]byte](t)(w.read("f")); !bytes.Equal(got, data) {
		t.Error("read back wrong")
	}
}

// TestKeptFilesOfThisMount: a file that could not be sent is shown, and can be saved, sent and dropped while the mount goes on.
func TestKeptFilesOfThisMount(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "old", []byte("stored"), nil)
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" {
			return &s3test.Fault{Status: 403, Code: "QuotaExceeded"}
		}
		return nil
	})
	for _, nm := range []string{"new", "old", "sent"} {
		w.wantErr(w.create(nm, []byte("changed")), s3.ErrQuota)
	}
	byPath := map[string]string{}
	for _, d := range w.f.Status().Drafts {
		byPath[d.Path] = d.ID
	}
	if len(byPath) != 3 {
		t.Fatalf("kept: %v", byPath)
	}
	file := t.TempDir() + "/saved"
	w.ok(w.f.RecoverSave(t.Context(), byPath["data/old"], file))
	if got := readLocal(t, file); got != "changed" {
		t.Errorf("saved %q", got)
	}
	w.ok(w.f.RecoverDrop(t.Context(), byPath["data/old"]))
	w.ok(w.f.RecoverDrop(t.Context(), byPath["data/new"]))
	w.wantErr(w.f.RecoverDrop(t.Context(), byPath["data/new"]), os.ErrNotExist)
	if got := must[[]byte](t)(w.read("old")); string(got) != "stored" {
		t.Errorf("old reads %q", got)
	}
	if _, err := w.walk("new"); !isNotExist(err) {
		t.Errorf("new: %v", err)
	}
	w.srv.Fault(nil)
	w.ok(w.f.RecoverSend(t.Context(), byPath["data/sent"], false))
	if got := string(w.object("sent")); got != "changed" {
		t.Errorf("sent is %q", got)
	}
	if d := w.f.Status().Drafts; len(d) != 0 {
		t.Errorf("still kept: %+v", d)
	}
}

// TestRemovedStaysRemoved: what an earlier mount could not send does not bring back a name that was removed or renamed since; it is kept.
func TestRemovedStaysRemoved(t *testing.T) {
	for name, away := range map[string]func(w *world) error{
		"removed": func(w *world) error {
			w.srv.SetQuota(0, 0)
			if err := w.create("f", []byte("newer")); err == nil {
				w.t.Fatal("a write over the quota succeeded")
			}
			return w.unlink("f")
		},
		"renamed": func(w *world) error {
			w.srv.PutObject("data", "f", []byte("newer"), nil)
			w.srv.SetQuota(-1, -1)
			return w.rename("f", "g")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.srv.SetQuota(0, 0)
			w.wantErr(w.create("f", []byte("older")), s3.ErrQuota)
			settled := func() bool { return w.f.Status().Queue.Files == 0 }
			w.crash()
			w.start()
			w.ok(away(w))
			w.srv.SetQuota(-1, -1)
			w.crash()
			w.start()
			w.eventually(settled)
			if keys := w.srv.Keys("data"); slices.Contains(keys, "f") {
				t.Errorf("it is back: %q holds %q", keys, w.object("f"))
			}
			kept := w.f.Status().Drafts
			if len(kept) != 1 || kept[0].State != "conflict" {
				t.Errorf("kept: %+v", kept)
			}
		})
	}
}

// TestUnsureUploadIsNotAborted: an upload that the store may be completing still, when the crash came, is not aborted before the file got there another way:
// an abort beside a completion could take the parts away from the object.
func TestUnsureUploadIsNotAborted(t *testing.T) {
	w := newWorld(t)
	data := random(40 << 20)
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY|syscall.O_CREAT))
	must[int](t)(h.WriteAt(t.Context(), data, 0))
	w.srv.FaultOnce("CompleteMultipartUpload", s3test.Fault{Before: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	w.wantErr(h.Flush(ctx), context.DeadlineExceeded)
	w.crash()
	w.srv.ResetCounts()
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "CreateMultipartUpload" {
			return &s3test.Fault{Status: 403, Code: "AccessDenied"}
		}
		return nil
	})
	w.start()
	w.eventually(func() bool { return len(w.f.Status().Errors) > 0 })
	if n := w.srv.Count("AbortMultipartUpload"); n > 0 {
		t.Errorf("aborted %d times", n)
	}
	w.srv.Fault(nil)
	w.ok(w.f.Sync(t.Context()))
	if !bytes.Equal(w.object("f"), data) {
		t.Error("the store has other bytes")
	}
	w.left(0)
}

// TestUnsureUploadOfTheOlder: nor is that of a file that is kept for a person, as something newer was to be stored, or as it lost a write: only when the store must have
// ended with it.
func TestUnsureUploadOfTheOlder(t *testing.T) {
	w := newWorld(t, later)
	w.ok(w.create("f", random(singlePut+1)))
	asked := make(chan struct{}, 9)
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op != "CompleteMultipartUpload" {
			return nil
		}
		asked <- struct{}{}
		return &s3test.Fault{Before: time.Minute}
	})
	go func(f *FS) { _ = f.Sync(ctxOf(t)) }(w.f)
	<-asked
	w.crash()
	w.failing("CreateMultipartUpload")
	w.start(later)
	must[func()](t)(w.f.supersede(t.Context(), "data", "f"))
	w.srv.ResetCounts()
	for range 2 {
		w.crash() // waits for what had begun
		if n := w.srv.Count("AbortMultipartUpload"); n > 0 {
			t.Errorf("aborted %d times", n)
		}
		w.start(later)
		w.f.mu.Lock()
		left := w.f.aborts.left
		w.f.mu.Unlock()
		if len(left) != 1 || time.Until(left[0].Due) < abortUnsure/2 {
			t.Errorf("to be aborted later: %d", len(left))
		}
	}
	w.crash()
	if n := w.srv.Count("AbortMultipartUpload"); n > 0 {
		t.Errorf("aborted %d times", n)
	}
}

// TestSaveIsWholeOrNothing: a kept file that cannot be read to its end leaves nothing under the name that it was to be saved to, nor beside it; and no file is replaced.
func TestSaveIsWholeOrNothing(t *testing.T) {
	w := newWorld(t)
	data := random(3 << 20)
	w.srv.PutObject("data", "f", data, nil)
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY))
	must[int](t)(h.WriteAt(t.Context(), []byte("changed"), 0))
	w.crash()
	w.start()
	id := w.onlyOrphan().ID()
	w.srv.PutObject("data", "f", []byte("another client's"), nil) // the rest is nowhere any more
	dir := t.TempDir()
	if err := w.f.RecoverSave(t.Context(), id, dir+"/saved"); err == nil {
		t.Fatal("no error")
	}
	if left := must[[]os.DirEntry](t)(os.ReadDir(dir)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	w.srv.PutObject("data", "f", data, nil)
	var during []os.DirEntry
	var once sync.Once
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "GetObject" {
			once.Do(func() { during, _ = os.ReadDir(dir) })
		}
		return nil
	})
	w.ok(w.f.RecoverSave(t.Context(), id, dir+"/saved"))
	if len(during) != 1 || !strings.HasPrefix(during[0].Name(), PartOfSave(id)) {
		t.Errorf("while it was saved: %v", during)
	}
	copy(data, "changed")
	if readLocal(t, dir+"/saved") != string(data) {
		t.Error("other bytes were saved")
	}
	w.wantErr(w.f.RecoverSave(t.Context(), id, dir+"/saved"), os.ErrExist)
	disk := powercut.New(t)
	long := "/" + strings.Repeat("s", 255)
	w.ok(w.f.RecoverSave(t.Context(), id, disk.Mount()+long))
	disk.Cut(nil)
	if readLocal(t, disk.Mount()+long) != string(data) {
		t.Error("what a power cut left is something else")
	}
	if left := must[[]os.DirEntry](t)(os.ReadDir(dir)); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}
