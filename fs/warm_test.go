package fs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"allasfs/cache"
	"allasfs/s3/s3test"
)

// warm runs Warm to its end.
func (w *world) warm(paths ...string) WarmState {
	w.t.Helper()
	s, err := w.f.Warm(w.t.Context(), "id", paths)
	w.ok(err)
	return s
}

// filled are n bytes that tell objects apart.
func filled(n int, seed byte) []byte {
	b := bytes.Repeat([]byte{seed}, n)
	for i := 0; i < n; i += 1000 {
		b[i] = byte(i / 1000)
	}
	return b
}

// resize opens the file system again, with another cache in the same folder.
func (w *world) resize(o cache.Options) {
	w.t.Helper()
	w.stop()
	o.Dir = w.dir
	c, err := cache.Open(o)
	w.ok(err)
	w.cache = c
	w.f, err = New(Options{Store: w.store, Name: "test", Bucket: w.bucket, Cache: c})
	w.ok(err)
}

// TestWarmTree costs one listing for the whole tree and one request a file; reading after it, and warming again, costs no download.
func TestWarmTree(t *testing.T) {
	w := newWorld(t)
	for i := range 40 {
		w.remotePut(fmt.Sprintf("tree/d%d/f%d", i%5, i), filled(3000+i, byte(i)))
	}
	w.remotePut("tree/large", filled(20<<20, 7))
	w.remotePut("tree/d1/", nil) // a marker is no file
	w.remotePut("beside", filled(100, 1))
	w.srv.ResetCounts()
	s := w.warm("tree")
	if s.Files != 41 || s.DoneFiles != 41 || s.DoneBytes != s.Bytes || s.HadFiles != 0 || s.Failed != 0 || !s.Listed || s.Running {
		t.Fatalf("state: %+v", s)
	}
	if n := w.srv.Count("ListObjectsV2"); n > 2 { // one to find the path, one of the tree
		t.Errorf("%d listings", n)
	}
	step := int(w.cache.FillStep(warmSteps))
	if n, want := w.srv.Count("GetObject"), 40+(20<<20+step-1)/step; n != want {
		t.Errorf("%d downloads, want %d", n, want)
	}
	w.srv.ResetCounts()
	for _, key := range []string{"tree/d0/f0", "tree/d4/f39", "tree/large"} {
		if got := must[[]byte](t)(w.read(key)); !bytes.Equal(got, w.object(key)) {
			t.Errorf("%s is wrong", key)
		}
	}
	s = w.warm("tree", "tree/d1", "tree/large") // those are in it already
	if s.HadFiles != 41 || s.DoneFiles != 41 || s.HadBytes != s.Bytes || s.Files != 41 {
		t.Errorf("again: %+v", s)
	}
	if n := w.srv.Count("GetObject"); n != 0 {
		t.Errorf("%d downloads of what is there", n)
	}
	if got := w.f.Status().Warms; len(got) != 2 || got[1].Running {
		t.Errorf("status: %+v", got)
	}
}

// TestWarmWholeProject warms every bucket of a mount of all, and single files.
func TestWarmWholeProject(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Bucket = "" })
	w.srv.PutObject("data", "a", filled(100, 1), nil)
	w.srv.PutObject("more", "b/c", filled(100, 2), nil)
	if s := w.warm("more/b/c"); s.DoneFiles != 1 {
		t.Fatalf("state: %+v", s)
	}
	if s := w.warm(""); s.DoneFiles != 2 || s.HadFiles != 1 {
		t.Fatalf("state: %+v", s)
	}
}

// TestWarmMoreThanFits fills the cache, evicts none of what it fetched, and says how much was left.
func TestWarmMoreThanFits(t *testing.T) {
	w := newWorld(t)
	for i := range 30 {
		w.remotePut(fmt.Sprintf("tree/f%02d", i), filled(1<<20, byte(i)))
	}
	w.resize(cache.Options{Size: 16 << 20, Memory: 8 << 20})
	first := w.warm("tree")
	if first.LeftFiles == 0 || first.DoneFiles < 10 || first.DoneFiles+first.LeftFiles != 30 || first.Failed != 0 || first.Need <= first.Room {
		t.Fatalf("state: %+v", first)
	}
	if st := w.cache.Stats(); st.Used > st.Size {
		t.Errorf("the cache takes %d of %d", st.Used, st.Size)
	}
	w.srv.ResetCounts()
	again := w.warm("tree")
	if again.HadFiles != first.DoneFiles || w.srv.Count("GetObject") != 0 {
		t.Errorf("again: %d downloads, %+v", w.srv.Count("GetObject"), again)
	}
}

