package mount

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// pair is two mounts of one bucket: what one does the other has to see within coherent.
type pair struct{ one, two *mounted }

// coherent is the TTL of both.
const coherent = time.Second

func eachPair(t *testing.T, f func(t *testing.T, p pair)) {
	t.Helper()
	s3test.Each(t, func(t *testing.T, e s3test.Endpoint) {
		one := mountOn(t, e, ttl(coherent))
		two := mountOn(t, e, ttl(coherent), func(o *setup) { o.bucket = one.bucket })
		f(t, pair{one, two})
	})
}

// changed has the second mount look before the first one changes something, and again late in the TTL, so that whatever the kernel and the daemon
// kept of the time before is used, and handed on, as long as can be. It returns when the change is as old as the TTL.
func (p pair) changed(before, change, late func()) {
	before()
	change()
	at := time.Now()
	time.Sleep(coherent * 6 / 10)
	late()
	time.Sleep(time.Until(at.Add(coherent + coherent/20)))
}

// look uses all names that are told, there or not, as ls -l and as a program that opens them do.
func (p pair) look(names ...string) func() {
	return func() {
		dirs := []string{""}
		for _, nm := range names {
			if _, err := os.Lstat(p.two.path(nm)); err == nil {
				_, _ = os.ReadFile(p.two.path(nm)) // a directory
			}
			if d := filepath.Dir(nm); d != "." && !slices.Contains(dirs, d) {
				dirs = append(dirs, d)
			}
		}
		for _, d := range dirs {
			_, _ = os.ReadDir(p.two.path(d)) // it may be gone
		}
	}
}

// gone is whether a name is there no more, by itself and in its directory.
func (p pair) wantGone(nm string) {
	p.two.t.Helper()
	_, err := os.Lstat(p.two.path(nm))
	wantErrno(p.two.t, err, syscall.ENOENT)
	if names := p.two.names(filepath.Dir(nm)); slices.Contains(names, filepath.Base(nm)) {
		p.two.t.Errorf("%s is still listed among %q", nm, names)
	}
}

// wantFile checks a file's bytes, its size by itself, and that it is listed.
func (p pair) wantFile(nm, data string) {
	p.two.t.Helper()
	if fi := must[os.FileInfo](p.two.t)(os.Lstat(p.two.path(nm))); fi.Size() != int64(len(data)) {
		p.two.t.Errorf("%s has %d bytes, want %d", nm, fi.Size(), len(data))
	}
	p.two.wantFile(nm, data)
	if names := p.two.names(filepath.Dir(nm)); !slices.Contains(names, filepath.Base(nm)) {
		p.two.t.Errorf("%s is not listed among %q", nm, names)
	}
}

// TestTwoMountsSeeEachOther: creation, change, removal and rename, of entries that are kept as there and of those that are kept as not there.
func TestTwoMountsSeeEachOther(t *testing.T) {
	for how, before := range map[string]func(pair, []string) func(){
		"kernel": func(p pair, names []string) func() { return p.look(names...) }, // which keeps what it was told
		"daemon": func(p pair, _ []string) func() { // which has a listing, and answers with it later
			return func() { p.two.names(""); p.two.names("d") }
		},
	} {
		t.Run(how, func(t *testing.T) { twoMountsSeeEachOther(t, before) })
	}
}

