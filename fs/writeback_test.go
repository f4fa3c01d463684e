package fs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"allasfs/s3/s3test"
	"allasfs/scripts/rapidtest"
)

func writeBack(o *Options) { o.WriteBack = true }

// later is writeBack with nothing sent before it is asked for.
func later(o *Options) { o.WriteBack, o.QueueAfter = true, time.Hour }

// down answers every upload with an error while it is on.
func (w *world) down(on bool) {
	if !on {
		w.srv.Fault(nil)
		return
	}
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" {
			return &s3test.Fault{Status: 403}
		}
		return nil
	})
}

// stateOf is where a file stands.
func (w *world) stateOf(path string) string {
	w.t.Helper()
	a, err := w.walk(path)
	w.ok(err)
	state, _ := w.f.StateOf(a.ID)
	return state
}

// TestWriteBackCloses: close makes no request, everybody sees the file, and it is in the store soon, or at the latest after Sync, in one request.
func TestWriteBackCloses(t *testing.T) {
	w := newWorld(t, later)
	begun := time.Now()
	w.ok(w.mkdir("d"))
	w.wantCounts(w.counts(func() {
		w.ok(w.create("d/a", []byte("first")))
		if d := w.f.Status().Drafts; len(d) != 1 || d[0].Since.Before(begun) || d[0].Since.After(time.Now()) {
			t.Errorf("kept since then: %+v, begun %v", d, begun)
		}
		if got := string(must[[]byte](t)(w.read("d/a"))); got != "first" {
			t.Errorf("read %q before it was sent", got)
		}
		if got := w.stateOf("d/a"); got != "queued" {
			t.Errorf("state %q after the close", got)
		}
	}), map[string]int{})
	w.wantCounts(w.counts(func() { w.ok(w.f.Sync(t.Context())) }), map[string]int{"PutObject": 1})
	if got := string(w.object("d/a")); got != "first" {
		t.Errorf("object %q", got)
	}
	if got := w.stateOf("d/a"); got != "clean" {
		t.Errorf("state %q after the sync", got)
	}
	if q := w.f.Status().Queue; q.Files != 0 || q.DoneFiles != 1 || q.DoneBytes != 5 {
		t.Errorf("status: %+v", q)
	}
}

// TestWriteBackByItself: a queued file gets to the store without anybody's asking.
func TestWriteBackByItself(t *testing.T) {
	w := newWorld(t, writeBack)
	w.ok(w.create("f", []byte("by itself")))
	w.eventually(func() bool { return w.f.Status().Queue.Files == 0 })
	if got := string(w.object("f")); got != "by itself" {
		t.Errorf("object %q", got)
	}
}

