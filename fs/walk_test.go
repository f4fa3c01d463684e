package fs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"allasfs/fs/name"
	"allasfs/s3/s3test"
)

// fillTree stores files objects in each of the directories below top, whose numbers at each level are widths; it returns how many directories there are.
func (w *world) fillTree(top string, files int, widths ...int) int {
	dirs := []string{top}
	n := 1
	for _, width := range widths {
		var next []string
		for _, d := range dirs {
			for i := range width {
				next = append(next, fmt.Sprintf("%s/d%04d", d, i))
			}
		}
		dirs = next
		n += len(dirs)
	}
	for _, d := range dirs {
		for i := range files {
			w.srv.PutObject("data", fmt.Sprintf("%s/f%04d", d, i), []byte("x"), nil)
		}
	}
	return n
}

// list reads one directory to its end and returns its entries in order, as readdir(3) does.
func (w *world) list(id uint64) []DirEntry {
	w.t.Helper()
	h := must[*DirHandle](w.t)(w.f.OpenDir(w.t.Context(), id))
	defer h.Release()
	var es []DirEntry
	for i := 0; ; i++ {
		e, ok, err := h.Entry(w.t.Context(), i)
		w.ok(err)
		if !ok {
			return es
		}
		es = append(es, e)
	}
}

// find walks the tree below a path as find(1) does: a directory is read to its end, then its entries are visited in that order. It returns all paths.
// References are kept, as the kernel keeps them.
func (w *world) find(path string) []string {
	w.t.Helper()
	return w.visit(path, must[Attr](w.t)(w.walk(path)).ID)
}

func (w *world) visit(path string, id uint64) []string {
	w.t.Helper()
	out := []string{path}
	for _, e := range w.list(id) {
		p := join(path, e.Name)
		if e.Mode&isDirMode == 0 {
			out = append(out, p)
			continue
		}
		a := must[Attr](w.t)(w.f.Lookup(w.t.Context(), id, e.Name))
		out = append(out, w.visit(p, a.ID)...)
	}
	return out
}

const isDirMode = 0o040000

