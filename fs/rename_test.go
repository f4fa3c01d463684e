package fs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// TestRenameOverAnOpenFileFails: a file that stays because the store refused keeps no draft that nobody wrote, by rename and by unlink.
func TestRenameOverAnOpenFileFails(t *testing.T) {
	for _, op := range []string{"CopyObject", "DeleteObject"} {
		w := newWorld(t)
		w.ok(w.create("a", []byte("one")))
		w.ok(w.create("b", []byte("two")))
		h := must[*Handle](t)(w.open("b", syscall.O_RDONLY))
		refuse(w, op, 403, "AccessDenied")
		if op == "CopyObject" {
			w.wantErr(w.rename("a", "b"), os.ErrPermission)
		} else {
			w.wantErr(w.unlink("b"), os.ErrPermission)
		}
		w.srv.Fault(nil)
		w.srv.ResetCounts()
		if got := must[[]byte](t)(readAll(t, h)); string(got) != "two" {
			t.Errorf("%s: %q", op, got)
		}
		h.Release()
		w.ok(w.f.Sync(t.Context()))
		if n := w.srv.Count("PutObject"); n != 0 {
			t.Errorf("%s: the file was sent though nobody changed it", op)
		}
		w.stop()
	}
}

// TestRenameWhoseSourceStays: a rename that may not remove its source leaves the names as they were.
func TestRenameWhoseSourceStays(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("a", []byte("one")))
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "DeleteObject" && r.Key == "a" {
			return &s3test.Fault{Status: 403, Code: "AccessDenied"}
		}
		return nil
	})
	w.wantErr(w.rename("a", "b"), os.ErrPermission)
	if got := w.srv.Keys("data"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("keys %q", got)
	}
	if got := must[[]byte](t)(w.read("a")); string(got) != "one" {
		t.Errorf("%q", got)
	}
}

// TestRenameBothWays: mv a b that was interrupted and mv b a at once do not wait for each other for ever.
func TestRenameBothWays(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("a", []byte("one")))
	w.ok(w.create("b", []byte("two")))
	a, b := w.f.nodes[w.hold("a").ID], w.f.nodes[w.hold("b").ID]
	for range 50 {
		done := make(chan error, 2)
		gate := make(chan struct{})
		for _, pair := range [][2]*node{{a, b}, {b, a}} {
			go func() {
				<-gate
				done <- w.f.together(t.Context(), pair[0], pair[1], func() error { return nil })
			}()
		}
		close(gate)
		w.ok(<-done)
		w.ok(<-done)
	}
	// The lower id first, whoever asks: with the lower one's gate taken neither takes the other's.
	low, high := a, b
	if high.id < low.id {
		low, high = high, low
	}
	w.ok(low.gate.Acquire(t.Context(), whole))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	done := make(chan error)
	go func() { done <- w.f.together(ctx, high, low, func() error { return nil }) }()
	for !w.f.tree.TryAcquire(whole) && ctx.Err() == nil { // until it holds the tree's gate, and so is at the files'
		if !high.gate.TryAcquire(whole) {
			t.Error("the higher one's gate was taken first")
			break
		}
		high.gate.Release(whole)
	}
	w.wantErr(<-done, context.DeadlineExceeded)
	low.gate.Release(whole)
}

// TestRenameDirectoryWithPlainMarker: an empty object that means the directory goes along with it.
func TestRenameDirectoryWithPlainMarker(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "d", nil, nil)
	w.srv.PutObject("data", "d/f", []byte("x"), nil)
	must[[]string](t)(w.names(""))
	w.ok(w.rename("d", "e"))
	if got := w.srv.Keys("data"); !slices.Equal(got, []string{"e", "e/f"}) {
		t.Errorf("keys %q", got)
	}
	if got := must[[]string](t)(w.names("")); !slices.Equal(got, []string{"e/"}) {
		t.Errorf("names %q", got)
	}
}

