package cache

import (
	"strconv"
	"testing"
)

// TestInlineWriteThatRewritesJournal: a small draft whose journal is about to be rewritten as it is written to, which gives it a data file, keeps what is
// written: in this daemon's life and in the next one's.
func TestInlineWriteThatRewritesJournal(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	d := mustDraft(t, c, Base{}, 0)
	write(t, d, 0, "before")
	if err := d.SetUpload(Upload{Bucket: "b", Key: "k", ID: "1", ETag: "e"}); err != nil {
		t.Fatal(err)
	}
	for i := 0; d.j.end < compactFrom; i++ { // a history that is not of bytes
		if err := d.SetState(StateOpen, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if !d.d.inline.on {
		t.Fatal("the draft has a data file too early")
	}
	write(t, d, 0, "after!")
	wantDraft(t, d, nil, []byte("after!"))
	c.Close()
	c = mustOpen(t, o)
	defer c.Close()
	wantDraft(t, c.Drafts()[0], nil, []byte("after!"))
	if c.inlineUse != 0 {
		t.Errorf("%d bytes of small drafts are counted in memory, and there is none", c.inlineUse)
	}
}
