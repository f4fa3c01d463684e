package fs

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// newDescribed is a world whose listings come with full attributes: n files with mode and time, an empty file and a link in the directory d.
func newDescribed(t *testing.T, n int, change ...func(*Options)) (w *world, full func(*Options)) {
	file := filepath.Join(t.TempDir(), "attrs")
	full = func(o *Options) { o.FullStat, o.AttrFile, o.EmptiesFile = true, file, file+".empties" }
	w = newWorld(t, append([]func(*Options){full}, change...)...)
	for i := range n {
		w.srv.PutObject("data", fmt.Sprintf("d/f%04d", i), []byte("x"), map[string]string{"mode": "33184", "mtime": "1000000000.5", "odd": "\xe4"}) // 0640
	}
	w.srv.PutObject("data", "d/empty", nil, map[string]string{"mode": "33184", "mtime": "1000000000.5"})
	w.srv.PutObject("data", "d/link", []byte("f0001"), map[string]string{"mode": "41471"})
	w.srv.ResetCounts()
	return w, full
}

// wantDescribed reads d as ls -l does, and checks what it shows of n files.
func (w *world) wantDescribed(n int) {
	w.t.Helper()
	d, err := w.walk("d")
	w.ok(err)
	w.srv.ResetCounts()
	h := must[*DirHandle](w.t)(w.f.OpenDir(w.t.Context(), d.ID))
	defer h.Release()
	shown := 0
	for i := 0; ; i++ {
		e, more, err := h.Entry(w.t.Context(), i)
		w.ok(err)
		if !more {
			break
		}
		a := must[Attr](w.t)(h.Stat(w.t.Context(), i))
		w.refs = append(w.refs, a.ID)
		want := uint32(syscall.S_IFREG | 0o640)
		if e.Name == "link" {
			want = syscall.S_IFLNK | 0o777
		} else if a.Mtime != time.Unix(1e9, 5e8) {
			w.t.Errorf("%s has the time %v", e.Name, a.Mtime)
		}
		if a.Mode != want || e.Mode != want&syscall.S_IFMT {
			w.t.Errorf("%s has mode %o, and is listed as %o; want %o", e.Name, a.Mode, e.Mode, want)
		}
		shown++
	}
	if shown != n+2 {
		w.t.Errorf("%d names, want %d", shown, n+2)
	}
}

// again makes the directory's listing old.
func (w *world) again() {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	for _, n := range w.f.nodes {
		if n.listing != nil {
			n.listing.started = n.listing.started.Add(-time.Hour)
		}
		n.checked = n.checked.Add(-time.Hour)
	}
}

func (w *world) wantRequests(when string, lists, heads int) {
	w.t.Helper()
	want := map[string]int{}
	if lists > 0 {
		want["ListObjectsV2"] = lists
	}
	if heads > 0 {
		want["HeadObject"] = heads
	}
	if got := w.srv.Counts(); !maps.Equal(got, want) {
		w.t.Errorf("%s: requests %v, want %v", when, got, want)
	}
}

// The first listing costs a HEAD for each file, side by side; the next ones, and those of later mounts, none, while ETag and date stand.
func TestFullStat(t *testing.T) {
	const n = 1500
	w, full := newDescribed(t, n)
	w.srv.SetLatency(2 * time.Millisecond)
	w.wantDescribed(n)
	w.wantRequests("first", 2, n+2)
	if p := w.srv.Peak(); p < 8 || p > maxRequests+2 {
		t.Errorf("%d requests at once", p)
	}
	w.srv.SetLatency(0)
	w.again()
	w.wantDescribed(n)
	w.wantRequests("again", 2, 0)

	w.stop()
	w.start(full)
	w.wantDescribed(n)
	w.wantRequests("after a remount", 2, 0)
	if m := w.f.recall(w.f.versionOf(w.f.nodes[w.hold("d/f0001").ID])).meta["odd"]; m != "\xe4" {
		t.Errorf("metadata came back as %q", m)
	}

	w.srv.PutObject("data", "d/f0001", []byte("another"), map[string]string{"mode": "33184", "mtime": "1000000000.5"})
	w.srv.SetModified("data", "d/f0002", time.Now().Add(-time.Hour))
	w.again()
	w.wantDescribed(n)
	w.wantRequests("after two changes", 2, 2)
}

