package cache

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// disk is an ext4 file system of its own, whose power can be cut.
type disk struct {
	t          *testing.T
	image, dir string
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a disk whose power can be cut is made by mounting an image, which takes root")
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skipf("no mkfs.ext4: %v", err)
	}
	dir := t.TempDir()
	d := &disk{t: t, image: filepath.Join(dir, "image"), dir: filepath.Join(dir, "disk")}
	for _, err := range []error{os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, 64<<20), os.Mkdir(d.dir, 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	d.run("mkfs.ext4", "-q", "-F", d.image)
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		t.Skipf("no loop device to be had here: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = unix.Unmount(d.dir, unix.MNT_DETACH) })
	return d
}

func (d *disk) run(args ...string) {
	d.t.Helper()
	if out, err := exec.CommandContext(d.t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		d.t.Fatalf("%q: %v: %s", args, err, out)
	}
}

// cut ends all writing to the disk: what the kernel holds is lost. back is the power's return.
func (d *disk) cut() {
	d.t.Helper()
	const shutdown, noLogFlush = 0x8004587d, 2
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush); err != nil {
		d.t.Skipf("the power of this disk cannot be cut: %v", err)
	}
}

func (d *disk) back() {
	d.t.Helper()
	if err := unix.Unmount(d.dir, 0); err != nil {
		d.t.Fatal(err)
	}
	d.run("mount", "-o", "loop", d.image, d.dir)
}

// TestPersistOutlivesThePower: drafts that were persisted, one alone and many at once, are whole after a power cut. One that was not is what the cut shows.
func TestPersistOutlivesThePower(t *testing.T) {
	disk := newDisk(t)
	o := testOptions(t)
	o.Dir = filepath.Join(disk.dir, "cache")
	c := mustOpen(t, o)
	want := map[string][]byte{}
	var mu sync.Mutex
	persist := func(i int) {
		d, err := c.NewDraft(Target{"s", "b", fmt.Sprint(i)}, Base{}, 0, Attrs{})
		if err != nil {
			t.Error(err)
			return
		}
		data := bytes.Repeat([]byte{byte(i)}, 5000+i)
		_, err = d.WriteAt(data, 0)
		if err := errors.Join(err, d.SetState(StateClosed, ""), d.Persist()); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		want[fmt.Sprint(i)] = data
	}
	persist(0)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() { persist(i + 1) })
	}
	all.Wait()
	unsafe := mustDraft(t, c, Base{}, 0)
	write(t, unsafe, 0, "nobody was told that this is safe")
	disk.cut()
	_ = c.Close() // its disk is gone
	disk.back()
	c = mustOpen(t, o)
	for _, d := range c.Drafts() {
		data, ok := want[d.Target().Key]
		if !ok {
			t.Errorf("draft of %q, which was not persisted: the power was not cut", d.Target().Key)
			continue
		}
		delete(want, d.Target().Key)
		got := make([]byte, d.Size())
		_, err := d.ReadAt(t.Context(), got, 0, nil)
		if state, _ := d.State(); err != nil || state != StateClosed || !bytes.Equal(got, data) {
			t.Errorf("draft of %s: state %v, %d bytes, %v", d.Target().Key, state, len(got), err)
		}
	}
	if len(want) > 0 {
		t.Errorf("%d drafts are lost", len(want))
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestPersistOfAGoneDraft tells, alone and among others, and the others are none the worse.
func TestPersistOfAGoneDraft(t *testing.T) {
	for _, n := range []int{1, 20} {
		c := mustOpen(t, testOptions(t))
		errs := make([]error, n)
		var all sync.WaitGroup
		for i := range n {
			d := mustDraft(t, c, Base{}, 0)
			if i == 0 {
				if err := d.Discard(); err != nil {
					t.Fatal(err)
				}
			}
			all.Go(func() { errs[i] = d.Persist() })
		}
		all.Wait()
		for i, err := range errs {
			if gone := errors.Is(err, os.ErrClosed); gone != (i == 0) || err != nil && !gone {
				t.Errorf("draft %d of %d: %v", i, n, err)
			}
		}
	}
}