// pathsBelow are the paths that find shows, made from the keys.
func (w *world) pathsBelow(top string) []string {
	m := model{keys: map[string][]byte{}}
	for _, k := range w.remoteKeys() {
		m.keys[k] = w.object(k)
	}
	out := []string{top}
	for p := range m.tree() {
		if strings.HasPrefix(p, top+"/") || top == "" {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

func (w *world) wantAtMost(what string, most int, fn func()) {
	w.t.Helper()
	c := w.counts(fn)
	n := 0
	for _, k := range c {
		n += k
	}
	w.t.Logf("%s: %v", what, c)
	if n > most {
		w.t.Errorf("%s: %d requests %v, want at most %d", what, n, c, most)
	}
}

// TestFindIsFlat: a walk of a tree costs about a request a thousand objects, whatever the number of directories, and shows every path once.
func TestFindIsFlat(t *testing.T) {
	for _, c := range []struct {
		name   string
		files  int
		widths []int
		most   int
	}{
		{"3 levels", 3, []int{10, 10, 10}, 12},
		{"wide", 2, []int{1200}, 9},
		{"deep", 2, []int{2, 2, 2, 2, 2, 2, 2, 2}, 14},
		{"large directories", 1500, []int{5}, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.fillTree("top", c.files, c.widths...)
			var got []string
			w.wantAtMost("find", c.most, func() { got = w.find("top") })
			slices.Sort(got)
			if want := w.pathsBelow("top"); !slices.Equal(got, want) {
				t.Errorf("%d paths, want %d", len(got), len(want))
			}
			w.wantCounts(w.counts(func() { w.find("top") }), map[string]int{})
		})
	}
}

// TestBreadthFirst: a program that reads all directories of one level before the next costs no more.
func TestBreadthFirst(t *testing.T) {
	w := newWorld(t)
	dirs := w.fillTree("top", 3, 10, 10, 10)
	w.wantAtMost("breadth first", 16, func() {
		level := []uint64{w.hold("top").ID}
		seen := 0
		for len(level) > 0 {
			var next []uint64
			for _, id := range level {
				seen++
				for _, e := range w.list(id) {
					if e.Mode&isDirMode != 0 {
						next = append(next, must[Attr](t)(w.f.Lookup(t.Context(), id, e.Name)).ID)
					}
				}
			}
			level = next
		}
		if seen != dirs {
			t.Errorf("%d directories, want %d", seen, dirs)
		}
	})
}

// TestOddTree: the walk of a tree of odd keys shows what a listing of each directory shows.
func TestOddTree(t *testing.T) {
	s3test.Each(t, func(t *testing.T, e s3test.Endpoint) {
		w := newWorldOn(t, e, e.Bucket(t))
		for i := range 3 {
			for _, k := range append(oddKeys, "marked/", "plain-marker/x", "plain-marker", "empty-marked/") {
				if k = fmt.Sprintf("top/%d/%s", i, k); len(k) <= name.MaxKey {
					data := []byte("x")
					if strings.HasSuffix(k, "marked/") || strings.HasSuffix(k, "marker") {
						data = nil
					}
					w.remotePut(k, data)
				}
			}
		}
		got := w.find("top")
		slices.Sort(got)
		if len(w.f.sweeps) == 0 {
			t.Error("no walk was followed")
		}
		w.stop()
		w.start(ttlZero) // each directory is listed
		want := w.find("top")
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%d paths\n%s\nwant %d\n%s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
		}
	})
}

// TestLookAtOneLevel: `ls */` over directories with huge trees below them reads little of those.
func TestLookAtOneLevel(t *testing.T) {
	w := newWorld(t)
	w.fillTree("top", 3500, 8, 1)
	w.wantAtMost("one level", 2+1+8+sweepPages+1, func() {
		top := w.hold("top").ID
		for _, e := range w.list(top) {
			w.list(must[Attr](t)(w.f.Lookup(t.Context(), top, e.Name)).ID)
		}
	})
}

// TestAnyOrder: a program that visits directories in an order of its own sees the same, and costs about a request a directory at the most.
func TestAnyOrder(t *testing.T) {
	w := newWorld(t)
	w.fillTree("top", 3, 60)
	top := w.hold("top").ID
	es := w.list(top)
	order := []int{}
	for i := range es {
		order = append(order, i*37%len(es))
	}
	w.wantAtMost("any order", 2*len(es), func() {
		for _, i := range order {
			if got := w.list(must[Attr](t)(w.f.Lookup(t.Context(), top, es[i].Name)).ID); len(got) != 3 {
				t.Errorf("%s has %d entries", es[i].Name, len(got))
			}
		}
	})
}

// TestChangesInAWalk: what is made, removed and renamed here while a walk goes on shows at once, though a page of the flat listing that the server made
// before the change comes after it, and the directory itself was forgotten meanwhile.
func TestChangesInAWalk(t *testing.T) {
	changes := map[string]struct {
		change func(*world) error
		want   map[string][]string
	}{
		"create":           {func(w *world) error { return w.create("top/d0040/new", []byte("x")) }, map[string][]string{"d0040": {"f", "g", "new"}}},
		"unlink":           {func(w *world) error { return w.unlink("top/d0040/f") }, map[string][]string{"d0040": {"g"}}},
		"mkdir":            {func(w *world) error { return w.mkdir("top/d0040/sub") }, map[string][]string{"d0040": {"f", "g", "sub"}}},
		"rename":           {func(w *world) error { return w.rename("top/d0040/f", "top/d0041/h") }, map[string][]string{"d0040": {"g"}, "d0041": {"f", "g", "h"}}},
		"rename directory": {func(w *world) error { return w.rename("top/d0040", "top/d0041/d") }, map[string][]string{"d0041": {"d", "f", "g"}}},
	}
	for what, c := range changes {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			for i := range 50 {
				w.srv.PutObject("data", fmt.Sprintf("top/d%04d/f", i), []byte("x"), nil)
				w.srv.PutObject("data", fmt.Sprintf("top/d%04d/g", i), []byte("x"), nil)
			}
			top := w.hold("top").ID
			es := w.list(top)
			w.list(must[Attr](t)(w.f.Lookup(t.Context(), top, es[0].Name)).ID)
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op == "ListObjectsV2" && r.Query.Get("delimiter") == "" && r.Query.Get("max-keys") != "1" {
					return &s3test.Fault{After: 400 * time.Millisecond}
				}
				return nil
			})
			second := must[Attr](t)(w.f.Lookup(t.Context(), top, es[1].Name)).ID
			w.srv.ResetCounts()
			h := must[*DirHandle](t)(w.f.OpenDir(t.Context(), second))
			w.eventually(func() bool { return w.srv.Count("ListObjectsV2") == 1 })
			w.ok(c.change(w))
			w.ok(w.f.Sync(t.Context()))
			w.forget()
			_, _, err := h.Entry(t.Context(), 0) // the page has come
			w.ok(err)
			w.srv.Fault(nil)
			for d, want := range c.want {
				if got := must[[]string](t)(w.names("top/" + d)); !slices.Equal(trimmed(got), want) {
					t.Errorf("%s: %q, want %q", d, got, want)
				}
			}
		})
	}
}

