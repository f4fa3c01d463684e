package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
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

// hooked is a source that calls do while it is read.
type hooked struct {
	source
	do func()
}

func (s *hooked) Get(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	s.do()
	return s.source.Get(ctx, off, n)
}

// TestSettleMeetsOthers: a draft that is sent while its origin is read needs nothing any more, and bytes of an origin never become those of another one
// which came in its place meanwhile.
func TestSettleMeetsOthers(t *testing.T) {
	first, second := bytes.Repeat([]byte("1"), 3*settleStep), bytes.Repeat([]byte("2"), 3*settleStep)
	origin := func(etag string) Origin {
		return Origin{Bucket: "b", Key: "other", Base: Base{ETag: etag, Size: int64(len(first))}}
	}
	for name, then := range map[string]func(d *Draft, c *Cache) error{
		"discarded": func(d *Draft, _ *Cache) error { return d.Discard() },
		"another origin": func(d *Draft, c *Cache) error {
			file := c.File(ID{Key: "other", ETag: "second"}, int64(len(second)), &source{data: second})
			return errors.Join(d.Truncate(0), d.CopyFrom(origin("second"), file, 0, 0, int64(len(second))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := mustOpen(t, testOptions(t))
			d := mustDraft(t, c, Base{}, 0)
			done := false
			from := &hooked{source{data: first}, func() {
				if !done {
					done = true
					if err := then(d, c); err != nil {
						t.Error(err)
					}
				}
			}}
			if err := d.CopyFrom(origin("first"), c.File(ID{Key: "other", ETag: "first"}, int64(len(first)), from), 0, 0, int64(len(first))); err != nil {
				t.Fatal(err)
			}
			if err := d.Settle(t.Context()); err != nil {
				t.Errorf("settle: %v", err)
			}
			if name != "discarded" {
				wantDraft(t, d, nil, second)
			}
		})
	}
}