// TestWriteBackFolds: what happens to a file before its turn comes costs no request of its own.
func TestWriteBackFolds(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(w *world)
		want map[string]string // the bucket in the end
		puts int
	}{
		{"rewritten", func(w *world) {
			w.ok(w.create("f", []byte("one")))
			w.ok(w.create("f", []byte("two")))
			w.ok(w.write("f", []byte(" three"), 0, syscall.O_APPEND))
		}, map[string]string{"f": "two three"}, 1},
		{"removed", func(w *world) {
			w.ok(w.create("f", []byte("one")))
			w.ok(w.unlink("f"))
		}, map[string]string{}, 0},
		{"removed and made again", func(w *world) {
			w.ok(w.create("f", []byte("one")))
			w.ok(w.unlink("f"))
			w.ok(w.create("f", []byte("two")))
		}, map[string]string{"f": "two"}, 1},
		{"renamed", func(w *world) {
			w.ok(w.create("f.tmp", []byte("one")))
			w.ok(w.rename("f.tmp", "f"))
			_, err := w.walk("f.tmp")
			w.wantErr(err, os.ErrNotExist)
		}, map[string]string{"f": "one"}, 1},
		{"renamed over another that waits", func(w *world) {
			w.ok(w.create("f", []byte("old")))
			w.ok(w.create("f.tmp", []byte("new")))
			w.ok(w.rename("f.tmp", "f"))
		}, map[string]string{"f": "new"}, 1},
		{"renamed and its name used again", func(w *world) {
			w.ok(w.create("log", []byte("one")))
			w.ok(w.rename("log", "log.1"))
			w.ok(w.create("log", []byte("two")))
		}, map[string]string{"log": "two", "log.1": "one"}, 2},
		{"truncated by name", func(w *world) {
			w.ok(w.create("f", []byte("one")))
			size := int64(2)
			must[Attr](w.t)(w.f.Setattr(w.t.Context(), w.hold("f").ID, nil, Change{Size: &size}))
		}, map[string]string{"f": "on"}, 1},
		{"chmod", func(w *world) {
			w.ok(w.create("f", []byte("one")))
			w.chmod("f", 0o600)
		}, map[string]string{"f": "one"}, 1},
		{"link", func(w *world) {
			must[Attr](w.t)(w.f.Symlink(w.t.Context(), RootID, "f", "target"))
		}, map[string]string{"f": "target"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, later)
			must[[]string](t)(w.names("")) // so that looking for a name asks nothing
			want := map[string]int{"PutObject": tt.puts}
			if tt.puts == 0 {
				want = map[string]int{}
			}
			w.wantCounts(w.counts(func() {
				tt.do(w)
				w.ok(w.f.Sync(t.Context()))
			}), want)
			if got := len(w.remoteKeys()); got != len(tt.want) {
				t.Errorf("the bucket has %q", w.remoteKeys())
			}
			for key, data := range tt.want {
				if got := string(w.object(key)); got != data {
					t.Errorf("%s is %q, want %q", key, got, data)
				}
			}
		})
	}
}

// TestWriteBackRenameOverStored: the version that is replaced must still be the one that was there; a reader who has it open keeps it.
func TestWriteBackRenameOverStored(t *testing.T) {
	for _, changed := range []bool{false, true} {
		w := newWorld(t, later)
		w.srv.PutObject("data", "f", []byte("old"), nil)
		h := must[*Handle](t)(w.open("f", syscall.O_RDONLY))
		w.ok(w.create("f.tmp", []byte("new")))
		w.ok(w.rename("f.tmp", "f"))
		if changed {
			w.srv.PutObject("data", "f", []byte("theirs"), nil)
		}
		err := w.f.Sync(t.Context())
		if got := string(must[[]byte](t)(readAll(t, h))); got != "old" {
			t.Errorf("the open file reads %q", got)
		}
		h.Release()
		if !changed {
			w.ok(err)
			if got := string(w.object("f")); got != "new" {
				t.Errorf("object %q", got)
			}
			continue
		}
		w.wantErr(err, syscall.ESTALE)
		if got := string(w.object("f")); got != "theirs" {
			t.Errorf("object %q", got)
		}
		if kept := w.f.Status().Drafts; len(kept) != 1 || kept[0].State != "conflict" {
			t.Errorf("kept: %+v", kept)
		}
	}
}

// TestWriteBackConflictIsTold: another client was first. Nobody waited for the upload, so Sync tells it, again and again, until a person has decided.
func TestWriteBackConflictIsTold(t *testing.T) {
	w := newWorld(t, writeBack)
	w.ok(w.create("f", []byte("ours")))
	w.srv.PutObject("data", "f", []byte("theirs"), nil)
	w.eventually(func() bool { return w.f.Status().Queue.Files == 0 })
	for range 2 {
		if err := w.f.Sync(t.Context()); err == nil {
			t.Fatal("the sync tells nothing")
		}
	}
	w.ok(w.f.SyncBelow(t.Context(), "elsewhere"))
	if got := string(must[[]byte](t)(w.read("f"))); got != "theirs" {
		t.Errorf("read %q", got)
	}
	if got := w.stateOf("f"); got != "conflict" {
		t.Errorf("state %q", got)
	}
	kept := w.f.Status().Drafts
	if len(kept) != 1 {
		t.Fatalf("kept: %+v", kept)
	}
	w.ok(w.f.RecoverDrop(t.Context(), kept[0].ID))
	w.ok(w.f.Sync(t.Context()))
	if got := w.stateOf("f"); got != "clean" {
		t.Errorf("state %q in the end", got)
	}
}

