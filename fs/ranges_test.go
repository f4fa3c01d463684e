package fs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"allasfs/s3"
	"allasfs/s3/s3test"
	"allasfs/scripts/rapidtest"
)

// pageOf is a page of a delimited listing of sorted entries (keys, and prefixes ending in a slash), as the gateway answers.
func pageOf(entries []string, o s3.ListOptions, size int) *s3.Page {
	after := o.StartAfter
	if o.Token != "" {
		after = o.Token
	}
	i, found := slices.BinarySearch(entries, after)
	if found {
		i++
	}
	p := &s3.Page{}
	for n := 0; i < len(entries) && n < size; i, n = i+1, n+1 {
		if e := entries[i]; strings.HasSuffix(e, "/") {
			p.Prefixes = append(p.Prefixes, e)
		} else {
			p.Objects = append(p.Objects, s3.Object{Key: e})
		}
		if n == size-1 && i+1 < len(entries) {
			p.Token = entries[i]
		}
	}
	return p
}

func entriesOf(p *s3.Page) []string {
	out := slices.Clone(p.Prefixes)
	for _, o := range p.Objects {
		out = append(out, o.Key)
	}
	slices.Sort(out)
	return out
}

// drive lists entries by ranges, answers in the order of pick, and returns what came, in the order that it came in, how many pages were asked for, and
// how many of them one after the other, if each takes the same time.
func drive(entries []string, size int, pick func(n int) int) (got []string, asked, rounds int) {
	p := pageOf(entries, s3.ListOptions{}, size)
	asked, rounds = 1, 1
	got = entriesOf(p)
	if p.Token == "" {
		return got, asked, rounds
	}
	first, last := bounds(p)
	r := newRanges("d/", first, last, p.Token)
	r.pages = 1
	type asking struct {
		q     rangeRequest
		round int
	}
	var under []asking
	for {
		for len(under) < rangesWidth {
			q, ok := r.next()
			if !ok {
				break
			}
			under = append(under, asking{q, rounds + 1})
			asked++
		}
		if len(under) == 0 {
			return got, asked, rounds
		}
		i := pick(len(under))
		q := under[i].q
		rounds = max(rounds, under[i].round)
		under = slices.Delete(under, i, i+1)
		r.take(rangeAnswer{q, pageOf(entries, q.o, size), nil})
		for _, p := range r.ready() {
			got = append(got, entriesOf(p)...)
		}
	}
}

// TestRangesAnyKeys: whatever the keys, the sizes of pages and the order of the answers, each entry comes once, in order.
func TestRangesAnyKeys(t *testing.T) {
	rapidtest.Check(t, 300, func(t *rapid.T) {
		alphabet := rapid.SampledFrom([]string{"ab", "0123456789", "aä\U0010FFFF", "-./_ab", "\x01a%{}"}).Draw(t, "alphabet")
		elem := rapid.StringOfN(rapid.SampledFrom([]rune(strings.ReplaceAll(alphabet, "/", ""))), 1, 8, -1)
		stem := rapid.SampledFrom([]string{"", "x", strings.Repeat("long-", 10)}).Draw(t, "stem")
		set := map[string]bool{}
		for _, e := range rapid.SliceOfN(elem, 0, 150).Draw(t, "elems") {
			set["d/"+stem+e] = true
			if rapid.IntRange(0, 4).Draw(t, "directory") == 0 {
				set["d/"+stem+e+"/"] = true
			}
		}
		var entries []string
		for e := range set {
			entries = append(entries, e)
		}
		slices.Sort(entries)
		got, _, _ := drive(entries, rapid.IntRange(1, 9).Draw(t, "page"), func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "answer") })
		if !slices.Equal(got, entries) {
			t.Fatalf("%d entries\n%q\nwant %d\n%q", len(got), got, len(entries), entries)
		}
	})
}

// TestRangesCost: for the keys that people have, the answers that bring nothing are few, and the ranges are many enough to keep all requests busy.
func TestRangesCost(t *testing.T) {
	const n, size = 50000, 100
	rnd := rand.New(rand.NewPCG(1, 2))
	for what, key := range map[string]func(i int) string{
		"numbers with zeros": func(i int) string { return fmt.Sprintf("file-%07d.dat", i) },
		"numbers":            func(i int) string { return fmt.Sprintf("%d", i) },
		"uuids": func(i int) string {
			return fmt.Sprintf("%08x-%04x-%012x", rnd.Uint32(), rnd.Uint32()>>16, rnd.Uint64()>>16)
		},
		"a long common prefix": func(i int) string { return strings.Repeat("sample-", 30) + fmt.Sprintf("%06d.fastq.gz", i) },
		"dates":                func(i int) string { return time.Unix(int64(i)*3600, 0).UTC().Format("2006-01-02T15.log") },
		"two groups":           func(i int) string { return fmt.Sprintf("%s/%06d", []string{"aaa", "zzz"}[i%2], i)[1:] },
		"directories":          func(i int) string { return fmt.Sprintf("run%06d/", i) },
	} {
		t.Run(what, func(t *testing.T) {
			set := map[string]bool{}
			for i := range n {
				set["d/"+strings.Replace(key(i), "a/", "a_", 1)] = true
			}
			entries := make([]string, 0, n)
			for e := range set {
				entries = append(entries, e)
			}
			slices.Sort(entries)
			got, asked, rounds := drive(entries, size, func(int) int { return 0 })
			if !slices.Equal(got, entries) {
				t.Fatalf("%d entries, want %d", len(got), len(entries))
			}
			t.Logf("%d pages in %d rounds for %d entries", asked, rounds, len(entries))
			if most := len(entries) / size / 3; rounds > most {
				t.Errorf("%d rounds, want at most %d", rounds, most)
			}
			if most := len(entries)/size*5/4 + 20; asked > most {
				t.Errorf("%d pages, want at most %d", asked, most)
			}
		})
	}
}

