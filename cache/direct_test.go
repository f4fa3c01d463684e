package cache

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// lend makes a draft that is lent, and the file as the kernel opens it; the test is skipped where that cannot be. What programs are about to do is in asked.
func lend(t *testing.T, c *Cache) (d *Draft, file *os.File, asked chan Access) {
	t.Helper()
	d, asked = mustDraft(t, c, Base{}, 0), make(chan Access, 100)
	err := d.Direct(func(a Access) syscall.Errno {
		asked <- a
		if a.Off >= 1<<20 {
			return syscall.ENOSPC
		}
		return 0
	})
	if errors.Is(err, syscall.EOPNOTSUPP) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if file, err = os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", d.Fd()), os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return d, file, asked
}

// TestDirectDraft: what is written past the package is the draft, its size, its bytes and its use of the room, here and after a restart.
func TestDirectDraft(t *testing.T) {
	o := testOptions(t)
	o.DraftSpace = 1 << 20
	c := mustOpen(t, o)
	d, file, asked := lend(t, c)
	text := strings.Repeat("x", 100_000)
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if a := <-asked; a.Off != 0 || a.Len < 100_000 {
		t.Errorf("asked for %d bytes at %d", a.Len, a.Off)
	}
	if _, err := file.WriteAt([]byte("y"), 1<<20); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a write that is refused: %v", err)
	}
	if err := d.Unguard(); err != nil {
		t.Fatal(err)
	}
	wantDraft(t, d, nil, []byte(text))
	if _, _, yes := d.Touched(); !yes {
		t.Error("a write is not noticed")
	}
	if left, err := d.Room(1 << 20); !errors.Is(err, ErrDraftSpace) || left > 1<<20-100_000 {
		t.Errorf("room for %d bytes, %v", left, err)
	}
	if err := d.Arm(); err != nil {
		t.Fatal(err)
	}
	if _, _, yes := d.Touched(); yes {
		t.Error("written since it was armed")
	}
	write(t, d, 100_000, "tail")
	if err := d.Truncate(100_003); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(io.NewSectionReader(file, 99_999, 10)); string(got) != "xtai" || err != nil {
		t.Errorf("the file ends in %q, %v", got, err)
	}
	text += "tai"
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("more"), 100_003); err != nil { // of a program that outlives the daemon
		t.Fatal(err)
	}
	c = mustOpen(t, o)
	if len(c.Drafts()) != 1 {
		t.Fatalf("%d drafts", len(c.Drafts()))
	}
	wantDraft(t, c.Drafts()[0], nil, []byte(text+"more"))
}

// TestDirectDraftThatWasStored is none any more after a restart, unless it was written since.
func TestDirectDraftThatWasStored(t *testing.T) {
	for _, again := range []bool{false, true} {
		o := testOptions(t)
		c := mustOpen(t, o)
		d, file, _ := lend(t, c)
		if _, err := file.WriteString("one"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.Arm(), d.Stored(Base{ETag: "e", Size: 3})); err != nil {
			t.Fatal(err)
		}
		if again {
			if _, err := file.WriteString("two"); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		c = mustOpen(t, o)
		if left := c.Drafts(); len(left) != 0 != again {
			t.Fatalf("written again %v: %d drafts", again, len(left))
		}
		if again {
			if b := c.Drafts()[0].Base(); b.ETag != "e" {
				t.Errorf("base %+v", b)
			}
			wantDraft(t, c.Drafts()[0], nil, []byte("onetwo"))
		}
	}
}
