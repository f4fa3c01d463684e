package cache

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// dataFiles are the data files of drafts below dir.
func dataFiles(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, draftsDir, "*.data"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A small draft is one file, which later drafts use again: drafts one after the other make no files.
func TestSmallDraftsShareAFile(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	first := mustDraft(t, c, Base{}, 0)
	journal := journalOf(first.stem)
	write(t, first, 0, "first")
	if err := first.Commit(keyID(0)); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{first.ID(): true}
	for i := range 50 {
		d := mustDraft(t, c, Base{}, 0)
		body := strings.Repeat("x", i*100)
		if i > 0 {
			write(t, d, 0, body)
		}
		if ids[d.ID()] {
			t.Fatalf("ID %s again", d.ID())
		}
		ids[d.ID()] = true
		all, err := filepath.Glob(filepath.Join(o.Dir, draftsDir, "*"))
		if err != nil || len(all) != 1 || journalOf(d.stem) != journal {
			t.Fatalf("draft %d: files %v, %v", i, all, err)
		}
		if i%2 == 0 {
			err = d.Discard()
		} else {
			err = d.Commit(keyID(i))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := 1; i < 50; i += 2 {
		f := c.File(keyID(i), int64(i*100), newSource(0)) // has no bytes to give
		p := make([]byte, i*100)
		if n, err := f.ReadAt(t.Context(), p, 0); n != len(p) || string(p) != strings.Repeat("x", n) {
			t.Errorf("%d: %d, %v", i, n, err)
		}
		f.Close()
	}
	c.Close()
	if left, err := os.ReadDir(filepath.Join(o.Dir, draftsDir)); len(left) != 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

// The journal of a small draft, on top of an earlier one's, cut at any byte gives the draft as it was after some change, and nothing of the
// earlier one.
func TestTornInlineJournal(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	earlier := mustDraft(t, c, Base{}, 0)
	for i := range 200 {
		write(t, earlier, int64(i*100), strings.Repeat("EARLIER", 10))
	}
	if err := earlier.Discard(); err != nil {
		t.Fatal(err)
	}
	d := mustDraft(t, c, Base{}, 0)
	if d.stem != earlier.stem {
		t.Fatal("another file")
	}
	create := d.j.end
	journal := filepath.Join(o.Dir, journalOf(d.stem))
	old, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	write(t, d, 0, "aaaa")
	write(t, d, 8, "bbbb")
	write(t, d, 2, "cccc")
	whole, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	end, id := d.j.end, d.ID()
	c.Close()
	wants := []string{"", "aaaa", "aaaa\x00\x00\x00\x00bbbb", "aacccc\x00\x00bbbb"}
	seen := map[string]int{}
	for n := end; n >= create; n-- {
		for _, tail := range [][]byte{nil, old[n:], make([]byte, 100)} {
			if err := os.WriteFile(journal, slices.Concat(whole[:n], tail), 0o600); err != nil {
				t.Fatal(err)
			}
			c := mustOpen(t, o)
			ds := c.Drafts()
			if len(ds) != 1 || ds[0].ID() != id {
				t.Fatalf("cut at %d: drafts %v", n, ds)
			}
			got := make([]byte, ds[0].Size())
			if _, err := ds[0].ReadAt(t.Context(), got, 0, baseOf(nil)); err != nil || !slices.Contains(wants, string(got)) {
				t.Fatalf("cut at %d: %q, %v", n, got, err)
			}
			seen[string(got)]++
			write(t, ds[0], 0, "more")
			c.Close()
			c = mustOpen(t, o)
			copy(got, "more")
			wantDraft(t, c.Drafts()[0], nil, append([]byte("more"), got[min(4, len(got)):]...))
			c.Close()
		}
	}
	if len(seen) != len(wants) {
		t.Errorf("seen: %v", seen)
	}
}

// Damage of a small draft's journal costs that draft only, and is told.
func TestDamagedInlineJournal(t *testing.T) {
	for _, at := range []int64{20, 300} {
		o := testOptions(t)
		c := mustOpen(t, o)
		d, other := mustDraft(t, c, Base{}, 0), mustDraft(t, c, Base{}, 0)
		for i := range int64(20) {
			write(t, d, i*10, "x")
		}
		write(t, other, 0, "precious")
		c.Close()
		flip(t, filepath.Join(o.Dir, journalOf(d.stem)), at)
		c = mustOpen(t, o)
		if ds := c.Drafts(); len(ds) != 1 || ds[0].ID() != other.ID() {
			t.Fatalf("%d drafts", len(ds))
		}
		wantDraft(t, c.Drafts()[0], nil, []byte("precious"))
		if told := c.Stats().Damaged; len(told) != 1 || !strings.Contains(told[0], string(d.stem)) {
			t.Errorf("told: %v", told)
		}
	}
}

// A draft that outgrows its journal gets a data file; a crash before the journal says so leaves the journal right.
func TestSpill(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	d := mustDraft(t, c, Base{}, 0)
	s := newSource(3 * inlineMost)
	half := inlineMost / 2
	write(t, d, 0, string(s.data[:half]))
	if got := dataFiles(t, o.Dir); len(got) != 0 {
		t.Fatalf("data files %v", got)
	}
	crash := filepath.Join(t.TempDir(), "crash")
	copyTree(t, o.Dir, crash)
	if err := os.WriteFile(filepath.Join(crash, dataOf(d.stem)), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, d, int64(half), string(s.data[half:]))
	if got := dataFiles(t, o.Dir); len(got) != 1 {
		t.Fatalf("data files %v", got)
	}
	wantDraft(t, d, nil, s.data)
	c.Close()
	c = mustOpen(t, o)
	wantDraft(t, c.Drafts()[0], nil, s.data)
	o.Dir = crash
	c = mustOpen(t, o)
	wantDraft(t, c.Drafts()[0], nil, s.data[:half])
	if got := dataFiles(t, o.Dir); len(got) != 0 {
		t.Errorf("data files %v", got)
	}
}

// Small drafts are bounded in memory: more of them have data files.
func TestInlineMemoryIsBounded(t *testing.T) {
	o := testOptions(t)
	o.Memory = minMemory
	c := mustOpen(t, o)
	most := c.o.Memory / inlineShare
	body := strings.Repeat("x", 32*kib)
	for range 3 * most / (32 * kib) {
		write(t, mustDraft(t, c, Base{}, 0), 0, body)
	}
	if c.inlineUse > most || c.inlineUse < most/2 {
		t.Errorf("%d bytes, %d allowed", c.inlineUse, most)
	}
	for i, d := range c.Drafts() {
		wantDraft(t, d, nil, []byte(body))
		if err := d.Commit(keyID(i)); err != nil {
			t.Fatal(err)
		}
	}
	if c.inlineUse != 0 || c.Stats().DraftBytes != 0 {
		t.Errorf("%d bytes in memory, %d counted", c.inlineUse, c.Stats().DraftBytes)
	}
}

// Readers of a draft that ends beside them get its bytes or an error, never those of the draft that has the file next.
func TestReadersOfDraftsThatEnd(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range 200 {
		d := mustDraft(t, c, Base{}, 0)
		want := bytes.Repeat([]byte{byte(i)}, 8*kib)
		write(t, d, 0, string(want))
		if i%10 == 0 {
			giveFile(t, d)
		}
		wg.Go(func() {
			p := make([]byte, len(want))
			for range 20 {
				if _, err := d.ReadAt(t.Context(), p, 0, noBase); err == nil && !bytes.Equal(p, want) {
					t.Errorf("draft %d: wrong bytes", i)
				}
			}
		})
		if err := d.Commit(keyID(i)); err != nil {
			t.Fatal(err)
		}
		if n, err := d.LocalReaderAt().ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
			t.Fatalf("draft %d is gone, and gives %d bytes, %v", i, n, err)
		}
	}
}