func twoMountsSeeEachOther(t *testing.T, before func(pair, []string) func()) {
	eachPair(t, func(t *testing.T, p pair) {
		for _, nm := range []string{"longer", "same", "shorter", "removed", "renamed", "replaced", "replacing"} {
			p.one.write(nm, "the first of "+nm)
		}
		for _, d := range []string{"d", "moved", "emptied", "full"} {
			ok(t, os.Mkdir(p.one.path(d), 0o755))
			p.one.write(d+"/f", d)
		}
		p.one.write("file-to-dir", "file")
		names := []string{"longer", "same", "shorter", "removed", "renamed", "renamed-to", "replaced", "replacing", "new", "newdir", "newdir/f", "d/f", "d/new",
			"moved/f", "moved-to", "moved-to/f", "emptied/f", "file-to-dir", "file-to-dir/f"}
		p.changed(before(p, names), func() {
			p.one.write("new", "made")
			p.one.write("d/new", "made below")
			ok(t, os.Mkdir(p.one.path("newdir"), 0o755))
			p.one.write("newdir/f", "in a new directory")
			p.one.write("longer", strings.Repeat("more ", 1000))
			p.one.write("same", "the other same")
			p.one.write("shorter", "")
			ok(t, os.Remove(p.one.path("removed")))
			ok(t, os.Rename(p.one.path("renamed"), p.one.path("renamed-to")))
			ok(t, os.Rename(p.one.path("replacing"), p.one.path("replaced")))
			ok(t, os.Rename(p.one.path("moved"), p.one.path("moved-to")))
			ok(t, os.RemoveAll(p.one.path("emptied")))
			ok(t, os.Remove(p.one.path("file-to-dir")))
			ok(t, os.Mkdir(p.one.path("file-to-dir"), 0o755))
			p.one.write("file-to-dir/f", "below")
		}, p.look(names...))
		p.wantFile("new", "made")
		p.wantFile("d/new", "made below")
		p.wantFile("newdir/f", "in a new directory")
		p.wantFile("longer", strings.Repeat("more ", 1000))
		p.wantFile("same", "the other same")
		p.wantFile("shorter", "")
		p.wantFile("renamed-to", "the first of renamed")
		p.wantFile("replaced", "the first of replacing")
		p.wantFile("moved-to/f", "moved")
		p.wantFile("file-to-dir/f", "below")
		for _, nm := range []string{"removed", "renamed", "replacing", "moved", "emptied"} {
			p.wantGone(nm)
		}
	})
}

// TestOpenFilesOfTheOtherMount: who has a file open goes on with the version that was opened, also when the name is another version's, or nobody's.
func TestOpenFilesOfTheOtherMount(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		opened := map[string]*os.File{}
		for _, nm := range []string{"changed", "removed", "renamed"} {
			p.one.write(nm, "old "+nm)
		}
		look := func() {
			for _, nm := range []string{"changed", "removed", "renamed"} {
				if opened[nm] == nil {
					opened[nm] = must[*os.File](t)(os.Open(p.two.path(nm)))
					t.Cleanup(func() { opened[nm].Close() })
				}
				wantSame(t, nm, readFrom(t, opened[nm]), "old "+nm)
			}
		}
		p.changed(look, func() {
			p.one.write("changed", "the new one")
			ok(t, os.Remove(p.one.path("removed")))
			ok(t, os.Rename(p.one.path("renamed"), p.one.path("elsewhere")))
		}, look)
		p.wantFile("changed", "the new one")
		p.wantFile("elsewhere", "old renamed")
		p.wantGone("removed")
		p.wantGone("renamed")
		look()
		if fi := must[os.FileInfo](t)(opened["changed"].Stat()); fi.Size() != int64(len("old changed")) {
			t.Errorf("the open file has %d bytes", fi.Size())
		}
	})
}

// TestAttributesOfTheOtherMount: mode and time that one sets are seen by the other, which had looked the file up by itself.
func TestAttributesOfTheOtherMount(t *testing.T) {
	eachPair(t, func(t *testing.T, p pair) {
		p.one.write("f", "data")
		time.Sleep(1100 * time.Millisecond) // a change of attributes alone shows by the object's date, to the second
		at := time.Date(2001, 2, 3, 4, 5, 6, 7000, time.UTC)
		look := func() { must[os.FileInfo](t)(os.Lstat(p.two.path("f"))) }
		p.changed(look, func() {
			ok(t, os.Chmod(p.one.path("f"), 0o640))
			ok(t, os.Chtimes(p.one.path("f"), at, at))
			ok(t, p.one.fs.Sync(t.Context()))
		}, look)
		fi := must[os.FileInfo](t)(os.Lstat(p.two.path("f")))
		if fi.Mode() != 0o640 || !fi.ModTime().Equal(at) {
			t.Errorf("mode %v, time %v", fi.Mode(), fi.ModTime())
		}
	})
}

func readFrom(t *testing.T, f *os.File) string {
	t.Helper()
	return string(must[[]byte](t)(io.ReadAll(io.NewSectionReader(f, 0, 1<<20))))
}
