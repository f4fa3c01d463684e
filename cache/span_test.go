package cache

import (
	"slices"
	"testing"
)

// Spans are whole blocks, joined, the last one cut at the end of the object, the same from memory and from disk.
func TestSpans(t *testing.T) {
	const block = 4096
	o := Options{Dir: t.TempDir(), Size: 1 << 20, BlockSize: block}
	size := int64(300*block + 5)
	src := newSource(int(size))
	want := []Span{{2 * block, 4 * block}, {5 * block, 6 * block}, {299 * block, size}}
	c := mustOpen(t, o)
	f := c.File(ID{Key: "k", ETag: "e"}, size, src)
	if s, more := f.Spans(10); len(s) != 0 || more != 0 {
		t.Errorf("of nothing: %v, %d", s, more)
	}
	for _, s := range want {
		if err := f.Fill(t.Context(), s.Off, s.End-s.Off); err != nil {
			t.Fatal(err)
		}
	}
	check := func(most, more int) {
		t.Helper()
		if got, n := f.Spans(most); !slices.Equal(got, want[:most]) || n != more {
			t.Errorf("%v and %d more, want %v and %d", got, n, want[:most], more)
		}
	}
	check(3, 0)
	check(1, 2)
	f.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = mustOpen(t, o)
	defer c.Close()
	f = c.File(ID{Key: "k", ETag: "e"}, size, src)
	defer f.Close()
	check(3, 0)
	check(0, 3)
}