// TestLargeDirectory: a directory of many pages is listed by several requests at once, each name once and in the order of keys, and the order of a
// handle stays.
func TestLargeDirectory(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i := range 40000 {
		want = append(want, fmt.Sprintf("f%06d", i))
		w.srv.PutObject("data", "d/"+want[i], []byte("x"), nil)
	}
	w.srv.Fault(func(r s3test.Request) *s3test.Fault { return &s3test.Fault{Before: 5 * time.Millisecond} })
	d := w.hold("d").ID
	w.srv.ResetCounts()
	h := must[*DirHandle](t)(w.f.OpenDir(t.Context(), d))
	defer h.Release()
	for i := 0; ; i++ {
		e, ok, err := h.Entry(t.Context(), i)
		w.ok(err)
		if !ok {
			if i != len(want) {
				t.Errorf("%d entries, want %d", i, len(want))
			}
			break
		}
		if e.Name != want[i] || e.Mode != syscall.S_IFREG {
			t.Fatalf("entry %d is %+v, want %s", i, e, want[i])
		}
	}
	if e, _, err := h.Entry(t.Context(), 7000); err != nil || e.Name != want[7000] {
		t.Errorf("again: %+v, %v", e, err)
	}
	if n := w.srv.Count("ListObjectsV2"); n > 40*4/3+10 {
		t.Errorf("%d requests", n)
	}
	if n := w.srv.Peak(); n < 3 {
		t.Errorf("at most %d requests at once", n)
	}
	w.wantCounts(w.counts(func() { must[[]string](t)(w.names("d")) }), map[string]int{})
	if _, err := w.walk("d/absent"); !isNotExist(err) {
		t.Errorf("absent: %v", err)
	}
}

// TestFirstNames: a reader who stops after the first names costs two pages, whatever the size of the directory; one that goes on later gets all.
func TestFirstNames(t *testing.T) {
	w := newWorld(t)
	for i := range 12000 {
		w.srv.PutObject("data", fmt.Sprintf("d/f%06d", i), []byte("x"), nil)
	}
	d := w.hold("d").ID
	w.srv.ResetCounts()
	h := must[*DirHandle](t)(w.f.OpenDir(t.Context(), d))
	for i := range 10 {
		_, ok, err := h.Entry(t.Context(), i)
		if w.ok(err); !ok {
			t.Fatal("no entry")
		}
	}
	w.eventually(func() bool { h.l.mu.Lock(); defer h.l.mu.Unlock(); return h.l.hungry != nil })
	l := h.l
	h.Release()
	w.eventually(l.ended)
	if n := w.srv.Count("ListObjectsV2"); n > 2 {
		t.Errorf("%d pages for ten names", n)
	}
	if got := must[[]string](t)(w.names("d")); len(got) != 12000 {
		t.Errorf("%d names", len(got))
	}
}

// TestReadBesideAGuess: a directory that is read while lookups have it listed up to a limit is read to its end.
func TestReadBesideAGuess(t *testing.T) {
	w := newWorld(t)
	for i := range 12000 {
		w.srv.PutObject("data", fmt.Sprintf("d/f%06d", i), []byte("x"), nil)
	}
	w.srv.Fault(func(r s3test.Request) *s3test.Fault { return &s3test.Fault{Before: 10 * time.Millisecond} })
	d := w.hold("d").ID
	for i := range guessAfter {
		must[Attr](t)(w.f.Lookup(t.Context(), d, fmt.Sprintf("f%06d", i)))
	}
	done := make(chan error)
	w.srv.ResetCounts()
	go func() {
		_, err := w.f.Lookup(t.Context(), d, "f011999")
		done <- err
	}()
	w.eventually(func() bool { return w.srv.Count("ListObjectsV2") >= 2 })
	if got := w.list(d); len(got) != 12000 {
		t.Errorf("%d entries", len(got))
	}
	w.ok(<-done)
}