// TestWriteBackTriesAgain: a store that refuses for a while costs nothing but time; Sync does not wait for better times but tells.
func TestWriteBackTriesAgain(t *testing.T) {
	w := newWorld(t, writeBack)
	w.down(true)
	w.ok(w.create("f", []byte("data")))
	if err := w.f.Sync(t.Context()); err == nil {
		t.Fatal("the sync tells nothing")
	}
	a, err := w.walk("f")
	w.ok(err)
	if state, why := w.f.StateOf(a.ID); state != "error" || why == "" {
		t.Errorf("state %q: %q", state, why)
	}
	w.down(false)
	w.eventually(func() bool { return w.f.Status().Queue.Files == 0 })
	if got := string(w.object("f")); got != "data" {
		t.Errorf("object %q", got)
	}
}

// TestWriteBackCrash: kill -9 right after the closes loses nothing; the next mount sends all by itself, with their attributes.
func TestWriteBackCrash(t *testing.T) {
	w := newWorld(t, later)
	w.srv.PutObject("data", "changed", []byte("0123456789"), map[string]string{"mode": "33216", "other": "kept"})
	w.down(true)
	must[[]string](t)(w.names("")) // a listing tells no attributes
	w.ok(w.write("changed", []byte("xx"), 2, 0))
	for i := range 100 {
		w.ok(w.create(fmt.Sprint("f", i), fmt.Appendf(nil, "data %d", i)))
	}
	w.ok(w.create("removed", []byte("x")))
	w.ok(w.unlink("removed"))
	w.ok(w.create("tmp", []byte("renamed")))
	w.ok(w.rename("tmp", "moved"))
	w.crash()
	w.down(false)
	w.start()
	w.eventually(func() bool { return len(w.f.Status().Drafts) == 0 })
	for i := range 100 {
		if got, want := string(w.object(fmt.Sprint("f", i))), fmt.Sprintf("data %d", i); got != want {
			t.Errorf("f%d is %q", i, got)
		}
	}
	if got := string(w.object("changed")); got != "01xx456789" {
		t.Errorf("changed is %q", got)
	}
	o, err := w.store.Head(t.Context(), "data", "changed")
	w.ok(err)
	if o.Meta["mode"] != "33216" || o.Meta["other"] != "kept" || o.Meta["mtime"] == "" {
		t.Errorf("metadata %v", o.Meta)
	}
	if got := string(w.object("moved")); got != "renamed" {
		t.Errorf("moved is %q", got)
	}
	if got := len(w.remoteKeys()); got != 102 {
		t.Errorf("%d objects", got)
	}
}

// TestManySmallFiles: 1 000 files in new directories cost one request each and nothing else, whether close waits or not.
func TestManySmallFiles(t *testing.T) {
	for _, change := range []func(*Options){func(*Options) {}, later} {
		w := newWorld(t, change)
		must[[]string](t)(w.names(""))
		w.wantCounts(w.counts(func() {
			for i := range 1000 {
				if i%100 == 0 {
					w.ok(w.mkdir(fmt.Sprint("d", i/100)))
				}
				w.ok(w.create(fmt.Sprintf("d%d/f%d", i/100, i), []byte("data")))
			}
			w.ok(w.f.Sync(t.Context()))
		}), map[string]int{"PutObject": 1000})
	}
}

