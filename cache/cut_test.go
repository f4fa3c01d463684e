package cache

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// pictureOf is all that a draft tells of itself, and its bytes.
func pictureOf(t *testing.T, d *Draft, base []byte) string {
	t.Helper()
	p := make([]byte, d.Size())
	if n, err := d.ReadAt(context.Background(), p, 0, baseOf(base)); n != len(p) || err != nil && err != io.EOF {
		t.Fatalf("read %d of %d: %v", n, len(p), err)
	}
	state, why := d.State()
	return fmt.Sprintf("%q %v %q %v %v %v %v %v clean %v", p, state, why, d.Target(), d.Base(), d.Attrs(), d.Upload(), d.Perhaps(), d.Clean())
}

// TestJournalCutAnywhere: a crash at any byte of a journal that has every kind of record leaves the draft as it was after a change that was reported, and never as
// it was before one that was reported earlier.
func TestJournalCutAnywhere(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	base := []byte("0123456789")
	d, err := c.NewDraft(Target{Store: "s", Bucket: "b", Key: "k"}, Base{ETag: "e", Size: 10}, 8, Attrs{ContentType: "text/plain"})
	try(t, err)
	type moment struct {
		end     int64
		picture string
	}
	var all []moment
	told := func(err error) {
		t.Helper()
		try(t, err)
		all = append(all, moment{d.j.end, pictureOf(t, d, base)})
	}
	told(nil)
	write(t, d, 2, "ab") // in the journal
	told(nil)
	told(d.Truncate(6))
	told(d.Punch(0, 1))
	told(d.Allocate(6, 3))
	told(d.SetAttrs(Attrs{ContentType: "text/html", Meta: map[string]string{"mode": "33188"}}))
	told(d.SetTarget(Target{Store: "s", Bucket: "b", Key: "renamed"}))
	told(d.SetState(StateClosed, ""))
	told(d.SetUpload(Upload{Bucket: "b", Key: "renamed", ID: "1", ETag: "f"}))
	told(d.SetState(StateClosed, "the store does not answer"))
	told(d.AddPerhaps(Perhaps{ETag: "f"}, Perhaps{ETag: "older", Other: true}))
	told(d.Rebase(Base{ETag: "f", Size: 9}, ^uint64(0)))
	write(t, d, 5, "cd") // the upload is not the draft any more: two records
	all = append(all, moment{all[len(all)-1].end + 1, ""}, moment{d.j.end, pictureOf(t, d, base)})
	giveFile(t, d)
	told(nil)
	write(t, d, 20, "ef") // in a file
	told(nil)
	told(d.SetState(StateConflict, "another client was first"))
	journal, data := filepath.Join(o.Dir, journalOf(d.stem)), filepath.Join(o.Dir, dataOf(d.stem))
	log, err := os.ReadFile(journal)
	try(t, err)
	bytes, err := os.ReadFile(data)
	try(t, err)
	try(t, c.Close())
	at := 0
	for n := all[0].end; n <= int64(len(log)); n++ {
		for at+1 < len(all) && all[at+1].end <= n {
			at++
		}
		try(t, os.WriteFile(journal, log[:n], 0o600))
		try(t, os.WriteFile(data, bytes, 0o600))
		c := mustOpen(t, o)
		ds := c.Drafts()
		if len(ds) != 1 {
			t.Fatalf("cut at %d: %d drafts, damaged: %v", n, len(ds), c.Stats().Damaged)
		}
		if got := pictureOf(t, ds[0], base); got != all[at].picture && all[at].picture != "" {
			t.Errorf("cut at %d of %d:\n%s\nwant what was told last:\n%s", n, len(log), got, all[at].picture)
		}
		try(t, c.Close())
	}
	if at != len(all)-1 {
		t.Errorf("only %d of %d changes were reached", at, len(all))
	}
}

// TestPerhapsIsKept: what the store may hold of a draft is known once, up to a number, and outlives a restart and the rewriting of the journal.
func TestPerhapsIsKept(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	d := mustDraft(t, c, Base{}, 0)
	try(t, d.AddPerhaps(Perhaps{}))
	if got := d.Perhaps(); len(got) > 0 {
		t.Errorf("an empty ETag is kept: %v", got)
	}
	for i := range perhapsMost + 3 {
		for range 2 {
			try(t, d.AddPerhaps(Perhaps{ETag: fmt.Sprint(i), Other: i%2 == 0}))
		}
	}
	want := fmt.Sprint(d.Perhaps())
	if n := len(d.Perhaps()); n != perhapsMost || d.Perhaps()[n-1].ETag != fmt.Sprint(perhapsMost+2) {
		t.Errorf("%v", want)
	}
	for i := 0; d.j.end < compactFrom; i++ {
		try(t, d.SetState(StateOpen, fmt.Sprint(i)))
	}
	write(t, d, 0, "x")
	if d.j.end >= compactFrom {
		t.Fatal("the journal was not rewritten")
	}
	try(t, c.Close())
	c = mustOpen(t, o)
	if got := fmt.Sprint(c.Drafts()[0].Perhaps()); got != want {
		t.Errorf("after a restart %v, want %v", got, want)
	}
}