// TestWarmOfWhatIsInMemory: what the cache had no room for when it was read is in the cache's memory alone. It is warm when it is on disk.
func TestWarmOfWhatIsInMemory(t *testing.T) {
	w := newWorld(t)
	w.remotePut("lent0", filled(8<<20, 0))
	w.remotePut("lent1", filled(8<<20-80<<10, 1)) // next to nothing is left
	w.remotePut("read", filled(1<<20, 2))
	w.remotePut("later", filled(1, 3))
	o := cache.Options{Size: 16 << 20, Memory: 8 << 20}
	w.resize(o)
	var giveBack []func()
	for _, name := range []string{"lent0", "lent1"} {
		w.warm(name)
		h := must[*Handle](t)(w.open(name, 0))
		b := h.Backing(1)
		if b == nil {
			t.Fatal("not lent though whole")
		}
		giveBack = append(giveBack, b.Close, h.Release)
	}
	must[[]byte](t)(w.read("read"))
	w.warm("later") // comes to the disk, or not, after what was read
	for _, f := range giveBack {
		f()
	}
	w.srv.ResetCounts()
	if s := w.warm("read"); s.DoneFiles != 1 || s.HadFiles != 0 || s.Stopped != "" {
		t.Errorf("state: %+v", s)
	}
	w.resize(o)
	if got := must[[]byte](t)(w.read("read")); !bytes.Equal(got, w.object("read")) {
		t.Error("wrong bytes")
	}
	if n := w.srv.Count("GetObject"); n != 0 {
		t.Errorf("%d downloads of what is warm", n)
	}
}

// TestWarmChanged: an object that is replaced after it was listed is fetched as it is now; one that is removed is no error.
func TestWarmChanged(t *testing.T) {
	w := newWorld(t)
	w.remotePut("tree/changes", filled(5000, 1))
	w.remotePut("gone/goes", filled(5000, 1))
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "GetObject" && r.N == 1 {
			w.srv.PutObject("data", "tree/changes", filled(6000, 2), nil)
			w.srv.Delete("data", "gone/goes")
		}
		return nil
	})
	s := w.warm("tree")
	if s.Failed != 0 || s.Changed != 1 || s.DoneFiles != 1 || s.DoneBytes != 6000 || s.Bytes != 6000 {
		t.Fatalf("replaced: %+v", s)
	}
	w.remotePut("gone/goes", filled(5000, 1))
	w.srv.ResetCounts()
	if s = w.warm("gone"); s.Failed != 0 || s.Changed != 1 || s.Files != 0 || s.Bytes != 0 || s.Need != 0 {
		t.Fatalf("removed: %+v", s)
	}
	if r := must[HeldReport](t)(w.f.Held("tree", 1)); r.Files != 1 || r.Largest[0].Size != 6000 {
		t.Errorf("held: %+v", r)
	}
}

// TestWarmTellsFailures one by one, and goes on with the rest.
func TestWarmTellsFailures(t *testing.T) {
	w := newWorld(t)
	w.remotePut("tree/good", filled(5000, 1))
	w.remotePut("tree/locked", filled(5000, 2))
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "GetObject" && r.Key == "tree/locked" {
			return &s3test.Fault{Status: 403}
		}
		return nil
	})
	s := w.warm("tree")
	if s.Failed != 1 || s.DoneFiles != 1 || len(s.Errors) != 1 || s.Errors[0].Path != "tree/locked" || s.DoneBytes != 5000 {
		t.Fatalf("state: %+v", s)
	}
}

