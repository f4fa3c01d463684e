package fs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"allasfs/s3"
	"allasfs/scripts/rapidtest"
)

// drawKeys draws the keys of a bucket, odd ones among them: markers of both kinds, empty and dotted elements, elements that sort before the slash, and
// such over 255 bytes.
func drawKeys(t *rapid.T) map[string]int {
	elem := rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "-", "a-", "aa", "a-b", "a.", "a0", "", ".", "..", "%{object}", "æ"}),
		rapid.SampledFrom([]string{strings.Repeat("x", 300), strings.Repeat("x", 300) + "y", strings.Repeat("z", 255)}))
	key := rapid.Custom(func(t *rapid.T) string {
		k := strings.Join(rapid.SliceOfN(elem, 1, 4).Draw(t, "elems"), "/")
		if rapid.IntRange(0, 5).Draw(t, "marker") == 0 {
			k += "/"
		}
		return k
	})
	return rapid.MapOfN(key.Filter(func(k string) bool { return k != "" && len(k) <= 1024 }), rapid.IntRange(0, 2), 0, 40).Draw(t, "keys")
}

// delimited is a listing of p with a delimiter, in pages of n entries, as the store and fetchPages make it.
func delimited(keys []s3.Object, p place, n int) ([]entry, bool) {
	m := &merger{place: p}
	var es []entry
	page, last := &s3.Page{}, ""
	for _, o := range keys {
		rest, in := strings.CutPrefix(o.Key, p.list())
		if !in {
			continue
		}
		if i := strings.IndexByte(rest, '/'); i < 0 {
			page.Objects = append(page.Objects, o)
		} else if prefix := p.list() + rest[:i+1]; prefix != last {
			page.Prefixes = append(page.Prefixes, prefix)
			last = prefix
		}
		if len(page.Objects)+len(page.Prefixes) == n {
			es = append(es, m.page(page)...)
			page = &s3.Page{}
		}
	}
	es = append(es, m.page(page)...)
	return append(es, m.end()...), m.marks.own
}

// TestFlattenEqualsDelimited: whatever the keys, where the flat listing begins and how it is cut into pages, each directory that it tells has the entries, in their
// order, and the marker that a listing of its own shows, and each directory that begins after its start is told.
func TestFlattenEqualsDelimited(t *testing.T) {
	rapidtest.Check(t, 100, func(t *rapid.T) {
		var keys []s3.Object
		for k, size := range drawKeys(t) {
			keys = append(keys, s3.Object{Key: k, Size: int64(size), ETag: "etag", Modified: time.Unix(1e9, 0)})
		}
		slices.SortFunc(keys, func(a, b s3.Object) int { return cmp.Compare(a.Key, b.Key) })
		dirs := map[string]bool{}
		for _, o := range keys {
			for i := range len(o.Key) {
				if o.Key[i] == '/' {
					dirs[o.Key[:i+1]] = true
				}
			}
		}
		roots := []string{""}
		for d := range dirs {
			roots = append(roots, d)
		}
		slices.Sort(roots)
		root := rapid.SampledFrom(roots).Draw(t, "root")
		from := root
		if first := rapid.SampledFrom(roots).Draw(t, "first"); first != "" && strings.HasPrefix(first, root) {
			from = before(first)
		}
		told := map[string]*listing{}
		f := &flattener{bucket: "b", root: root, told: func(d *flatDir) {
			if told[d.prefix] != nil {
				t.Fatalf("%q is told twice", d.prefix)
			}
			told[d.prefix] = d.pack().listing(d.merger.place)
		}}
		f.jump(from)
		n := rapid.IntRange(1, 5).Draw(t, "page")
		var page []s3.Object
		for _, o := range keys {
			if o.Key <= from || !strings.HasPrefix(o.Key, root) {
				continue
			}
			if page = append(page, o); len(page) == n {
				f.page(page, time.Time{}, 0)
				page = nil
			}
		}
		f.page(page, time.Time{}, 0)
		f.end()
		for d := range dirs {
			l := told[d]
			if want := strings.HasPrefix(d, root) && d > from && d != root; want != (l != nil) {
				t.Fatalf("%q below %q after %q: told %v, want %v", d, root, from, l != nil, want)
			}
			if l == nil {
				continue
			}
			es, marker := delimited(keys, place{bucket: "b", prefix: d}, rapid.IntRange(1, 5).Draw(t, "own page"))
			if !slices.Equal(es, l.entries) || marker != l.marks.own {
				t.Fatalf("%q: the flat listing tells\n%s (marker %v), its own\n%s (marker %v)", d, lines(l.entries), l.marks.own, lines(es), marker)
			}
		}
	})
}

func lines(es []entry) string {
	var b strings.Builder
	for _, e := range es {
		fmt.Fprintf(&b, "%+v\n", e)
	}
	return b.String()
}
