package mount

import (
	"fmt"
	iofs "io/fs"
	"os"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// fileAttrs is what the model knows of a file's attributes.
type fileAttrs struct {
	mode iofs.FileMode // 0 = that of a new file
	time fileTime
}

type fileTime int

const (
	timeUnknown fileTime = iota
	timeSet              // by touch, to longAgo
	timeNew              // it was written since
)

func longAgo() time.Time { return time.Unix(1_500_000_000, 250_000_000) }

func (x *machine) setTime(path string, to fileTime) {
	a := x.attrs[path]
	a.time = to
	x.attrs[path] = a
}

func (x *machine) drop(path string) {
	delete(x.files, path)
	delete(x.attrs, path)
}

// moveFile gives one file another path.
func (x *machine) moveFile(from, to string) {
	text, a := x.files[from], x.attrs[from]
	x.drop(from)
	x.files[to], x.attrs[to] = text, a
}

func (x *machine) chmod(t *rapid.T) {
	path, mode := x.path(t), rapid.SampledFrom([]iofs.FileMode{0o600, 0o644, 0o755}).Draw(t, "mode")
	if _, file := x.files[path]; !file {
		return
	}
	if err := os.Chmod(x.m.path(path), mode); err != nil {
		fail(t, "chmod %s: %v", path, err)
	}
	a := x.attrs[path]
	a.mode = mode
	x.attrs[path], x.late = a, true
}

// touch sets a file's time, that of access too or not.
func (x *machine) touch(t *rapid.T) {
	path, access := x.path(t), longAgo()
	if rapid.Bool().Draw(t, "mtime only") {
		access = time.Time{}
	}
	if _, file := x.files[path]; !file {
		return
	}
	if err := os.Chtimes(x.m.path(path), access, longAgo()); err != nil {
		fail(t, "touch %s: %v", path, err)
	}
	x.setTime(path, timeSet)
	x.late = true
}

func (a fileAttrs) wantMode() iofs.FileMode {
	if a.mode == 0 {
		return 0o644
	}
	return a.mode
}

// checkShown compares what stat(2) shows. Where the kernel collects writes, it goes on showing the time of before those that come at once.
func (x *machine) checkShown(path string, fi iofs.FileInfo) error {
	a := x.attrs[path]
	if fi.Mode().Perm() != a.wantMode() {
		return fmt.Errorf("%s has the mode %o, want %o", path, fi.Mode().Perm(), a.wantMode())
	}
	isSet := fi.ModTime().Equal(longAgo())
	if a.time == timeSet && !isSet || a.time == timeNew && isSet && !x.m.fs.KernelWrites() {
		return fmt.Errorf("%s has the time %v, which was set: %t", path, fi.ModTime(), a.time == timeSet)
	}
	return nil
}

// checkStored compares the attributes that the store has of what was changed here.
func (x *machine) checkStored(t *rapid.T) {
	for path, a := range x.attrs {
		o, err := x.m.other.Head(x.m.t.Context(), x.m.bucket, path)
		if err != nil {
			fail(t, "%s: %v", path, err)
		}
		isSet := strings.HasPrefix(o.Meta["mtime"], "1500000000.25")
		if a.time == timeSet && !isSet || a.time == timeNew && isSet {
			fail(t, "the store has the time %q of %s, which was set: %t", o.Meta["mtime"], path, a.time == timeSet)
		}
	}
}

// settle is sync, if attributes were changed.
func (x *machine) settle(t *rapid.T) {
	if x.late {
		x.sync(t)
	}
}

// sync sends attributes, which follow a change within seconds.
func (x *machine) sync(t *rapid.T) {
	x.late = false
	if err := x.m.fs.Sync(x.m.t.Context()); err != nil {
		fail(t, "sync: %v", err)
	}
}
