package fs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"allasfs/s3"
)

func emptyObject(i int) s3.Object {
	return s3.Object{Key: fmt.Sprintf("k%d", i), ETag: "e", Modified: time.Unix(int64(i), 5e6)}
}

// count tells how many of the first n objects are known.
func (e *empties) count(n int) (known int) {
	for i := range n {
		if e.has("b", emptyObject(i)) {
			known++
		}
	}
	return known
}

// TestEmptiesAreBounded: of too many objects those are forgotten that were not looked for longest, here and in the next mount.
func TestEmptiesAreBounded(t *testing.T) {
	const most = 100
	e := newEmpties(filepath.Join(t.TempDir(), "empties"), most)
	for i := range 10 * most {
		if err := e.add("b", emptyObject(i)); err != nil {
			t.Fatal(err)
		}
		if !e.has("b", emptyObject(0)) {
			t.Fatalf("the one that is looked for all the time is forgotten after %d others", i)
		}
	}
	if n := len(e.young) + len(e.old); n > 2*most {
		t.Errorf("%d are kept, want at most %d", n, 2*most)
	}
	for i := 10*most - most/2; i < 10*most; i++ {
		if !e.has("b", emptyObject(i)) {
			t.Errorf("%d, one of the latest, is forgotten", i)
		}
	}
	if err := e.save(); err != nil {
		t.Fatal(err)
	}
	before := e.count(10 * most)
	next := newEmpties(e.path, most)
	if err := next.load(); err != nil {
		t.Fatal(err)
	}
	if n := len(next.young) + len(next.old); n > 2*most || n < most {
		t.Errorf("the next mount keeps %d", n)
	}
	if n := next.count(10 * most); n != before {
		t.Errorf("the next mount knows %d, this one %d", n, before)
	}
}

// TestEmptiesKnowOneVersion: an object of another bucket, key, ETag or date, by a millisecond, is another one.
func TestEmptiesKnowOneVersion(t *testing.T) {
	e := newEmpties("", 10)
	o := emptyObject(1)
	if err := e.add("b", o); err != nil {
		t.Fatal(err)
	}
	others := map[string]s3.Object{"key": o, "ETag": o, "date": o}
	for what, other := range others {
		switch what {
		case "key":
			other.Key += "1"
		case "ETag":
			other.ETag += "1"
		case "date":
			other.Modified = other.Modified.Add(time.Millisecond)
		}
		if e.has("b", other) {
			t.Errorf("another %s is known", what)
		}
	}
	if e.has("bk", s3.Object{Key: "1", ETag: o.ETag, Modified: o.Modified}) {
		t.Error("bucket and key are mixed")
	}
}

// TestDamagedEmptiesFile: a file with any byte changed, cut, or of another kind is dropped whole, and written anew.
func TestDamagedEmptiesFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empties")
	e := newEmpties(path, 100)
	for i := range 3 {
		if err := e.add("b", emptyObject(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.save(); err != nil {
		t.Fatal(err)
	}
	whole := must[[]byte](t)(os.ReadFile(path))
	var damaged [][]byte
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 0x40
		damaged = append(damaged, changed, whole[:max(i, 1)])
	}
	damaged = append(damaged, append(bytes.Clone(whole), 'x'), []byte("something else\n"))
	for i, data := range damaged {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		next := newEmpties(path, 100)
		if err := next.load(); err == nil || next.count(3) > 0 {
			t.Fatalf("damage %d: %v, %d objects", i, err, next.count(3))
		}
	}
	next := newEmpties(path, 100)
	_ = next.load() // the last damage
	if err := next.add("b", emptyObject(7)); err != nil {
		t.Fatal(err)
	}
	if err := next.save(); err != nil {
		t.Fatal(err)
	}
	again := newEmpties(path, 100)
	if err := again.load(); err != nil || !again.has("b", emptyObject(7)) {
		t.Errorf("written anew: %v", err)
	}
}

// TestEmptiesOutliveTheMount: what HEAD told of empty objects is not asked for again by the next mount, unless they change; large objects are.
func TestEmptiesOutliveTheMount(t *testing.T) {
	file := filepath.Join(t.TempDir(), "empties")
	keep := func(o *Options) { o.EmptiesFile = file }
	w := newWorld(t, keep)
	const n = 50
	for i := range n {
		w.srv.PutObject("data", fmt.Sprintf("d/e%02d", i), nil, nil)
	}
	w.srv.PutSLO("data", "d/slo", "data", "seg/", filled(5000, 1), filled(4000, 2))
	for mount, heads := range []int{n + 1, 1, 2} {
		if mount > 0 {
			w.stop()
			w.start(keep)
		}
		if mount == 2 {
			w.srv.SetModified("data", "d/e07", time.Now().Add(-time.Hour))
		}
		d := w.hold("d")
		w.wantCounts(w.counts(func() {
			sizes := w.sizes(d.ID)
			if len(sizes) != n+1 || sizes["slo"] != 9000 || sizes["e07"] != 0 {
				t.Errorf("mount %d: %v", mount, sizes)
			}
		}), withHeads(heads))
	}
}
