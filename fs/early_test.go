package fs

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// stream writes data in steps of 1 MiB to a new file, which stays open.
func (w *world) stream(path string, data []byte) *Handle {
	w.t.Helper()
	h := must[*Handle](w.t)(w.open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_TRUNC))
	for off := 0; off < len(data); off += 1 << 20 {
		must[int](w.t)(h.WriteAt(w.t.Context(), data[off:min(off+1<<20, len(data))], int64(off)))
	}
	return h
}

// left waits until n parts of the file that is being written have come to the store.
func (w *world) left(n int) {
	w.t.Helper()
	w.eventually(func() bool {
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		ended := 0
		for _, a := range w.f.earlies {
			a.mu.Lock()
			for _, p := range a.parts {
				select {
				case <-p.done:
					ended++
				default:
				}
			}
			a.mu.Unlock()
		}
		return ended == n
	})
}

// TestPartsLeaveWhileWriting: full parts are in the store before close, nothing of them shows, and the whole costs no request more than at close.
func TestPartsLeaveWhileWriting(t *testing.T) {
	w := newWorld(t)
	data := random(70<<20 + 5)
	w.wantCounts(w.counts(func() {
		h := w.stream("big", data)
		w.left(4)
		if _, err := w.srv.Object("data", "big"); err == nil {
			t.Error("the object is there before close")
		}
		w.ok(h.Flush(t.Context()))
		h.Release()
	}), map[string]int{"HeadObject": 3, "ListObjectsV2": 1, "CreateMultipartUpload": 1, "UploadPart": 5, "CompleteMultipartUpload": 1})
	if !bytes.Equal(w.object("big"), data) {
		t.Error("the object is wrong")
	}
	w.wantCounts(w.counts(func() {
		if got := must[[]byte](t)(w.read("big")); !bytes.Equal(got, data) {
			t.Error("read back wrong")
		}
	}), map[string]int{})
	if n := w.srv.Uploads("data"); n != 0 {
		t.Errorf("%d uploads left", n)
	}
}

// TestChangedAfterItLeft: what is written, cut, punched or grown after its part left is in the object, and only that part goes again.
func TestChangedAfterItLeft(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(w *world, h *Handle, data []byte) []byte
		again  int // parts sent in close, the tail included; -1 = one PUT
	}{
		{"rewritten", func(w *world, h *Handle, data []byte) []byte {
			must[int](w.t)(h.WriteAt(w.t.Context(), []byte("changed"), 20<<20))
			copy(data[20<<20:], "changed")
			return data
		}, 2},
		{"over a boundary", func(w *world, h *Handle, data []byte) []byte {
			must[int](w.t)(h.WriteAt(w.t.Context(), []byte("changed"), 32<<20-3))
			copy(data[32<<20-3:], "changed")
			return data
		}, 3},
		{"cut in a part", func(w *world, h *Handle, data []byte) []byte {
			size := int64(50 << 20)
			w.ok(w.f.truncate(w.t.Context(), h.n, size))
			return data[:size]
		}, 1},
		{"cut by a part", func(w *world, h *Handle, data []byte) []byte {
			w.ok(w.f.truncate(w.t.Context(), h.n, 40<<20))
			return data[:40<<20]
		}, 3},
		{"cut to little more than one PUT", func(w *world, h *Handle, data []byte) []byte {
			w.ok(w.f.truncate(w.t.Context(), h.n, 33<<20))
			return data[:33<<20]
		}, 3},
		{"cut and grown", func(w *world, h *Handle, data []byte) []byte {
			w.ok(w.f.truncate(w.t.Context(), h.n, 40<<20))
			w.ok(w.f.truncate(w.t.Context(), h.n, int64(len(data))))
			clear(data[40<<20:])
			return data
		}, 3},
		{"cut below what goes in parts", func(w *world, h *Handle, data []byte) []byte {
			w.ok(w.f.truncate(w.t.Context(), h.n, 100))
			return data[:100]
		}, -1},
		{"punched", func(w *world, h *Handle, data []byte) []byte {
			w.ok(h.Allocate(w.t.Context(), 1<<20, 1<<20, punchHole|keepSize))
			clear(data[1<<20 : 2<<20])
			return data
		}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			data := random(70 << 20)
			h := w.stream("f", data)
			defer h.Release()
			w.left(4)
			data = tt.change(w, h, data)
			got := w.counts(func() { w.ok(h.Flush(t.Context())) })
			want := tt.again
			if want < 0 {
				want = 0
			}
			if got["UploadPart"] != want || (got["PutObject"] == 1) != (tt.again < 0) {
				t.Errorf("requests %v, want %d parts", got, want)
			}
			if !bytes.Equal(w.object("f"), data) {
				t.Error("the object is wrong")
			}
			if n := w.srv.Uploads("data"); n != 0 {
				t.Errorf("%d uploads left", n)
			}
		})
	}
}

