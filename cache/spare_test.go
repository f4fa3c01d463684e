package cache

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"allasfs/cache/powercut"
)

// TestSyncOfASpare: a draft whose journal another one had before is durable when Sync returns, whether that one was or not.
func TestSyncOfASpare(t *testing.T) {
	for name, durable := range map[string]bool{"of a durable draft": true, "of one that was not": false} {
		t.Run(name, func(t *testing.T) {
			disk := powercut.New(t)
			c := openOn(t, disk)
			first, err := c.NewDraft(Target{"s", "b", "first"}, Base{}, 0, Attrs{})
			noErr(t, err)
			if durable {
				noErr(t, first.Sync())
			}
			noErr(t, first.Discard())
			d, err := c.NewDraft(Target{"s", "b", "k"}, Base{}, 0, Attrs{})
			noErr(t, err)
			if d.stem != stem(first.ID()) || d.named != durable {
				t.Fatalf("journal %s, named %t", d.stem, d.named)
			}
			_, err = d.WriteAt([]byte("durable"), 0)
			noErr(t, err)
			noErr(t, d.SetState(StateClosed, ""))
			noErr(t, d.Persist())
			disk.Cut(nil)
			c = openOn(t, disk)
			left := c.Drafts()
			if len(left) != 1 || left[0].ID() != d.ID() || string(left[0].d.inline.mem) != "durable" {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestNothingNewIsNotWritten: what a draft is told twice is in its journal once, and is no change of it.
func TestNothingNewIsNotWritten(t *testing.T) {
	c := openOn(t, powercut.New(t))
	d, err := c.NewDraft(Target{"s", "b", "k"}, Base{}, 0, Attrs{})
	noErr(t, err)
	var end int64
	var gen uint64
	for i := range 2 {
		noErr(t, d.SetTarget(Target{"s", "b", "other"}))
		noErr(t, d.SetAttrs(Attrs{ContentType: "text/plain", Meta: map[string]string{"mtime": "1"}}))
		noErr(t, d.SetState(StateClosed, "why"))
		noErr(t, d.SetUpload(Upload{ID: "1"}))
		if i > 0 && (d.j.end != end || d.Generation() != gen) {
			t.Errorf("%d bytes more, generation %d after %d", d.j.end-end, d.Generation(), gen)
		}
		end, gen = d.j.end, d.Generation()
	}
	noErr(t, d.Discard())
	if d.SetState(StateClosed, "why") == nil {
		t.Error("a draft that is gone took a state")
	}
}

// TestSyncOfAClosedFile: who makes a draft durable that ends meanwhile is told that it is gone.
func TestSyncOfAClosedFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	noError(t, err)
	noError(t, syncData(f))
	if !reached(f) {
		t.Error("an open file is taken for lost")
	}
	noError(t, f.Close())
	if err := syncData(f); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
	if reached(f) {
		t.Error("a closed file is taken for durable")
	}
}
