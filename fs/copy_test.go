package fs

import (
	"bytes"
	"errors"
	"slices"
	"syscall"
	"testing"

	"allasfs/s3"
)

// copyTo opens a new file and makes its bytes from 0 on the first n of from; the handle is still open.
func (w *world) copyTo(from, to string, n int64) *Handle {
	w.t.Helper()
	in := must[*Handle](w.t)(w.open(from, syscall.O_RDONLY))
	defer in.Release()
	h := must[*Handle](w.t)(w.open(to, syscall.O_RDWR|syscall.O_CREAT|syscall.O_TRUNC))
	if got := must[int64](w.t)(h.CopyFrom(w.t.Context(), in, 0, 0, n)); got != n {
		w.t.Fatalf("copied %d of %d bytes", got, n)
	}
	return h
}

func (w *world) close(h *Handle) {
	w.t.Helper()
	w.ok(h.Flush(ctxOf(w.t)))
	h.Release()
}

func (w *world) wantSame(path string, want []byte) {
	w.t.Helper()
	if !bytes.Equal(w.object(path), want) {
		w.t.Errorf("object %s is wrong", path)
	}
	if got := must[[]byte](w.t)(w.read(path)); !bytes.Equal(got, want) {
		w.t.Errorf("%s reads wrong", path)
	}
}

// TestCopyMovesNoData: a copy of a whole file is one CopyObject, of any size, for a new file and over an old one, and has attributes of its own.
func TestCopyMovesNoData(t *testing.T) {
	for _, size := range []int{4096, 70 << 20} {
		w := newWorld(t)
		data := random(size)
		w.srv.PutObject("data", "a", data, nil)
		w.ok(w.create("old", []byte("old")))
		must[[]string](t)(w.names(""))
		for _, to := range []string{"b.txt", "old", "100%41"} {
			w.wantCounts(w.counts(func() { w.close(w.copyTo("a", to, int64(size))) }), map[string]int{"HeadObject": 1, "CopyObject": 1})
			w.wantSame(to, data)
		}
		h := must[s3.Object](t)(w.store.Head(t.Context(), "data", "b.txt"))
		if h.ContentType != contentType("b.txt") || h.Meta[metaMtime] == "" {
			t.Errorf("content type %q, metadata %v", h.ContentType, h.Meta)
		}
	}
}

// TestCopyOfRanges: pieces of a file anywhere, what is written or cut off afterwards, and what is read before the close.
func TestCopyOfRanges(t *testing.T) {
	w := newWorld(t)
	data := random(3 << 20)
	w.srv.PutObject("data", "a", data, nil)
	in := must[*Handle](t)(w.open("a", syscall.O_RDONLY))
	defer in.Release()
	h := w.copyTo("a", "b", 2<<20)
	want := slices.Clone(data[:2<<20])
	if got := must[[]byte](t)(readAll(t, h)); !bytes.Equal(got, want) {
		t.Error("reads wrong before the close")
	}
	must[int](t)(h.WriteAt(t.Context(), []byte("changed"), 1<<20))
	copy(want[1<<20:], "changed")
	if n := must[int64](t)(h.CopyFrom(t.Context(), in, 1<<20+7, 2<<20+100, 8<<20)); n != 2<<20-7 {
		t.Errorf("%d bytes up to the end of the source", n)
	}
	want = append(append(want, make([]byte, 100)...), data[1<<20+7:]...)
	if n := must[int64](t)(h.CopyFrom(t.Context(), in, 3<<20, 0, 10)); n != 0 {
		t.Errorf("%d bytes from behind the source's end", n)
	}
	must[int64](t)(h.CopyFrom(t.Context(), in, 0, 1<<20+2, 3)) // over local bytes
	copy(want[1<<20+2:], data[:3])
	size := int64(len(want)) - 5
	must[Attr](t)(w.f.Setattr(t.Context(), h.Node(), h, Change{Size: &size}))
	want = want[:size]
	w.close(h)
	w.wantSame("b", want)
}

