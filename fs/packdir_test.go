package fs

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"allasfs/scripts/rapidtest"
)

// TestPackedDirIsTheSame: what a directory holds comes out of a packed one as it went in.
func TestPackedDirIsTheSame(t *testing.T) {
	etag := rapid.OneOf(rapid.StringMatching(`[0-9a-f]{32}(-[0-9]{1,5})?`), rapid.String(), rapid.StringMatching(`[0-9A-Fa-g]{30,34}`))
	one := rapid.Custom(func(t *rapid.T) entry {
		return entry{
			name: rapid.String().Draw(t, "name"), etag: etag.Draw(t, "etag"), size: rapid.Int64().Draw(t, "size"), modified: rapid.Int64().Draw(t, "modified"),
			dir: rapid.Bool().Draw(t, "dir"), large: rapid.Bool().Draw(t, "large"), marker: rapid.Bool().Draw(t, "marker"), unsized: rapid.Bool().Draw(t, "unsized"),
		}
	})
	rapidtest.Check(t, 100, func(t *rapid.T) {
		d := &flatDir{prefix: "p/", started: time.Now(), seq: 7}
		d.merger.out = rapid.SliceOf(one).Draw(t, "entries")
		d.merger.marks = marks{own: rapid.Bool().Draw(t, "own"), folder: rapid.Bool().Draw(t, "folder")}
		at := place{bucket: "b", prefix: "p/"}
		l := d.pack().listing(at)
		if !slices.Equal(l.entries, d.merger.out) || l.marks != d.merger.marks || !l.started.Equal(d.started) || l.seq != 7 || l.place != at || !l.complete() {
			t.Errorf("%+v\nbecame %+v", d.merger.out, l.entries)
		}
	})
	if n := reflect.TypeFor[entry]().NumField(); n != 9 {
		t.Errorf("an entry has %d fields: are all packed?", n)
	}
}

// TestSweepHoldsABucket: a walk in any order of half a million objects, the most that a bucket of Allas holds, finds room for them in directories of ten.
func TestSweepHoldsABucket(t *testing.T) {
	const files = 10
	d := &flatDir{prefix: "p/"}
	for i := range files {
		d.merger.out = append(d.merger.out, entry{name: fmt.Sprintf("sample-%06d.fastq.gz", i*7919), etag: fmt.Sprintf("%032x", i), size: 1 << 30, modified: time.Now().UnixNano()})
	}
	if got := d.pack().cost() * 500_000 / files; got > sweepMaxReady {
		t.Errorf("half a million objects take %d bytes, %d an object; %d may lie ready", got, got/500_000, sweepMaxReady)
	}
}

// TestFullSweepGoesOn: a scattered walk that misses what did not fit goes on with the rest when room comes, shows all, and keeps to its room.
func TestFullSweepGoesOn(t *testing.T) {
	const dirs = 3000
	w := newWorld(t)
	w.f.sweepMax = dirs / 2 * (packedCost + 100)
	w.fillTree("top", 2, dirs)
	top := w.hold("top").ID
	es := shuffled(w.list(top))
	most := 0
	w.wantAtMost("full", dirs*2/3, func() {
		for _, e := range es {
			if e.Mode&isDirMode == 0 {
				continue
			}
			if n := len(w.list(must[Attr](t)(w.f.Lookup(t.Context(), top, e.Name)).ID)); n != 2 {
				t.Errorf("%s has %d entries", e.Name, n)
			}
			w.f.mu.Lock()
			for _, s := range w.f.sweeps {
				s.mu.Lock()
				most = max(most, s.bytes)
				s.mu.Unlock()
			}
			w.f.mu.Unlock()
		}
	})
	if most > w.f.sweepMax || most < w.f.sweepMax/2 {
		t.Errorf("%d bytes lay ready at the most, of %d", most, w.f.sweepMax)
	}
}