func trimmed(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, strings.TrimSuffix(n, "/"))
	}
	return out
}

// TestLookupsInAWalk: names that a program asks for before it reads a directory, as ripgrep asks for .gitignore, are answered by the flat listing.
func TestLookupsInAWalk(t *testing.T) {
	w := newWorld(t)
	w.fillTree("top", 3, 200)
	w.wantAtMost("with lookups", 16, func() {
		top := w.hold("top").ID
		for _, e := range w.list(top) {
			id := must[Attr](t)(w.f.Lookup(t.Context(), top, e.Name)).ID
			_, err := w.f.Lookup(t.Context(), id, ".gitignore")
			w.wantErr(err, os.ErrNotExist)
			must[Attr](t)(w.f.Lookup(t.Context(), id, "f0001"))
			w.list(id)
		}
	})
}

// TestWalkEnds: a walk that stops fetches nothing more, and what it left is forgotten after the TTL.
func TestWalkEnds(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.TTL = 300 * time.Millisecond })
	w.fillTree("top", 3, 1500)
	top := w.hold("top").ID
	es := w.list(top)
	w.wantAtMost("three directories", 4, func() {
		for _, e := range es[:3] {
			w.list(must[Attr](t)(w.f.Lookup(t.Context(), top, e.Name)).ID)
		}
	})
	time.Sleep(400 * time.Millisecond)
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.f.dropSweeps()
	if len(w.f.sweeps) != 0 {
		t.Errorf("%d walks are kept", len(w.f.sweeps))
	}
}

// TestScatteredWalk: a walk that takes the directories of a wide one in an order of its own costs about a request a thousand objects too, and shows every path
// once; so do directories below those.
func TestScatteredWalk(t *testing.T) {
	for _, widths := range [][]int{{3000}, {1000, 2}} {
		w := newWorld(t)
		w.fillTree("top", 2, widths...)
		top := w.hold("top").ID
		got := []string{"top"}
		w.wantAtMost("scattered", 50, func() {
			for _, e := range shuffled(w.list(top)) {
				p := join("top", e.Name)
				if e.Mode&isDirMode == 0 {
					got = append(got, p)
					continue
				}
				got = append(got, w.visit(p, must[Attr](t)(w.f.Lookup(t.Context(), top, e.Name)).ID)...)
			}
		})
		slices.Sort(got)
		if want := w.pathsBelow("top"); !slices.Equal(got, want) {
			t.Errorf("%d paths, want %d", len(got), len(want))
		}
	}
}