// TestAttributesOfEarlyParts: what is set while a file is written is in the object when close is back.
func TestAttributesOfEarlyParts(t *testing.T) {
	w := newWorld(t)
	data := random(70 << 20)
	h := w.stream("f", data)
	defer h.Release()
	w.left(4)
	when := time.Unix(1e9, 0)
	must[Attr](t)(w.f.Setattr(t.Context(), h.Node(), h, Change{Mtime: &when}))
	got := w.counts(func() { w.ok(h.Flush(t.Context())) })
	if o := must[s3test.Object](t)(w.srv.Object("data", "f")); o.Meta["mtime"] != "1000000000.000000000" || !bytes.Equal(o.Data, data) {
		t.Errorf("metadata %v", o.Meta)
	}
	if got["CopyObject"] != 1 {
		t.Errorf("requests %v", got)
	}
}

// TestFailedEarlyPart: the writer does not hear of it, and close sends what is missing.
func TestFailedEarlyPart(t *testing.T) {
	for _, op := range []string{"CreateMultipartUpload", "UploadPart"} {
		w := newWorld(t)
		w.srv.FaultOnce(op, s3test.Fault{Status: 403, Code: "AccessDenied"})
		data := random(70 << 20)
		h := w.stream("f", data)
		w.eventually(func() bool { return w.srv.Counts()[op] > 0 })
		w.ok(h.Flush(t.Context()))
		h.Release()
		if !bytes.Equal(w.object("f"), data) {
			t.Errorf("%s: the object is wrong", op)
		}
		if n := w.srv.Uploads("data"); n != 0 {
			t.Errorf("%s: %d uploads left", op, n)
		}
	}
}

// TestNotClosed: an upload of a file that is unlinked or renamed, or that a crash cut off, is aborted, and the bytes stay with the draft.
func TestNotClosed(t *testing.T) {
	data := random(70 << 20)
	begin := func(t *testing.T) (*world, *Handle) {
		w := newWorld(t)
		h := w.stream("f", data)
		w.left(4)
		return w, h
	}
	t.Run("unlinked", func(t *testing.T) {
		w, h := begin(t)
		defer h.Release()
		w.ok(w.unlink("f"))
		w.eventually(func() bool { return w.srv.Uploads("data") == 0 })
		if got := must[[]byte](t)(readAll(t, h)); !bytes.Equal(got, data) {
			t.Error("the open file reads wrong")
		}
	})
	t.Run("renamed", func(t *testing.T) {
		w, h := begin(t)
		w.ok(w.rename("f", "g"))
		w.ok(h.Flush(t.Context()))
		h.Release()
		if !bytes.Equal(w.object("g"), data) {
			t.Error("the object is wrong")
		}
		w.eventually(func() bool { return w.srv.Uploads("data") == 0 })
	})
	t.Run("crash", func(t *testing.T) {
		w, _ := begin(t)
		w.crash()
		w.start()
		w.eventually(func() bool { return w.srv.Uploads("data") == 0 })
		kept := w.f.Status().Drafts
		if len(kept) != 1 {
			t.Fatalf("kept: %+v", kept)
		}
		w.ok(w.f.RecoverSend(t.Context(), kept[0].ID, false))
		if !bytes.Equal(w.object("f"), data) {
			t.Error("the object is wrong")
		}
	})
}
