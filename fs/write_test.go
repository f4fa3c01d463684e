package fs

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

// counts runs fn and returns the requests that it cost.
func (w *world) counts(fn func()) map[string]int {
	w.srv.ResetCounts()
	fn()
	return w.srv.Counts()
}

func (w *world) wantCounts(got map[string]int, want map[string]int) {
	w.t.Helper()
	if !maps.Equal(got, want) {
		w.t.Errorf("requests %v, want %v", got, want)
	}
}

// TestRequestsOfWriting: a small file is one PUT and reading it back none; more files of a directory cost nothing else.
func TestRequestsOfWriting(t *testing.T) {
	w := newWorld(t)
	w.ok(w.mkdir("d"))
	w.wantCounts(w.counts(func() {
		for _, nm := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			w.ok(w.create("d/"+nm, []byte(nm)))
		}
	}), map[string]int{"PutObject": 8})
	w.wantCounts(w.counts(func() {
		if got := must[[]byte](t)(w.read("d/c")); string(got) != "c" {
			t.Errorf("read %q", got)
		}
	}), map[string]int{})
}

// TestWriteFindsItsDraft: a write to a file that has a draft finds it without an allocation: it neither makes its key nor looks at what else waits to be sent.
func TestWriteFindsItsDraft(t *testing.T) {
	w := newWorld(t)
	w.ok(w.mkdir("d"))
	h := must[*Handle](t)(w.open("d/f", syscall.O_WRONLY|syscall.O_CREAT))
	defer h.Release()
	must[int](t)(h.WriteAt(t.Context(), []byte("begun"), 0))
	n := testing.AllocsPerRun(100, func() {
		if _, err := w.f.draftOf(t.Context(), h.n); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations to find the draft of a file that is being written", n)
	}
}

// TestPartialUpdate: a change in the middle of a large object sends little, and takes what it needs of the old version in few requests.
func TestPartialUpdate(t *testing.T) {
	w := newWorld(t)
	data := random(40 << 20)
	w.srv.PutObject("data", "big", data, nil)
	got := w.counts(func() { w.ok(w.write("big", []byte("changed"), 20<<20, 0)) })
	if n := got["GetObject"]; n > 8 {
		t.Errorf("%d requests for 5 MiB of the old version", n)
	}
	delete(got, "GetObject")
	w.wantCounts(got, map[string]int{
		"HeadObject": 5, "ListObjectsV2": 1, "CreateMultipartUpload": 1, "UploadPartCopy": 2, "UploadPart": 1, "CompleteMultipartUpload": 1})
	copy(data[20<<20:], "changed")
	if !bytes.Equal(w.object("big"), data) {
		t.Error("the object is wrong")
	}
	if got := must[[]byte](t)(w.read("big")); !bytes.Equal(got, data) {
		t.Error("what is read back is wrong")
	}
}

// TestAppendAndTruncate through sizes around the limits of parts.
func TestAppendAndTruncate(t *testing.T) {
	w := newWorld(t)
	data := random(11 << 20)
	w.srv.PutObject("data", "f", data, nil)
	w.ok(w.write("f", []byte("tail"), 0, syscall.O_APPEND))
	data = append(data, "tail"...)
	if !bytes.Equal(w.object("f"), data) {
		t.Error("wrong after the append")
	}
	for _, size := range []int64{12 << 20, 6 << 20, 5<<20 + 1, 100, 0, 7 << 20} {
		a := w.hold("f")
		must[Attr](t)(w.f.Setattr(t.Context(), a.ID, nil, Change{Size: &size}))
		data = append(data, make([]byte, max(0, size-int64(len(data))))...)[:size]
		if !bytes.Equal(w.object("f"), data) {
			t.Errorf("wrong at size %d", size)
		}
	}
}

// TestLargeFileInParts: above the limit of one PUT the parts are right, and none of them is missing.
func TestLargeFileInParts(t *testing.T) {
	w := newWorld(t)
	data := random(70 << 20)
	w.ok(w.create("big", data))
	if !bytes.Equal(w.object("big"), data) {
		t.Error("the object is wrong")
	}
	if n := w.srv.Uploads("data"); n != 0 {
		t.Errorf("%d uploads left", n)
	}
	w.wantCounts(w.counts(func() {
		if got := must[[]byte](t)(w.read("big")); !bytes.Equal(got, data) {
			t.Error("read back wrong")
		}
	}), map[string]int{})
}

// TestLostUpdate: who comes second gets ESTALE, the other's version stays, ours is kept and can be sent.
func TestLostUpdate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before string // what the object is when it is opened, "" = absent
		change func(w *world)
		theirs string // "" = absent
	}{
		{"replaced", "old", func(w *world) { w.srv.PutObject("data", "f", []byte("theirs"), nil) }, "theirs"},
		{"removed", "old", func(w *world) { w.srv.Delete("data", "f") }, ""},
		{"created", "", func(w *world) { w.srv.PutObject("data", "f", []byte("theirs"), nil) }, "theirs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.before != "" {
				w.srv.PutObject("data", "f", []byte(tt.before), nil)
			}
			h := must[*Handle](t)(w.open("f", syscall.O_RDWR|syscall.O_CREAT))
			must[int](t)(h.WriteAt(t.Context(), []byte("ours"), 0))
			tt.change(w)
			w.wantErr(h.Flush(t.Context()), syscall.ESTALE)
			h.Release()
			got, err := w.read("f")
			if tt.theirs == "" {
				w.wantErr(err, os.ErrNotExist)
			} else if string(got) != tt.theirs {
				t.Errorf("read %q, %v", got, err)
			}
			kept := w.f.Status().Drafts
			if len(kept) != 1 || kept[0].State != "conflict" || kept[0].Path != "data/f" {
				t.Fatalf("kept: %+v", kept)
			}
			w.wantErr(w.f.RecoverSend(t.Context(), kept[0].ID, false), syscall.ESTALE)
			w.ok(w.f.RecoverSend(t.Context(), kept[0].ID, true))
			if got := string(w.object("f")); got != "ours" {
				t.Errorf("after recover: %q", got)
			}
		})
	}
}

