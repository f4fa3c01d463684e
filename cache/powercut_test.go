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
