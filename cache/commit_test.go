package cache

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCommitReadsBackWithoutADownload(t *testing.T) {
	for _, size := range []int{1, 4096, 300_000, 40 * mib} {
		o := testOptions(t)
		c := mustOpen(t, o)
		s := newSource(size)
		d := mustDraft(t, c, Base{}, 0)
		for off := 0; off < size; off += 100_000 {
			if _, err := d.WriteAt(s.data[off:min(off+100_000, size)], int64(off)); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Commit(testID); err != nil {
			t.Fatal(err)
		}
		if _, err := d.WriteAt([]byte("late"), 0); !errors.Is(err, os.ErrClosed) {
			t.Errorf("write after commit: %v", err)
		}
		f := c.File(testID, int64(size), s)
		readRange(t, f, s, 0, size)
		f.Close()
		if st := c.Stats(); st.Drafts != 0 || st.DraftBytes != 0 {
			t.Errorf("%d drafts, %d bytes", st.Drafts, st.DraftBytes)
		}
		settled(t, c)
		checkUsed(t, c)
		c.Close()
		c = mustOpen(t, o)
		if len(c.Drafts()) != 0 {
			t.Error("the draft came back")
		}
		f = c.File(testID, int64(size), s)
		readRange(t, f, s, 0, size)
		f.Close()
		wantCalls(t, s)
		c.Close()
	}
}

// Of a draft over a base, the blocks that are wholly local or zero are kept.
func TestCommitOfAPartialDraft(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	s := newSource(mib)
	d := mustDraft(t, c, Base{ETag: "old", Size: mib}, mib)
	if _, err := d.WriteAt(s.data[100*kib:400*kib], 100*kib); err != nil { // blocks 1 and 2
		t.Fatal(err)
	}
	clear(s.data[400*kib : 600*kib]) // block 3, and a part of 4
	if err := d.Punch(400*kib, 200*kib); err != nil {
		t.Fatal(err)
	}
	if _, err := d.data.WriteAt([]byte("left by a write that failed"), 450*kib); err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(testID); err != nil {
		t.Fatal(err)
	}
	f := c.File(testID, mib, s)
	defer f.Close()
	if f.Cached() != 3*128*kib {
		t.Errorf("cached %d", f.Cached())
	}
	readRange(t, f, s, 0, mib)
	wantCallSet(t, s, call{0, 128 * kib}, call{512 * kib, 512 * kib})
}

func TestCommitWithoutRoom(t *testing.T) {
	for _, size := range []int64{0, 50 * kib} {
		o := testOptions(t)
		o.Size = size
		c := mustOpen(t, o)
		s := newSource(300 * kib)
		d := mustDraft(t, c, Base{}, 0)
		if _, err := d.WriteAt(s.data, 0); err != nil {
			t.Fatal(err)
		}
		if err := d.Commit(testID); err != nil {
			t.Fatal(err)
		}
		f := c.File(testID, 300*kib, s)
		readRange(t, f, s, 0, 300*kib)
		f.Close()
		c.Close()
		if left, err := os.ReadDir(filepath.Join(o.Dir, draftsDir)); len(left) != 0 || err != nil {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}

func TestDraftOnAFullDisk(t *testing.T) {
	o := testOptions(t)
	o.Dir = filepath.Join(tinyDisk(t, 4*mib), "cache")
	c := mustOpen(t, o)
	d := mustDraft(t, c, Base{}, 0)
	s := newSource(8 * mib)
	var written int
	for written < len(s.data) {
		n, err := d.WriteAt(s.data[written:min(written+100_000, len(s.data))], int64(written))
		written += n
		if err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			break
		}
	}
	if written < 2*mib || written > 4*mib {
		t.Fatalf("%d bytes written to a disk of 4 MiB", written)
	}
	wantDraft(t, d, nil, s.data[:written])
	if n := c.Stats().DraftBytes; n != int64(written) {
		t.Errorf("%d bytes counted of %d", n, written)
	}
	if _, err := c.NewDraft(Target{}, Base{}, 0, Attrs{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("new draft on a full disk: %v", err)
	}
	if err := d.SetState(StateClosed, ""); err != nil {
		t.Errorf("state on a full disk: %v", err)
	}
	write(t, d, 0, "overwriting needs no room")
	c.Close()
	c = mustOpen(t, o)
	d = c.Drafts()[0]
	copy(s.data, "overwriting needs no room")
	wantDraft(t, d, nil, s.data[:written])
	if st, _ := d.State(); st != StateClosed {
		t.Errorf("state %v", st)
	}
	if err := d.Discard(); err != nil {
		t.Fatal(err)
	}
	d = mustDraft(t, c, Base{}, 0)
	write(t, d, 0, strings.Repeat("x", mib))
}

func TestDraftSpace(t *testing.T) {
	o := testOptions(t)
	o.DraftSpace = 1000
	c := mustOpen(t, o)
	d, e := mustDraft(t, c, Base{}, 0), mustDraft(t, c, Base{}, 0)
	write(t, d, 0, strings.Repeat("x", 600))
	if _, err := e.WriteAt(make([]byte, 401), 0); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("write beyond the bound: %v", err)
	}
	if e.Size() != 0 {
		t.Errorf("size %d after a write that failed", e.Size())
	}
	write(t, e, 0, strings.Repeat("x", 400))
	write(t, d, 100, strings.Repeat("y", 500)) // in place
	if err := d.Truncate(100); err != nil {
		t.Fatal(err)
	}
	write(t, e, 400, strings.Repeat("x", 500))
	if err := e.Discard(); err != nil {
		t.Fatal(err)
	}
	if n := c.Stats().DraftBytes; n != 100 {
		t.Errorf("%d bytes counted", n)
	}
}