// TestLastWriterWins: with Options.Overwrite close replaces what another client did meanwhile, in one sending more.
func TestLastWriterWins(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before string // what the object is when it is opened, "" = absent
		change func(w *world)
	}{
		{"replaced", "old", func(w *world) { w.srv.PutObject("data", "f", []byte("theirs"), nil) }},
		{"removed", "old", func(w *world) { w.srv.Delete("data", "f") }},
		{"created", "", func(w *world) { w.srv.PutObject("data", "f", []byte("theirs"), nil) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.Overwrite = true })
			if tt.before != "" {
				w.srv.PutObject("data", "f", []byte(tt.before), nil)
			}
			h := must[*Handle](t)(w.open("f", syscall.O_RDWR|syscall.O_CREAT|syscall.O_TRUNC))
			must[int](t)(h.WriteAt(t.Context(), []byte("ours"), 0))
			tt.change(w)
			w.ok(h.Flush(t.Context()))
			h.Release()
			if got := string(w.object("f")); got != "ours" {
				t.Errorf("object %q", got)
			}
			if got := must[[]byte](t)(w.read("f")); string(got) != "ours" {
				t.Errorf("read %q", got)
			}
			if kept := w.f.Status().Drafts; len(kept) != 0 {
				t.Errorf("kept: %+v", kept)
			}
		})
	}
}

// TestOverwriteNeedsTheBase: what the draft takes from a version that is gone, and was never read, cannot be made up: a conflict as without.
func TestOverwriteNeedsTheBase(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Overwrite = true })
	w.srv.PutObject("data", "f", random(3<<20), nil)
	h := must[*Handle](t)(w.open("f", syscall.O_RDWR))
	must[int](t)(h.WriteAt(t.Context(), []byte("ours"), 1<<20))
	w.srv.PutObject("data", "f", []byte("theirs"), nil)
	w.wantErr(h.Flush(t.Context()), syscall.ESTALE)
	h.Release()
	if got := string(w.object("f")); got != "theirs" {
		t.Errorf("object of %d bytes", len(got))
	}
	if kept := w.f.Status().Drafts; len(kept) != 1 || kept[0].State != "conflict" {
		t.Errorf("kept: %+v", kept)
	}
}

// TestFailedUpload: close says why, the bytes stay, and the next close sends them.
func TestFailedUpload(t *testing.T) {
	for _, tt := range []struct {
		fault s3test.Fault
		want  error
	}{
		{s3test.Fault{Status: 403, Code: "QuotaExceeded"}, s3.ErrQuota},
		{s3test.Fault{Status: 403, Code: "AccessDenied"}, os.ErrPermission},
		{s3test.Fault{Status: 400, Code: "EntityTooLarge"}, s3.ErrTooLarge},
	} {
		t.Run(tt.fault.Code, func(t *testing.T) {
			w := newWorld(t)
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op == "PutObject" {
					return &tt.fault
				}
				return nil
			})
			h := must[*Handle](t)(w.open("f", syscall.O_RDWR|syscall.O_CREAT))
			must[int](t)(h.WriteAt(t.Context(), []byte("precious"), 0))
			w.wantErr(h.Flush(t.Context()), tt.want)
			if got := must[[]byte](t)(w.read("f")); string(got) != "precious" {
				t.Errorf("read %q", got)
			}
			if e := w.f.Status().Errors; len(e) == 0 || e[0].Path != "f" {
				t.Errorf("errors told: %+v", e)
			}
			w.srv.Fault(nil)
			w.ok(h.Flush(t.Context()))
			h.Release()
			if got := string(w.object("f")); got != "precious" {
				t.Errorf("object %q", got)
			}
		})
	}
}