// Who looks a name up sees full attributes too, in a directory that is listed for that alone and without.
func TestFullStatByName(t *testing.T) {
	w, _ := newDescribed(t, 20)
	for i := range 10 {
		if a := must[Attr](t)(w.walk(fmt.Sprintf("d/f%04d", i))); a.Mode != syscall.S_IFREG|0o640 {
			t.Errorf("file %d has mode %o", i, a.Mode)
		}
	}
	if n := w.srv.Count("HeadObject"); n > 2*guessAfter+10 { // some for names that are directories
		t.Errorf("%v", w.srv.Counts())
	}
	w.wantDescribed(20)
}

// What may not be asked about is shown as listed; when the store fails the listing does.
func TestFullStatThatFails(t *testing.T) {
	w, _ := newDescribed(t, 3)
	status := 403
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "HeadObject" && strings.HasPrefix(r.Key, "d/f") {
			return &s3test.Fault{Status: status}
		}
		return nil
	})
	names := must[[]string](t)(w.names("d"))
	if len(names) != 5 {
		t.Errorf("shown: %q", names)
	}
	status = 400
	w.again()
	if _, err := w.names("d"); err == nil {
		t.Error("no error where the store has failed")
	}
}

// A file of attributes that is damaged, cut or of another kind costs requests, nothing else, and is whole again after that.
func TestDamagedAttrFile(t *testing.T) {
	const n = 30
	for name, harm := range map[string]func(data []byte) []byte{
		"cut":      func(b []byte) []byte { return b[:len(b)*2/3] },
		"a bit":    func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"the head": func(b []byte) []byte { b[3] ^= 4; return b },
		"length":   func(b []byte) []byte { copy(b[len(attrMagic):], "\xff\xff\xff\xff"); return b },
		"empty":    func([]byte) []byte { return nil },
		"gone":     nil,
	} {
		t.Run(name, func(t *testing.T) {
			w, full := newDescribed(t, n)
			w.wantDescribed(n)
			w.stop()
			file := w.attrFilePath(full)
			if harm == nil {
				w.ok(os.Remove(file))
			} else {
				w.ok(os.WriteFile(file, harm(must[[]byte](t)(os.ReadFile(file))), 0o600))
			}
			w.start(full)
			w.wantDescribed(n)
			if h := w.srv.Count("HeadObject"); h == 0 || h > n+2 {
				t.Errorf("%d HEADs", h)
			}
			w.stop()
			w.start(full)
			w.wantDescribed(n)
			w.wantRequests("once it is mended", 1, 0)
		})
	}
}

func (w *world) attrFilePath(full func(*Options)) string {
	var o Options
	full(&o)
	return o.AttrFile
}

// The file is written anew when most of it is old.
func TestAttrFileShrinks(t *testing.T) {
	a := &attrFile{path: filepath.Join(t.TempDir(), "attrs")}
	o := s3.Object{Key: "k", ETag: "e"}
	for range 100 {
		a.add("b", o)
	}
	if err := a.save(); err != nil {
		t.Fatal(err)
	}
	before := must[os.FileInfo](t)(os.Stat(a.path)).Size()
	b, learned := &attrFile{path: a.path}, 0
	if err := b.load(10, func(string, s3.Object) { learned++ }); err != nil {
		t.Fatal(err)
	}
	after := must[os.FileInfo](t)(os.Stat(a.path)).Size()
	if learned != 1 || after != b.size || after > before/50 {
		t.Errorf("%d learned, %d bytes of %d", learned, after, before)
	}
	if _, err := os.Stat(a.path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Error("the new file was left")
	}
}
