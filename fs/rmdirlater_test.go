package fs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// leaves is a mount of leaves directories t/dNNN with per files each, all of which has been listed, as `rm -r` does first.
func leaves(t *testing.T, dirs, per int, change ...func(*Options)) *world {
	t.Helper()
	w := newWorld(t, change...)
	for i := range dirs {
		for j := range per {
			w.srv.PutObject("data", leaf(i)+fmt.Sprintf("/f%d", j), []byte("x"), nil)
		}
	}
	return w
}

func leaf(i int) string { return fmt.Sprintf("t/d%03d", i) }

// removeLeaves removes files and directories as `rm -r t` does, up to t itself; errors of directories are told.
func (w *world) removeLeaves(dirs int) (failed []string) {
	w.t.Helper()
	must[[]string](w.t)(w.names("t"))
	for i := range dirs {
		for _, nm := range must[[]string](w.t)(w.names(leaf(i))) {
			w.ok(w.unlink(leaf(i) + "/" + nm))
		}
		if err := w.rmdir(leaf(i)); err != nil {
			failed = append(failed, leaf(i))
		}
	}
	return failed
}

// TestRemovingManyDirectories: `rm -r` of many small directories costs no request a directory.
func TestRemovingManyDirectories(t *testing.T) {
	const dirs, per = 300, 10
	w := leaves(t, dirs, per)
	got := w.counts(func() {
		if failed := w.removeLeaves(dirs); len(failed) > 0 {
			t.Errorf("not removed: %q", failed)
		}
		w.ok(w.rmdir("t"))
	})
	if sum := got["ListObjectsV2"] + got["DeleteObject"] + got["DeleteObjects"] + got["HeadObject"] + got["PutObject"]; sum > dirs/3 {
		t.Errorf("%d requests: %v", sum, got)
	}
	w.ok(w.f.Sync(t.Context()))
	if left := w.srv.Keys("data"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if names := must[[]string](t)(w.names("")); len(names) > 0 {
		t.Errorf("names %q", names)
	}
}

// TestRemovingMarkedDirectories: markers go with them, and none comes back.
func TestRemovingMarkedDirectories(t *testing.T) {
	const dirs = 100
	w := leaves(t, dirs, 1)
	for i := range dirs {
		w.srv.PutObject("data", leaf(i)+"/", nil, nil)
	}
	if failed := w.removeLeaves(dirs); len(failed) > 0 {
		t.Errorf("not removed: %q", failed)
	}
	w.ok(w.rmdir("t"))
	w.ok(w.f.Sync(t.Context()))
	if left := w.srv.Keys("data"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestChildElsewhereWhileRemoving: what another client puts into a directory that is removed unseen stays, the directory above is not removed, and shows it.
func TestChildElsewhereWhileRemoving(t *testing.T) {
	const dirs = 60
	w := leaves(t, dirs, 2)
	must[[]string](t)(w.names("t"))
	theirs := leaf(dirs-1) + "/theirs"
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "DeleteObjects" {
			w.srv.PutObject("data", theirs, []byte("y"), nil)
		}
		return nil
	})
	must[[]string](t)(w.names(leaf(dirs - 1))) // before they come
	w.removeLeaves(dirs)
	w.ok(w.f.o.Store.FlushDeletes(t.Context()))
	w.srv.Fault(nil)
	w.wantErr(w.rmdir("t"), s3.ErrNotEmpty)
	if keys := w.srv.Keys("data"); !slices.Equal(keys, []string{theirs}) {
		t.Fatalf("keys %q", keys)
	}
	if names := must[[]string](t)(w.names("t")); len(names) != 1 || !strings.HasPrefix(leaf(dirs-1), "t/"+strings.TrimSuffix(names[0], "/")) {
		t.Errorf("shown: %q", names)
	}
	if string(must[[]byte](t)(w.read(theirs))) != "y" {
		t.Error("it cannot be read")
	}
}

// TestLeafNotRemovedAfterAll: a directory that was removed unseen, and one of whose files the store refused to remove, shows again with it.
func TestLeafNotRemovedAfterAll(t *testing.T) {
	const dirs = 40
	w := leaves(t, dirs, 2)
	stays := leaf(dirs-1) + "/f1"
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "DeleteObjects" {
			return &s3test.Fault{Status: 403, Code: "AccessDenied"}
		}
		return nil
	})
	w.removeLeaves(dirs)
	_ = w.f.o.Store.FlushDeletes(t.Context()) // told by the file system
	w.srv.Fault(nil)
	if !slices.Contains(w.srv.Keys("data"), stays) {
		t.Fatal("it was removed")
	}
	must[Attr](t)(w.walk(stays))
	if names := must[[]string](t)(w.names("t")); !slices.Contains(names, strings.TrimPrefix(leaf(dirs-1), "t/")+"/") {
		t.Errorf("shown: %q", names)
	}
	if len(w.f.Status().Errors) == 0 {
		t.Error("nothing is told")
	}
}

// TestLeafMadeAgain: a directory that was removed unseen can be made again at once.
func TestLeafMadeAgain(t *testing.T) {
	const dirs = 40
	w := leaves(t, dirs, 2)
	for i := range dirs {
		w.srv.PutObject("data", leaf(i)+"/", nil, nil)
	}
	w.removeLeaves(dirs)
	w.ok(w.mkdir(leaf(dirs - 1)))
	w.ok(w.create(leaf(dirs-1)+"/new", []byte("new")))
	w.ok(w.f.Sync(t.Context()))
	if keys := w.srv.Keys("data"); !slices.Contains(keys, leaf(dirs-1)+"/new") || slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, "t/d0") && k != leaf(dirs-1)+"/new" }) {
		t.Errorf("keys %q", keys)
	}
}

// age makes the listing of a directory older than it may be trusted.
func (w *world) age(path string) {
	w.t.Helper()
	id := w.hold(path).ID
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	l := w.f.nodes[id].listing
	if !l.complete() {
		w.t.Fatalf("%s is not listed", path)
	}
	l.started = l.started.Add(-2 * w.f.o.TTL)
}

// TestLongRemoval: `rm -r` that lasts longer than the listing with which it began may be trusted costs no request a directory either.
func TestLongRemoval(t *testing.T) {
	const dirs = 200
	w := leaves(t, dirs, 3)
	must[[]string](t)(w.names("t"))
	for i := range dirs {
		must[Attr](t)(w.walk(leaf(i)))
	}
	w.age("t")
	got := w.counts(func() {
		for i := range dirs {
			for _, nm := range must[[]string](t)(w.names(leaf(i))) {
				w.ok(w.unlink(leaf(i) + "/" + nm))
			}
			w.ok(w.rmdir(leaf(i)))
		}
		w.ok(w.rmdir("t"))
	})
	t.Logf("%v", got)
	if sum := got["ListObjectsV2"] + got["DeleteObject"] + got["DeleteObjects"] + got["HeadObject"] + got["PutObject"]; sum > dirs {
		t.Errorf("%d requests: %v", sum, got)
	}
	w.ok(w.f.Sync(t.Context()))
	if left := w.srv.Keys("data"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
