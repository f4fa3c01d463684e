package cache

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// giveFile gives a draft a data file, as a long one has it.
func giveFile(t *testing.T, d *Draft) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.spill(); err != nil {
		t.Fatal(err)
	}
}

// A journal cut at any byte gives the draft as it was after some earlier change.
func TestTornJournal(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	d := mustDraft(t, c, Base{}, 0)
	giveFile(t, d)
	write(t, d, 0, "aaaa")
	write(t, d, 8, "bbbb")
	write(t, d, 20, "cccc")
	journal := filepath.Join(o.Dir, journalOf(d.stem))
	whole, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	full := "aaaa\x00\x00\x00\x00bbbb\x00\x00\x00\x00\x00\x00\x00\x00cccc"
	seen := map[int]int{}
	for n := len(whole); n >= len(whole)-3*48; n-- { // three records
		for _, tail := range [][]byte{nil, []byte("garbage that is longer than a record's head"), make([]byte, 100)} {
			if err := os.WriteFile(journal, append(slices.Clone(whole[:n]), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			data := filepath.Join(o.Dir, dataOf(d.stem))
			if err := os.WriteFile(data, []byte(full), 0o600); err != nil {
				t.Fatal(err)
			}
			c := mustOpen(t, o)
			ds := c.Drafts()
			if len(ds) != 1 {
				t.Fatalf("cut at %d: %d drafts", n, len(ds))
			}
			size := int(ds[0].Size())
			seen[size]++
			wantDraft(t, ds[0], nil, []byte(full[:size]))
			write(t, ds[0], int64(size), "more") // goes on in the right place
			c.Close()
			c = mustOpen(t, o)
			wantDraft(t, c.Drafts()[0], nil, []byte(full[:size]+"more"))
			c.Close()
		}
	}
	for _, size := range []int{0, 4, 12, 24} {
		if seen[size] == 0 {
			t.Errorf("never %d bytes: %v", size, seen)
		}
	}
}

func TestDamagedJournalCostsItsDraftOnly(t *testing.T) {
	for name, hurt := range map[string]func(t *testing.T, log, data string){
		"middle":  func(t *testing.T, log, _ string) { flip(t, log, 170) },
		"start":   func(t *testing.T, log, _ string) { flip(t, log, 20) },
		"empty":   func(t *testing.T, log, _ string) { cut(t, log, 0) },
		"no log":  func(t *testing.T, log, _ string) { os.Remove(log) },
		"no data": func(t *testing.T, _, data string) { os.Remove(data) },
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			c := mustOpen(t, o)
			d, other := mustDraft(t, c, Base{}, 0), mustDraft(t, c, Base{}, 0)
			giveFile(t, d)
			for i := range int64(20) {
				write(t, d, i*10, "x")
			}
			write(t, other, 0, "precious")
			c.Close()
			hurt(t, filepath.Join(o.Dir, journalOf(d.stem)), filepath.Join(o.Dir, dataOf(d.stem)))
			for range 2 { // told at each start
				c = mustOpen(t, o)
				ds := c.Drafts()
				if len(ds) != 1 || ds[0].ID() != other.ID() {
					t.Fatalf("%d drafts", len(ds))
				}
				wantDraft(t, ds[0], nil, []byte("precious"))
				told := c.Stats().Damaged
				if len(told) == 0 || !strings.Contains(told[0], d.ID()) {
					t.Errorf("told: %v", told)
				}
				for _, name := range told {
					if _, err := os.Stat(name); err != nil {
						t.Error(err)
					}
				}
				c.Close()
			}
		})
	}
}

func TestOverwritingLocalBytesWritesNoRecord(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	d := mustDraft(t, c, Base{}, 0)
	giveFile(t, d)
	write(t, d, 0, strings.Repeat("a", 1000))
	end, gen := d.j.end, d.Generation()
	for i := range int64(100) {
		write(t, d, i*10, "b")
	}
	if d.j.end != end {
		t.Errorf("journal grew by %d", d.j.end-end)
	}
	if d.Generation() != gen+100 {
		t.Errorf("generation %d, was %d", d.Generation(), gen)
	}
}

func TestJournalIsRewritten(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	d := mustDraft(t, c, Base{ETag: "e", Size: 100}, 100)
	want := bytes.Repeat([]byte("B"), 100)
	base := slices.Clone(want)
	for i := range 70_000 {
		off := int64(i / 2 % 50)
		if i%2 == 0 {
			write(t, d, off, "x")
			want[off] = 'x'
		} else if err := d.Punch(off, 1); err != nil {
			t.Fatal(err)
		} else {
			want[off] = 0
		}
	}
	if d.j.end > 2*compactFrom {
		t.Errorf("journal of %d bytes", d.j.end)
	}
	if err := d.Sync(); err != nil {
		t.Error(err)
	}
	pieces := d.Pieces()
	c.Close()
	c = mustOpen(t, o)
	d = c.Drafts()[0]
	wantDraft(t, d, base, want)
	if !slices.Equal(d.Pieces(), pieces) || d.Attrs().Meta["b"] != "\xff" || d.Base().ETag != "e" {
		t.Errorf("another draft after the rewrite")
	}
}