// shuffled puts entries in an order that is no one's, the same each time.
func shuffled(es []DirEntry) []DirEntry {
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(es), func(i, j int) { es[i], es[j] = es[j], es[i] })
	return es
}

// TestScatteredLook: a program that reads some directories of very many in an order of its own costs no more than a few requests for each.
func TestScatteredLook(t *testing.T) {
	w := newWorld(t)
	w.fillTree("top", 20, 3000)
	top := w.hold("top").ID
	es := shuffled(w.list(top))
	const looks = 12
	w.wantAtMost("a look at some", (1+sweepPages)*looks, func() {
		for _, e := range es[:looks] {
			w.list(must[Attr](t)(w.f.Lookup(t.Context(), top, e.Name)).ID)
		}
	})
}

// TestWalkOutlivesFailure: a flat listing of which a request fails goes on after a rest, in which directories list themselves.
func TestWalkOutlivesFailure(t *testing.T) {
	for what, scattered := range map[string]bool{"in order": false, "scattered": true} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.fillTree("top", 2, 3000)
			top := w.hold("top").ID
			es := w.list(top)
			if scattered {
				shuffled(es)
			}
			failures := 0
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				if r.Op == "ListObjectsV2" && r.Query.Get("delimiter") == "" && failures < 2 {
					failures++
					return &s3test.Fault{Status: 400, Code: "InvalidArgument"}
				}
				return nil
			})
			w.wantAtMost("with failures", 60, func() {
				for _, e := range es {
					if e.Mode&isDirMode == 0 {
						continue
					}
					if n := len(w.list(must[Attr](t)(w.f.Lookup(t.Context(), top, e.Name)).ID)); n != 2 {
						t.Errorf("%s has %d entries", e.Name, n)
					}
					w.endRests()
				}
			})
			if failures != 2 {
				t.Errorf("%d failures", failures)
			}
		})
	}
}

// endRests ends the rests of all walks.
func (w *world) endRests() {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	for _, s := range w.f.sweeps {
		s.mu.Lock()
		s.rest = time.Time{}
		s.mu.Unlock()
	}
}

// TestLongWalk: a walk of a wide directory that lasts longer than its listing may be trusted has it listed again, and does not ask for each name.
func TestLongWalk(t *testing.T) {
	const dirs = 12_000
	w := newWorld(t)
	for i := range dirs {
		w.srv.PutObject("data", fmt.Sprintf("top/d%05d/f", i), []byte("x"), nil)
	}
	top := w.hold("top").ID
	es := w.list(top)
	w.age("top")
	w.wantAtMost("long walk", dirs/4, func() {
		for _, e := range es {
			if n := len(w.list(must[Attr](t)(w.f.Lookup(t.Context(), top, e.Name)).ID)); n != 1 {
				t.Errorf("%s has %d entries", e.Name, n)
			}
		}
	})
}

// TestLongWalkForgets: what a walk has taken leaves nothing behind.
func TestLongWalkForgets(t *testing.T) {
	w := newWorld(t)
	w.fillTree("top", 1, 5000)
	top := w.hold("top").ID
	for _, e := range w.list(top) {
		if e.Mode&isDirMode == 0 {
			continue
		}
		w.list(must[Attr](t)(w.f.Lookup(t.Context(), top, e.Name)).ID)
		// A page may have come, and much of it been taken, since it was last put in order.
		if kept, ready := w.sweepOrder(); kept > 2*ready+2*sweepAhead+1000 {
			t.Fatalf("%d prefixes are kept for %d directories that lie ready", kept, ready)
		}
	}
}

// sweepOrder is how many prefixes are kept of directories that lie ready, or lay, and how many do.
func (w *world) sweepOrder() (kept, ready int) {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	for _, s := range w.f.sweeps {
		s.mu.Lock()
		kept, ready = kept+len(s.order), ready+len(s.ready)
		s.mu.Unlock()
	}
	return kept, ready
}