// TestWarmStops when its caller does, and goes on where it was.
func TestWarmStops(t *testing.T) {
	w := newWorld(t)
	for i := range 100 {
		w.remotePut(fmt.Sprintf("tree/f%d", i), filled(5000, byte(i)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "GetObject" && r.N == 20 {
			cancel()
		}
		return nil
	})
	s, err := w.f.Warm(ctx, "id", []string{""})
	if !errors.Is(err, context.Canceled) || s.Running || s.Stopped == "" || s.Failed != 0 || s.DoneFiles == 100 {
		t.Fatalf("%v, state: %+v", err, s)
	}
	w.srv.Fault(nil)
	w.srv.ResetCounts()
	s = w.warm("")
	got := w.srv.Count("GetObject") // and requests of the first that arrive after its end; those that arrived before it may end later
	if s.DoneFiles != 100 || s.HadFiles == 0 || s.HadFiles+got < 100-warmFiles || s.HadFiles+got > 100+warmFiles {
		t.Fatalf("%d downloads, state: %+v", got, s)
	}
}

// TestWarmLargeObjects fetches Swift large objects by their true size.
func TestWarmLargeObjects(t *testing.T) {
	w := newWorld(t)
	w.srv.PutDLO("data", "tree/dlo", "data", "seg/", filled(5000, 1), filled(4000, 2))
	s := w.warm("tree")
	if s.DoneFiles != 1 || s.DoneBytes != 9000 || s.Failed != 0 {
		t.Fatalf("state: %+v", s)
	}
	w.srv.ResetCounts()
	if got := must[[]byte](t)(w.read("tree/dlo")); len(got) != 9000 || w.srv.Count("GetObject") != 0 {
		t.Errorf("read %d bytes with %d downloads", len(got), w.srv.Count("GetObject"))
	}
}

// TestWarmNothing: a path that is not there, and a cache without a disk.
func TestWarmNothing(t *testing.T) {
	w := newWorld(t)
	w.remotePut("f", filled(10, 1))
	_, err := w.f.Warm(t.Context(), "id", []string{"f", "nowhere"})
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "nowhere: ") {
		t.Errorf("a path that is not there: %v", err)
	}
	w.ok(w.create("new", nil))
	w.resize(cache.Options{})
	w.wantErr(func() error { _, err := w.f.Warm(t.Context(), "id", []string{"f"}); return err }(), ErrNoCache)
}

// TestWarmLater goes on after the call, and ends with the mount.
func TestWarmLater(t *testing.T) {
	w := newWorld(t)
	w.remotePut("f", filled(10, 1))
	ctx, cancel := context.WithCancel(t.Context())
	s, err := w.f.WarmLater(ctx, "mine", []string{"f"})
	cancel()
	w.ok(err)
	if !s.Running || s.ID != "mine" {
		t.Fatalf("state: %+v", s)
	}
	w.stop()
}

// TestHeldAndEvict by paths of the mount, without a request.
func TestHeldAndEvict(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Prefix = "p/" })
	for key, n := range map[string]int{"p/a/1": 50_000, "p/a/2": 10_000, "p/a/sub/3": 100, "p/a-": 100, "p/b": 100} {
		w.remotePut(key, filled(n, 1))
	}
	w.warm("")
	w.srv.ResetCounts()
	held := func(path string) HeldReport {
		t.Helper()
		r, err := w.f.Held(path, 2)
		w.ok(err)
		return r
	}
	r := held("")
	if r.Files != 5 || r.Bytes > r.Cache.Used || r.Bytes < r.Cache.Used-4096 || len(r.Largest) != 2 || r.Largest[0].Path != "a/1" || len(r.Groups) != 3 || r.Groups[0].Path != "a/" || r.Groups[0].Files != 3 {
		t.Fatalf("held: %+v", r)
	}
	if r = held("a"); r.Files != 3 || len(r.Groups) != 3 || r.Groups[0].Path != "a/1" || r.Groups[2].Path != "a/sub/" {
		t.Errorf("held below a: %+v", r)
	}
	done, err := w.f.Evict([]string{"a"}, false)
	w.ok(err)
	if done.Files != 3 || held("").Files != 2 || held("a").Files != 0 {
		t.Errorf("evicted %+v, held %+v", done, held(""))
	}
	h := must[*Handle](t)(w.open("b", 0))
	w.srv.ResetCounts()
	buf := make([]byte, 10)
	must[int](t)(h.ReadAt(t.Context(), buf, 0))
	done, err = w.f.Evict(nil, true)
	w.ok(err)
	if done.Files != 1 || done.Open != 1 {
		t.Errorf("evicted %+v with a file open", done)
	}
	h.Release()
	if n := w.srv.Count(); n != 0 {
		t.Errorf("%d requests", n)
	}
}
