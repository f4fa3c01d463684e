package fs

import (
	"syscall"
	"testing"
)

// TestCreator: what another user makes is stored as that user's, in the one request that stores it; what the mount's user makes carries no owner.
func TestCreator(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.UID, o.GID = 1000, 1000 })
	ctx := WithCreator(t.Context(), 2000, 3000)
	w.wantCounts(w.counts(func() {
		a, h, err := w.f.Create(ctx, RootID, "theirs", syscall.O_WRONLY|syscall.O_CREAT, 0o644)
		w.ok(err)
		defer w.f.Forget(a.ID, 1)
		defer h.Release()
		if a.UID != 2000 || a.GID != 3000 {
			t.Errorf("a new file is %d:%d's", a.UID, a.GID)
		}
		w.ok(h.Flush(t.Context()))
	}), map[string]int{"HeadObject": 1, "ListObjectsV2": 1, "PutObject": 1})
	w.ok(w.create("ours", []byte("x")))
	a, h, err := w.f.Create(WithCreator(t.Context(), 1000, 5), RootID, "by name", syscall.O_WRONLY|syscall.O_CREAT, 0o644)
	w.ok(err)
	w.ok(h.Flush(t.Context()))
	h.Release()
	w.f.Forget(a.ID, 1)
	for key, want := range map[string][2]string{"theirs": {"2000", "3000"}, "ours": {}, "by name": {}} {
		o, err := w.store.Head(t.Context(), "data", key)
		w.ok(err)
		if got := [2]string{o.Meta[metaUID], o.Meta[metaGID]}; got != want {
			t.Errorf("%s is stored with the owner %q, want %q", key, got, want)
		}
	}
}

// TestGroupOfDirectory: a directory with the set-group bit hands its group down, and the bit to directories.
func TestGroupOfDirectory(t *testing.T) {
	w := newWorld(t)
	w.ok(w.mkdir("shared"))
	d := w.hold("shared")
	mode, gid := uint32(0o2775), uint32(77)
	must[Attr](t)(w.f.Setattr(t.Context(), d.ID, nil, Change{Mode: &mode, GID: &gid}))
	w.ok(w.create("shared/f", []byte("x")))
	w.ok(w.mkdir("shared/sub"))
	w.ok(w.create("shared/sub/f", []byte("x")))
	for path, bits := range map[string]uint32{"shared/f": 0, "shared/sub": syscall.S_ISGID, "shared/sub/f": 0} {
		if a := must[Attr](t)(w.walk(path)); a.GID != gid || a.Mode&syscall.S_ISGID != bits {
			t.Errorf("%s: group %d, mode %o", path, a.GID, a.Mode)
		}
	}
}

// TestTimesOfDirectory: the time of a directory is that of the last change of its names here, and stays as it was set until the next.
func TestTimesOfDirectory(t *testing.T) {
	w := newWorld(t)
	w.ok(w.mkdir("d"))
	d := w.hold("d")
	long := d.Mtime.AddDate(-1, 0, 0)
	for what, change := range map[string]func() error{
		"create": func() error { return w.create("d/new", []byte("x")) },
		"mkdir":  func() error { return w.mkdir("d/dir") },
		"unlink": func() error { return w.unlink("d/old") },
		"rmdir":  func() error { return w.rmdir("d/olddir") },
		"rename": func() error { return w.rename("d/old", "d/renamed") },
		"read":   nil,
		"write":  nil,
	} {
		for _, path := range []string{"d/old", "d/olddir/"} {
			if dir, base := split(path); base == "" {
				_ = w.mkdir(dir)
			} else {
				w.ok(w.create(path, []byte("x")))
			}
		}
		must[Attr](t)(w.f.Setattr(t.Context(), d.ID, nil, Change{Mtime: &long}))
		moves := change != nil
		switch what {
		case "read":
			change = func() error { _, err := w.read("d/old"); return err }
		case "write":
			change = func() error { return w.write("d/old", []byte("y"), 0, 0) }
		}
		w.ok(change())
		if a := must[Attr](t)(w.f.Getattr(t.Context(), d.ID)); a.Mtime.Equal(long) == moves {
			t.Errorf("after %s the directory's time is %v, set to %v", what, a.Mtime, long)
		}
	}
}
