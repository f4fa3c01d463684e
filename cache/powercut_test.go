package cache

import (
	"bytes"
	"path"
	"strings"
	"testing"

	"allasfs/cache/powercut"
)

// openOn opens a cache on a disk whose power can be cut; what comes after the cut is an error to it, and nobody's business.
func openOn(t *testing.T, d *powercut.Disk) *Cache {
	t.Helper()
	c, err := Open(Options{Dir: d.Mount(), Size: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestPowerCut: a draft that was synced is whole after a power cut, with its state, whatever else the disk had written by itself.
func TestPowerCut(t *testing.T) {
	for name, written := range map[string]func(string) bool{
		"nothing":      nil,
		"all names":    func(p string) bool { return p == "." || p == "drafts" || p == "blocks" },
		"journals":     func(p string) bool { return path.Ext(p) == ".log" },
		"data":         func(p string) bool { return path.Ext(p) == ".data" },
		"all but data": func(p string) bool { return path.Ext(p) != ".data" },
		"everything":   func(string) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			disk := powercut.New(t)
			c := openOn(t, disk)
			want := bytes.Repeat([]byte("durable "), 40_000)
			d, err := c.NewDraft(Target{"s", "b", "k"}, Base{}, 0, Attrs{})
			noErr(t, err)
			_, err = d.WriteAt(want, 0)
			noErr(t, err)
			noErr(t, d.SetState(StateClosed, ""))
			noErr(t, d.Sync())
			late, err := c.NewDraft(Target{"s", "b", "late"}, Base{}, 0, Attrs{})
			noErr(t, err)
			_, err = late.WriteAt(want, 0)
			noErr(t, err)
			noErr(t, late.SetState(StateClosed, ""))
			disk.Cut(written)

			c = openOn(t, disk)
			synced := 0
			for _, d := range c.Drafts() {
				state, why := d.State()
				got := make([]byte, d.Size())
				_, err := d.LocalReaderAt().ReadAt(got, 0)
				noErr(t, err)
				whole := bytes.Equal(got, want)
				switch {
				case d.Target().Key == "k":
					synced++
					if !whole || state != StateClosed {
						t.Errorf("the synced draft: %d bytes, whole %v, %v %q", len(got), whole, state, why)
					}
				case state == StateClosed && !whole:
					t.Errorf("a draft of which bytes are lost would be sent: %d bytes", len(got))
				case state == StateConflict && !strings.Contains(why, "lost"):
					t.Errorf("it does not say what is wrong: %q", why)
				}
			}
			if synced != 1 {
				t.Errorf("%d synced drafts", synced)
			}
		})
	}
}

func noErr(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestPowerCutOfReusedJournal: a small draft in the journal of one that is gone is as durable as any other once it was synced, and the one before does not
// come back then.
func TestPowerCutOfReusedJournal(t *testing.T) {
	for name, written := range map[string]func(string) bool{
		"nothing":    nil,
		"everything": func(string) bool { return true },
		"names":      func(p string) bool { return p == "drafts" },
	} {
		t.Run(name, func(t *testing.T) {
			disk := powercut.New(t)
			c := openOn(t, disk)
			closed := func(key, body string) *Draft {
				d, err := c.NewDraft(Target{"s", "b", key}, Base{}, 0, Attrs{})
				noErr(t, err)
				_, err = d.WriteAt([]byte(body), 0)
				noErr(t, err)
				noErr(t, d.SetState(StateClosed, ""))
				noErr(t, d.Sync())
				return d
			}
			first := closed("first", strings.Repeat("longer than the second ", 500))
			noErr(t, first.Commit(keyID(1)))
			second := closed("second", "short")
			if second.stem != first.stem {
				t.Fatal("the journal is not used again")
			}
			disk.Cut(written)

			c = openOn(t, disk)
			drafts := c.Drafts()
			if len(drafts) != 1 || drafts[0].Target().Key != "second" || drafts[0].ID() != second.ID() {
				t.Fatalf("%d drafts; the first is of %q", len(drafts), drafts[0].Target().Key)
			}
			wantDraft(t, drafts[0], nil, []byte("short"))
			if state, why := drafts[0].State(); state != StateClosed {
				t.Errorf("state %v %q", state, why)
			}
		})
	}
}

// TestPowerCutAfterALeftOneGrew: a draft that an earlier cache left, and whose bytes get a file of their own, is there after a power cut that kept the journals alone.
func TestPowerCutAfterALeftOneGrew(t *testing.T) {
	disk := powercut.New(t)
	c := openOn(t, disk)
	d := mustDraft(t, c, Base{ETag: "e", Size: 60_000}, 60_000)
	_, err := d.WriteAt([]byte("acknowledged"), 0)
	noErr(t, err)
	noErr(t, d.SetState(StateClosed, ""))
	noErr(t, d.Sync())
	disk.Cut(nil)
	c = openOn(t, disk)
	for _, d := range c.Drafts() {
		for range 6 { // too much for the journal
			_, err = d.WriteAt(make([]byte, 50_000), 12)
			noErr(t, err)
		}
	}
	disk.Cut(func(p string) bool { return path.Ext(p) == ".log" })
	c = openOn(t, disk)
	left := c.Drafts()
	if len(left) != 1 {
		t.Fatalf("%d drafts are left; damaged: %q", len(left), c.damaged)
	}
	b := make([]byte, 12)
	if _, err := left[0].LocalReaderAt().ReadAt(b, 0); err != nil || string(b) != "acknowledged" {
		t.Errorf("it holds %q, %v", b, err)
	}
}
