package name

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"allasfs/scripts/rapidtest"
)

// FuzzEncode: whatever the element, its names are names, and lead back to it.
func FuzzEncode(f *testing.F) {
	for _, m := range mappings {
		f.Add(m.elem, m.object)
	}
	f.Fuzz(func(t *testing.T, elem string, object bool) {
		if strings.Contains(elem, "/") || len(elem) > MaxKey {
			t.Skip()
		}
		names := Encode(elem, object)
		if len(elem) > 0 && len(elem) <= MaxName && elem != "." && elem != ".." && !object &&
			!strings.Contains(elem, "%{") && !strings.Contains(elem, "\x00") && !slices.Equal(names, []string{elem}) {
			t.Fatalf("%q does not mean itself: %q", elem, names)
		}
		path := strings.Join(names, "/")
		for _, n := range names {
			if n == "" || n == "." || n == ".." || len(n) > MaxName || strings.ContainsAny(n, "/\x00") {
				t.Fatalf("%q is no name", n)
			}
		}
		key, obj, err := Key(path)
		if key != elem || obj != object || err != nil {
			t.Fatalf("Key(%q) = %q, %v, %v, want %q, %v", path, key, obj, err, elem, object)
		}
	})
}

// FuzzDecode: a path of names is invalid, or the very one that its key has.
func FuzzDecode(f *testing.F) {
	for _, m := range mappings {
		f.Add(strings.Join(m.names, "/"))
	}
	for _, s := range []string{"%{2e}", "%{41}", "%{25}%{7B}", "a%{+}/b", "%{object}", "%{}%{+}", "a//b", "../a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		key, object, err := Key(path)
		if err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrTooLong) {
				t.Fatal(err)
			}
			if !strings.Contains(path, "%{") && typed(path) {
				t.Fatalf("%q, without an escape, is refused: %v", path, err)
			}
			return
		}
		if got := Path(key, object); got != path {
			t.Fatalf("%q is a second path of %q, whose path is %q", path, key, got)
		}
		if !strings.Contains(path, "%{") && key != path {
			t.Fatalf("%q, without an escape, means %q", path, key)
		}
	})
}

// typed tells whether path is made of names that a file system has.
func typed(path string) bool {
	for _, n := range strings.Split(path, "/") {
		if n == "" || n == "." || n == ".." || len(n) > MaxName || strings.Contains(n, "\x00") {
			return false
		}
	}
	return true
}

// elements draws elements of a tiny alphabet, short ones and such that end near a limit of length.
func elements() *rapid.Generator[string] {
	short := rapid.StringOfN(rapid.SampledFrom([]rune("%{}+.\x00aä025E")), 0, 8, -1)
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.Bool().Draw(t, "short") {
			return short.Draw(t, "elem")
		}
		fill := rapid.SampledFrom([]string{"a", "\x00", "%{", "ä", "%"}).Draw(t, "fill")
		n := rapid.IntRange(40, 60).Draw(t, "n")
		if len(fill) < 3 {
			n = rapid.IntRange(225, 260).Draw(t, "n")
		}
		return strings.Repeat(fill, n) + short.Draw(t, "tail")
	})
}

func TestNoCollision(t *testing.T) {
	rapidtest.Check(t, 100, func(t *rapid.T) {
		a, b := elements().Draw(t, "a"), elements().Draw(t, "b")
		if rapid.Bool().Draw(t, "related") {
			b = a + b
		}
		ao, bo := rapid.Bool().Draw(t, "a object"), rapid.Bool().Draw(t, "b object")
		pa, pb := Path(a, ao), Path(b, bo)
		if pa == pb && (a != b || ao != bo) {
			t.Fatalf("%q, %v and %q, %v share %q", a, ao, b, bo, pa)
		}
		if strings.HasPrefix(pb, pa+"/") {
			t.Fatalf("%q hides %q", pa, pb)
		}
	})
}

// TestTree draws the names of one directory's elements as a listing shows them, and walks it: each element is found once, where Encode says.
func TestTree(t *testing.T) {
	rapidtest.Check(t, 100, func(t *rapid.T) {
		elems := rapid.SliceOfNDistinct(elements(), 1, 8, rapid.ID[string]).Draw(t, "elems")
		found := map[string]int{}
		walk(t, "", "", elems, found)
		for _, e := range elems {
			if path := Path(e, false); found[path] != 1 {
				t.Fatalf("%q is %d times in %v", path, found[path], found)
			}
		}
		if len(found) != len(elems) {
			t.Fatalf("%d names for %d elements", len(found), len(elems))
		}
	})
}

func walk(t *rapid.T, dir, head string, elems []string, found map[string]int) {
	seen := map[string]bool{}
	for _, e := range elems {
		n, continued, ok := Child(head, e, false)
		if !ok || seen[n] && continued {
			continue
		}
		seen[n] = true
		p, err := DecodeAfter(head, n)
		if err != nil || p.Continued != continued {
			t.Fatalf("DecodeAfter(%q, %q) = %+v, %v", head, n, p, err)
		}
		if continued {
			walk(t, dir+n+"/", head+p.Elem, elems, found)
		} else {
			found[dir+n]++
		}
	}
}

func BenchmarkChild(b *testing.B) {
	for _, c := range []struct{ name, elem string }{{"plain", "sample_000123.fastq.gz"}, {"escaped", "a%{b"}, {"long", rep("a", 1024)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Child("", c.elem, false)
			}
		})
	}
}