// TestQueueIsBounded: more files than may wait are sent while their close waits.
func TestQueueIsBounded(t *testing.T) {
	w := newWorld(t, later, func(o *Options) { o.QueueFiles = 3 })
	must[[]string](t)(w.names(""))
	w.wantCounts(w.counts(func() {
		for i := range 5 {
			w.ok(w.create(fmt.Sprint(i), []byte("x")))
		}
	}), map[string]int{"PutObject": 2})
}

// TestFsyncWaits: fsync(2) means the store, with write-back too.
func TestFsyncWaits(t *testing.T) {
	w := newWorld(t, writeBack)
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY|syscall.O_CREAT))
	must[int](t)(h.WriteAt(t.Context(), []byte("x"), 0))
	w.ok(h.Fsync(t.Context()))
	if got := string(w.object("f")); got != "x" {
		t.Errorf("object %q", got)
	}
	w.wantCounts(w.counts(func() { w.ok(h.Flush(t.Context())); h.Release() }), map[string]int{})
}

// TestWriters64: many files are written and closed at once, and all arrive.
func TestWriters64(t *testing.T) {
	for _, change := range []func(*Options){func(*Options) {}, writeBack} {
		w := newWorld(t, change)
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				if err := w.create(fmt.Sprint(i), bytes.Repeat([]byte{byte(i)}, 300<<10)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		w.ok(w.f.Sync(t.Context()))
		for i := range 64 {
			if !bytes.Equal(w.object(fmt.Sprint(i)), bytes.Repeat([]byte{byte(i)}, 300<<10)) {
				t.Errorf("%d is wrong", i)
			}
		}
	}
}

// TestSyncBelow sends what lies there, and waits for nothing else.
func TestSyncBelow(t *testing.T) {
	w := newWorld(t, later)
	w.ok(w.mkdir("d"))
	for _, p := range []string{"d/a", "d2", "e"} {
		w.ok(w.create(p, []byte(p)))
	}
	w.wantCounts(w.counts(func() { w.ok(w.f.SyncBelow(t.Context(), "d")) }), map[string]int{"PutObject": 1})
	if got := string(w.object("d/a")); got != "d/a" {
		t.Errorf("object %q", got)
	}
}

// TestCloseOfKilledProgram: it does not wait, and the file is in the journal all the same.
func TestCloseOfKilledProgram(t *testing.T) {
	w := newWorld(t, writeBack)
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY|syscall.O_CREAT))
	must[int](t)(h.WriteAt(t.Context(), []byte("x"), 0))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_ = h.Flush(gone)
	h.Release()
	w.eventually(func() bool { return len(w.remoteKeys()) == 1 })
}

// TestQueuedFilesNeedNoMarker: the directory of files that wait is not kept by a marker that their upload would make superfluous.
func TestQueuedFilesNeedNoMarker(t *testing.T) {
	w := newWorld(t, later)
	w.ok(w.mkdir("d"))
	w.ok(w.mkdir("d/e"))
	w.ok(w.create("d/e/f", []byte("x")))
	w.wantCounts(w.counts(func() {
		w.ok(w.f.doLater(t.Context(), time.Now().Add(time.Hour)))
		w.ok(w.f.Sync(t.Context()))
	}), map[string]int{"PutObject": 1})
	if got := w.remoteKeys(); len(got) != 1 {
		t.Errorf("the bucket has %q", got)
	}
}

// TestModelWriteBack is TestModel with write-back: uploads as they come, and none before a sync, a remount or a rename that needs it.
func TestModelWriteBack(t *testing.T) {
	for name, change := range map[string]func(*Options){"soon": func(o *Options) { o.WriteBack, o.QueueAfter = true, time.Millisecond }, "later": later} {
		t.Run(name, func(t *testing.T) {
			rapidtest.Check(t, 25, func(rt *rapid.T) {
				x := &machine{m: model{keys: map[string][]byte{}}, change: change}
				x.w = newWorld(t, x.options)
				defer x.w.stop()
				rt.Repeat(x.steps())
			})
		})
	}
}