// TestCopyLeftToTheKernel: a file with changes of its own, a second source, and a file from itself; handles that may not, and bad ranges.
func TestCopyLeftToTheKernel(t *testing.T) {
	w := newWorld(t)
	for _, nm := range []string{"a", "other", "dirty"} {
		w.ok(w.create(nm, []byte(nm+nm)))
	}
	h := w.copyTo("a", "b", 1)
	defer h.Release()
	ctx := t.Context()
	for _, nm := range []string{"other", "dirty"} {
		in := must[*Handle](t)(w.open(nm, syscall.O_RDWR))
		defer in.Release()
		if nm == "dirty" {
			must[int](t)(in.WriteAt(ctx, []byte("x"), 0))
		}
		_, err := h.CopyFrom(ctx, in, 0, 0, 1)
		w.wantErr(err, syscall.EOPNOTSUPP)
	}
	_, err := h.CopyFrom(ctx, h, 0, 10, 1)
	w.wantErr(err, syscall.EOPNOTSUPP)
	in := must[*Handle](t)(w.open("a", syscall.O_RDONLY))
	defer in.Release()
	_, err = in.CopyFrom(ctx, h, 0, 0, 1)
	w.wantErr(err, syscall.EBADF)
	_, err = h.CopyFrom(ctx, in, -1, 0, 1)
	w.wantErr(err, syscall.EINVAL)
	_, err = h.CopyFrom(ctx, in, 0, maxSize, 1)
	w.wantErr(err, syscall.EFBIG)
}

// TestCopyOutlivesItsSource: the source is removed, renamed, replaced or goes with its directory, here, before the copy is closed.
func TestCopyOutlivesItsSource(t *testing.T) {
	for nm, change := range map[string]func(w *world) error{
		"removed":              func(w *world) error { return w.unlink("d/a") },
		"renamed":              func(w *world) error { return w.rename("d/a", "d/c") },
		"renamed over":         func(w *world) error { return errors.Join(w.create("x", []byte("x")), w.rename("x", "d/a")) },
		"written":              func(w *world) error { return w.create("d/a", []byte("new")) },
		"directory renamed":    func(w *world) error { return w.rename("d", "e") },
		"removed and remade":   func(w *world) error { return errors.Join(w.unlink("d/a"), w.create("d/a", []byte("again"))) },
		"copy renamed over it": func(w *world) error { return errors.Join(w.rename("b", "d/a"), w.rename("d/a", "b")) },
	} {
		t.Run(nm, func(t *testing.T) {
			w := newWorld(t)
			data := random(3 << 20)
			w.srv.PutObject("data", "d/a", data, nil) // so that the cache has nothing of it
			h := w.copyTo("d/a", "b", int64(len(data)))
			w.forget()
			w.ok(change(w))
			w.close(h)
			w.wantSame("b", data)
		})
	}
}

// TestCopyOfWhatAnotherClientReplaced: never other bytes, and what was made of it is kept.
func TestCopyOfWhatAnotherClientReplaced(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "a", random(1<<20), nil)
	h := w.copyTo("a", "b", 1<<20)
	defer h.Release()
	w.srv.PutObject("data", "a", random(1<<20 + 1)[:1<<20], nil)
	w.wantErr(h.Flush(t.Context()), syscall.ESTALE)
	if _, err := w.store.Head(t.Context(), "data", "b"); !isNotExist(err) {
		t.Errorf("an object was made: %v", err)
	}
	if kept := w.f.Status().Drafts; len(kept) != 1 {
		t.Errorf("kept: %+v", kept)
	}
}

// TestCopyOverWhatAnotherClientMade keeps that, for a new name and for one that was there.
func TestCopyOverWhatAnotherClientMade(t *testing.T) {
	w := newWorld(t)
	for _, nm := range []string{"a", "old"} {
		w.ok(w.create(nm, []byte(nm)))
	}
	for _, nm := range []string{"new", "old"} {
		h := w.copyTo("a", nm, 1)
		w.srv.PutObject("data", nm, []byte("theirs"), nil)
		w.wantErr(h.Flush(t.Context()), syscall.ESTALE)
		h.Release()
		if got := string(w.object(nm)); got != "theirs" {
			t.Errorf("%s is %q", nm, got)
		}
	}
}

// TestCopyAfterACrash: the daemon ends between copy and close; the kept file can be saved and sent.
func TestCopyAfterACrash(t *testing.T) {
	w := newWorld(t)
	data := random(1 << 20)
	w.srv.PutObject("data", "a", data, nil)
	w.copyTo("a", "b", 1<<20)
	w.crash()
	w.start()
	kept := w.f.Status().Drafts
	if len(kept) != 1 || kept[0].Path != "data/b" {
		t.Fatalf("kept: %+v", kept)
	}
	file := t.TempDir() + "/saved"
	w.ok(w.f.RecoverSave(t.Context(), kept[0].ID, file))
	if readLocal(t, file) != string(data) {
		t.Error("saved wrong")
	}
	w.ok(w.f.RecoverSend(t.Context(), kept[0].ID, false))
	w.wantSame("b", data)
}