// TestRenameDirectoryToOtherETags: where a copy gets another ETag than its source, open files go on with the copy, and what is cached stays so.
func TestRenameDirectoryToOtherETags(t *testing.T) {
	srv := s3test.New(t, s3test.AWS())
	srv.MakeBucket("data")
	w := newWorldOn(t, s3test.Of(t, srv), "data")
	data := random(40 << 20)
	w.ok(w.mkdir("d"))
	w.ok(w.create("d/f", data))
	before := must[s3test.Object](t)(srv.Object("data", "d/f")).ETag
	h := must[*Handle](t)(w.open("d/f", syscall.O_RDONLY))
	defer h.Release()
	must[[]byte](t)(readAll(t, h)) // the kernel has pages of it
	w.ok(w.rename("d", "e"))
	if after := must[s3test.Object](t)(srv.Object("data", "e/f")).ETag; after == before {
		t.Fatalf("the copy's ETag is the source's: %s", after)
	}
	srv.ResetCounts()
	if got := must[[]byte](t)(readAll(t, h)); !bytes.Equal(got, data) {
		t.Errorf("%d bytes, wrong", len(got))
	}
	again := must[*Handle](t)(w.open("e/f", syscall.O_RDONLY))
	defer again.Release()
	if !again.KeepCache() {
		t.Error("the kernel's pages were dropped")
	}
	if n := srv.Count("GetObject"); n != 0 {
		t.Errorf("%d reads of what is cached", n)
	}
}

// TestNoReplace: a rename that may not replace leaves both, files and directories.
func TestNoReplace(t *testing.T) {
	w := newWorld(t)
	for _, key := range []string{"a", "b", "d/f", "e/f"} {
		w.srv.PutObject("data", key, []byte(key), nil)
	}
	for _, p := range [][2]string{{"a", "b"}, {"d", "e"}, {"a", "d"}, {"d", "a"}} {
		w.wantErr(w.f.Rename(t.Context(), RootID, p[0], RootID, p[1], true), os.ErrExist)
	}
	w.ok(w.f.Rename(t.Context(), RootID, "a", RootID, "c", true))
	if got := w.srv.Keys("data"); !slices.Equal(got, []string{"b", "c", "d/f", "e/f"}) {
		t.Errorf("keys %q", got)
	}
}

// TestClosedMountKeepsNoPins: what is refused because the mount is closed holds nothing.
func TestClosedMountKeepsNoPins(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("a", []byte("x")))
	n := w.f.nodes[w.hold("a").ID]
	refs := n.refs
	w.f.mu.Lock()
	w.f.closed = true
	w.f.mu.Unlock()
	w.wantErr(w.rename("a", "b"), syscall.ENOTCONN)
	w.wantErr(w.unlink("a"), syscall.ENOTCONN)
	if n.refs != refs {
		t.Errorf("%d references, before %d", n.refs, refs)
	}
	w.f.mu.Lock()
	w.f.closed = false
	w.f.mu.Unlock()
}

// TestRequestsOfRenaming: a file costs a copy and a removal; a directory a copy for each object, a bulk removal for each thousand, and listings: of the
// sources and of nothing under the new name before, of both after, and of more than a thousand sources once more while they go.
func TestRequestsOfRenaming(t *testing.T) {
	w := newWorld(t)
	const n = 1100
	for i := range n {
		w.srv.PutObject("data", fmt.Sprintf("from/f%d", i), []byte{1}, nil)
	}
	w.srv.PutObject("data", "from/control\x01", []byte{1}, nil)
	w.srv.PutObject("data", "a", []byte{1}, nil)
	w.hold("from")
	w.hold("a")
	must[[]string](t)(w.names(""))             // so that the new names are known to be free
	w.ok(w.f.settling.Acquire(t.Context(), 1)) // markers are another test's
	defer w.f.settling.Release(1)
	w.wantCounts(w.counts(func() { w.ok(w.rename("a", "b")) }), map[string]int{"CopyObject": 1, "DeleteObject": 1})
	got := w.counts(func() { w.ok(w.rename("from", "to")) })
	w.wantCounts(got, map[string]int{"HeadObject": 1 /* of a marker of Hadoop's */, "ListObjectsV2": 2 + 1 + 2 + 2 + 2, "CopyObject": n + 1, "DeleteObjects": 2, "DeleteObject": 1})
}

// TestListWhileADirectoryMoves: a listing that was made before the sources went does not bring the old name back.
func TestListWhileADirectoryMoves(t *testing.T) {
	w := newWorld(t)
	w.srv.PutObject("data", "top/a/f", []byte("x"), nil)
	must[[]string](t)(w.names("top/a"))
	w.srv.FaultOnce("DeleteObjects", s3test.Fault{Before: 500 * time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- w.rename("top/a", "b") }()
	w.eventually(func() bool { return w.srv.Counts()["DeleteObjects"] == 1 })
	must[[]string](t)(w.names("top")) // sees the old keys
	w.ok(<-done)
	if got := must[[]string](t)(w.names("top")); len(got) != 0 {
		t.Errorf("names %q", got)
	}
	if got := must[[]string](t)(w.names("b")); !slices.Equal(got, []string{"f"}) {
		t.Errorf("names %q", got)
	}
}