// TestSignalDoesNotStopAnUpload: ctx ends the waiting only.
func TestSignalDoesNotStopAnUpload(t *testing.T) {
	w := newWorld(t)
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY|syscall.O_CREAT))
	must[int](t)(h.WriteAt(t.Context(), []byte("data"), 0))
	w.srv.FaultOnce("PutObject", s3test.Fault{Before: 300 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	w.wantErr(h.Flush(ctx), context.DeadlineExceeded)
	h.Release()
	w.ok(w.f.Sync(t.Context()))
	if got := string(w.object("f")); got != "data" {
		t.Errorf("object %q", got)
	}
	if n := w.srv.Count("PutObject"); n != 1 {
		t.Errorf("%d PUTs", n)
	}
}

// TestUnlinkedAndReplaced: open files go on working.
func TestUnlinkedAndReplaced(t *testing.T) {
	w := newWorld(t)
	data := random(3 << 20)
	for _, nm := range []string{"unlinked", "replaced", "moved"} {
		w.srv.PutObject("data", nm, data, nil)
	}
	w.ok(w.create("other", []byte("other")))
	handles := map[string]*Handle{}
	for _, nm := range []string{"unlinked", "replaced", "moved"} {
		handles[nm] = must[*Handle](t)(w.open(nm, syscall.O_RDWR))
	}
	w.ok(w.unlink("unlinked"))
	w.ok(w.rename("other", "replaced"))
	w.ok(w.rename("moved", "there"))
	for nm, h := range handles {
		if got := must[[]byte](t)(readAll(t, h)); !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, wrong", nm, len(got))
		}
		must[int](t)(h.WriteAt(t.Context(), []byte("more"), 0))
		w.ok(h.Flush(t.Context()))
		h.Release()
	}
	want := []string{"replaced", "there"}
	if got := w.srv.Keys("data"); !slices.Equal(got, want) {
		t.Errorf("keys %q", got)
	}
	if got := string(w.object("replaced")); got != "other" {
		t.Errorf("replaced is %q", got)
	}
	if got := w.object("there"); string(got[:4]) != "more" || !bytes.Equal(got[4:], data[4:]) {
		t.Error("a write to a file that was renamed while open went astray")
	}
	if d := w.f.Status().Drafts; len(d) != 0 {
		t.Errorf("drafts left: %+v", d)
	}
}

// TestConcurrentWriters: many handles of one file, and many files, at once.
func TestConcurrentWriters(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			h, err := w.open("shared", syscall.O_WRONLY|syscall.O_CREAT)
			if err != nil {
				t.Error(err)
				return
			}
			defer h.Release()
			if _, err := h.WriteAt(t.Context(), bytes.Repeat([]byte{byte('a' + i%26)}, 100), int64(i)*100); err != nil {
				t.Error(err)
			}
			if err := h.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := w.object("shared")
	for i := range 32 {
		if !bytes.Equal(got[i*100:i*100+100], bytes.Repeat([]byte{byte('a' + i%26)}, 100)) {
			t.Errorf("the bytes of writer %d are gone", i)
		}
	}
}

// TestAppenders: O_APPEND from two handles loses nothing.
func TestAppenders(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("log", nil))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			h, err := w.open("log", syscall.O_WRONLY|syscall.O_APPEND)
			if err != nil {
				t.Error(err)
				return
			}
			defer h.Release()
			for range 50 {
				if _, err := h.WriteAt(t.Context(), []byte("line\n"), 0); err != nil {
					t.Error(err)
				}
			}
			if err := h.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := w.object("log"); !bytes.Equal(got, bytes.Repeat([]byte("line\n"), 200)) {
		t.Errorf("%d bytes", len(got))
	}
}

// TestVerified: what arrives is what was sent, or close fails.
func TestVerified(t *testing.T) {
	w := newWorld(t)
	w.srv.FaultOnce("PutObject", s3test.Fault{ETag: "00000000000000000000000000000000"})
	w.ok(w.create("f", []byte("right")))
	sum := md5.Sum([]byte("right"))
	o, err := w.srv.Object("data", "f")
	if err != nil || o.ETag != hex.EncodeToString(sum[:]) {
		t.Errorf("ETag %s, %v", o.ETag, err)
	}
}
