package cache

import (
	"bytes"
	"errors"
	"slices"
	"syscall"
	"testing"
)

// TestDraftFromAnOrigin: ranges of another object are in the table, read, survive a restart and a rewritten journal, and become local bytes.
func TestDraftFromAnOrigin(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	data := []byte("0123456789abcdef")
	origin := Origin{Bucket: "b", Key: "other", Base: Base{ETag: "o", Size: 16}}
	file := func(c *Cache) *File { return c.File(ID{Key: "other", ETag: "o"}, 16, &source{data: data}) }
	d := mustDraft(t, c, Base{}, 0)
	write(t, d, 0, "local bytes")
	if err := errors.Join(d.CopyFrom(origin, file(c), 2, 4, 4), d.CopyFrom(origin, file(c), 10, 12, 6)); err != nil {
		t.Fatal(err)
	}
	write(t, d, 13, "X")
	want := []byte("loca2345tes\x00aXcdef")
	wantDraft(t, d, nil, want)
	if got, ok := d.Origin(); !ok || got != origin {
		t.Errorf("origin %v, %v", got, ok)
	}
	other := origin
	other.ETag = "p"
	if err := d.CopyFrom(other, file(c), 0, 0, 1); !errors.Is(err, ErrOrigin) {
		t.Errorf("a second origin: %v", err)
	}
	if err := d.CopyFrom(origin, file(c), 10, 0, 7); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("more than the origin has: %v", err)
	}
	pieces := d.Pieces()
	for _, rewrite := range []bool{false, true} {
		if rewrite {
			d.mu.Lock()
			d.compactAt, d.j.end = 0, 1<<30
			j, err := d.rewrite()
			if err == nil {
				d.j.f.Close()
				d.j = j
			}
			d.mu.Unlock()
			if err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
		c = mustOpen(t, o)
		d = c.Drafts()[0]
		if err := d.OpenOrigin(file(c)); err != nil {
			t.Fatal(err)
		}
		if got, ok := d.Origin(); !ok || got != origin || !slices.Equal(d.Pieces(), pieces) {
			t.Errorf("after a restart: %v, %v, %v", got, ok, d.Pieces())
		}
		wantDraft(t, d, nil, want)
	}
	if err := d.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := d.Origin(); ok {
		t.Error("it still needs its origin")
	}
	copy(data, bytes.Repeat([]byte("?"), 16))
	wantDraft(t, d, nil, want)
	if err := d.Discard(); err != nil {
		t.Error(err)
	}
	if c.draftUse != 0 {
		t.Errorf("%d bytes of drafts counted when there is none", c.draftUse)
	}
}
