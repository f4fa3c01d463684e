package fs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"allasfs/fs/name"
	"allasfs/s3"
	"allasfs/s3/s3test"
)

// crash ends the file system as kill -9 does: nothing is sent or closed in order, and the folder is free again.
func (w *world) crash() {
	w.t.Helper()
	f, c := w.f, w.cache
	f.mu.Lock()
	f.closed, f.ended = true, true
	f.mu.Unlock()
	f.cancel()
	f.wg.Wait()
	if err := c.Close(); err != nil {
		w.t.Error(err)
	}
	w.f = nil
}

// eventually waits for ok, at most half a minute.
func (w *world) eventually(ok func() bool) {
	w.t.Helper()
	for range 1500 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.t.Fatal("it did not come to be")
}

func readLocal(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// oddKeys are keys as other clients make them.
var oddKeys = []string{
	"plain", "dir/child", "dir/sub/child", "a//b", "/lead", "./x", "a/../b", "..", ".", "x/with content", "x/", "file", "file/child", "file-1", "file.txt",
	"back\\slash", "control\x01\x7f", "new\nline", "100%{25}", "%{object}", "æøå/🐟", "long/" + strings.Repeat("x", 300), "long/" + strings.Repeat("x", 300) + "y",
	"long/" + strings.Repeat("y", 600) + "/child", strings.Repeat("k", 1024),
}

// TestOddKeys: each key has one path under which it is found, listed, read, written, renamed and removed; no two share one.
func TestOddKeys(t *testing.T) {
	w := newWorld(t, ttlZero)
	for _, k := range oddKeys {
		w.srv.PutObject("data", k, []byte("of "+k), nil)
	}
	seen := map[string]string{}
	prefix := func(k string) bool {
		return slices.ContainsFunc(oddKeys, func(o string) bool { return strings.HasPrefix(o, k+"/") })
	}
	for _, k := range oddKeys {
		p := name.Path(k, prefix(k))
		if other, taken := seen[p]; taken {
			t.Errorf("%q and %q are both %q", k, other, p)
		}
		seen[p] = k
		got, err := w.read(p)
		if err != nil || string(got) != "of "+k {
			t.Errorf("read %q for %q: %q, %v", p, k, got, err)
		}
	}
	x := map[string]string{}
	collectTree(t, w, "", x)
	for p, k := range seen {
		if x[p] != "of "+k {
			t.Errorf("%q is not in the tree, or wrong: %q", p, x[p])
		}
	}
	if len(x) != len(seen) {
		t.Errorf("%d files listed, %d objects", len(x), len(seen))
	}
	for p, k := range seen {
		w.ok(w.write(p, []byte("new"), 0, syscall.O_TRUNC))
		if got := string(w.object(k)); got != "new" {
			t.Errorf("%q after a write through %q: %q", k, p, got)
		}
	}
}

// TestOddKeysMoved: each is renamed to a plain name, back, and removed, while its neighbours are there.
func TestOddKeysMoved(t *testing.T) {
	w := newWorld(t, ttlZero)
	for _, k := range oddKeys {
		w.srv.PutObject("data", k, []byte("of "+k), nil)
	}
	// has tells whether an object is there, with its own bytes.
	has := func(key, of string) bool {
		o, err := w.srv.Object("data", key)
		return err == nil && string(o.Data) == "of "+of
	}
	for i, k := range oddKeys {
		beside := slices.ContainsFunc(oddKeys, func(o string) bool { return strings.HasPrefix(o, k+"/") }) // a directory, which outlasts what is in it
		path, plain := name.Path(k, beside), fmt.Sprintf("plain%d", i)
		if err := w.rename(path, plain); err != nil || !has(plain, k) || has(k, k) {
			t.Errorf("rename %q to %q: %v, there %t, still %t", path, plain, err, has(plain, k), has(k, k))
			continue
		}
		if strings.Contains(path, "%{+}/") { // the directory that continued it went with it
			w.ok(w.unlink(plain))
			continue
		}
		if err := w.rename(plain, path); err != nil || !has(k, k) || has(plain, k) {
			t.Errorf("rename %q to %q: %v, there %t, still %t", plain, path, err, has(k, k), has(plain, k))
			continue
		}
		if err := w.unlink(path); err != nil || has(k, k) {
			t.Errorf("unlink %q: %v, still there: %t", path, err, has(k, k))
		}
	}
}

func collectTree(t *testing.T, w *world, dir string, into map[string]string) {
	t.Helper()
	for _, nm := range must[[]string](t)(w.names(dir)) {
		p := join(dir, strings.TrimSuffix(nm, "/"))
		if strings.HasSuffix(nm, "/") {
			collectTree(t, w, p, into)
			continue
		}
		got, err := w.read(p)
		if err != nil {
			t.Errorf("read %q: %v", p, err)
		}
		into[p] = string(got)
	}
}

// TestListing: attributes come from the listing, a page a thousand objects and no HEAD; a second time costs nothing.
func TestListing(t *testing.T) {
	w := newWorld(t)
	for i := range 2500 {
		w.srv.PutObject("data", fmt.Sprintf("d/f%04d", i), []byte("x"), nil)
	}
	list := func() {
		if got := must[[]string](t)(w.names("d")); len(got) != 2500 || got[0] != "f0000" || got[2499] != "f2499" {
			t.Errorf("%d names, %q…", len(got), got[:1])
		}
		for i := range 2500 {
			if a, err := w.walk(fmt.Sprintf("d/f%04d", i)); err != nil || a.Size != 1 {
				t.Fatalf("stat: %+v, %v", a, err)
			}
		}
		_, err := w.walk("d/absent")
		w.wantErr(err, os.ErrNotExist)
	}
	w.wantCounts(w.counts(list), map[string]int{"ListObjectsV2": 3 + 1, "HeadObject": 1}) // one of each to find d
	w.wantCounts(w.counts(list), map[string]int{})
}

// TestDirectories: mkdir lasts, over remounts too; markers go when something lies below.
func TestDirectories(t *testing.T) {
	w := newWorld(t)
	w.ok(w.mkdir("empty"))
	w.ok(w.mkdir("full"))
	w.ok(w.create("full/f", []byte("x")))
	w.wantErr(w.mkdir("full"), os.ErrExist)
	w.wantErr(w.rmdir("full"), s3.ErrNotEmpty)
	w.stop()
	if got, want := w.srv.Keys("data"), []string{"empty/", "full/f"}; !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	w.start()
	if got := must[[]string](t)(w.names("")); !slices.Equal(got, []string{"empty/", "full/"}) {
		t.Errorf("names %q", got)
	}
	w.ok(w.create("empty/f", []byte("x")))
	w.ok(w.unlink("full/f"))
	w.ok(w.f.Sync(t.Context()))
	if got, want := w.srv.Keys("data"), []string{"empty/f", "full/"}; !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	w.ok(w.rmdir("full"))
	w.wantErr(w.rmdir("full"), os.ErrNotExist)
}

// TestChildAtOnceCostsNoMarker: mkdir -p, then a file.
func TestChildAtOnceCostsNoMarker(t *testing.T) {
	w := newWorld(t)
	w.ok(w.mkdir("a"))
	w.ok(w.mkdir("a/b"))
	w.wantCounts(w.counts(func() {
		w.ok(w.create("a/b/f", []byte("x")))
		w.ok(w.f.Sync(t.Context()))
	}), map[string]int{"PutObject": 1})
}

// TestBuckets: the top of a project's mount.
func TestBuckets(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Bucket = "" })
	w.ok(w.mkdir("new-bucket"))
	w.wantErr(w.mkdir("new-bucket"), os.ErrExist)
	w.wantErr(w.mkdir("Bad Name!"), name.ErrInvalid)
	w.wantErr(w.create("file", nil), syscall.EPERM)
	w.ok(w.create("new-bucket/f", []byte("x")))
	w.wantErr(w.rmdir("new-bucket"), s3.ErrNotEmpty)
	w.wantErr(w.rename("new-bucket", "other"), syscall.EXDEV)
	w.ok(w.rename("new-bucket/f", "data/g"))
	w.ok(w.rmdir("new-bucket"))
	if got := must[[]string](t)(w.names("")); !slices.Equal(got, []string{"data/"}) {
		t.Errorf("names %q", got)
	}
	if got := string(w.object("g")); got != "x" {
		t.Errorf("g is %q", got)
	}
}

// TestCloseToOpen: another client's change is seen at the first open after the TTL, an open handle keeps its version or gets ESTALE.
func TestCloseToOpen(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.TTL = 100 * time.Millisecond })
	w.srv.PutObject("data", "f", []byte("one"), nil)
	h := must[*Handle](t)(w.open("f", syscall.O_RDONLY))
	defer h.Release()
	w.srv.PutObject("data", "f", []byte("two, and longer"), nil)
	time.Sleep(150 * time.Millisecond)
	if got := must[[]byte](t)(w.read("f")); string(got) != "two, and longer" {
		t.Errorf("a new open reads %q", got)
	}
	got, err := readAll(t, h)
	if err != nil {
		w.wantErr(err, syscall.ESTALE)
	} else if string(got) != "one" {
		t.Errorf("the old handle reads %q", got)
	}
}

// TestLargeObjects: Swift's large objects have their true size everywhere, read right, and are renamed whole.
func TestLargeObjects(t *testing.T) {
	segments := [][]byte{random(6 << 20), random(6<<20 + 1), random(100)}
	want := string(slices.Concat(segments...))
	for _, kind := range []string{"dlo", "slo"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			w.srv.MakeBucket("data_segments")
			put := map[string]func(a, b, c, d string, s ...[]byte){"dlo": w.srv.PutDLO, "slo": w.srv.PutSLO}[kind]
			put("data", "large", "data_segments", "large/", segments...)
			must[[]string](t)(w.names(""))
			a := must[Attr](t)(w.walk("large"))
			if a.Size != int64(len(want)) {
				t.Errorf("size %d, want %d", a.Size, len(want))
			}
			if got := must[[]byte](t)(w.read("large")); string(got) != want {
				t.Errorf("read %d bytes, wrong", len(got))
			}
			w.ok(w.rename("large", "renamed"))
			if got := must[[]byte](t)(w.read("renamed")); string(got) != want {
				t.Errorf("after the rename %d bytes, wrong", len(got))
			}
			w.ok(w.write("renamed", []byte("tail"), 0, syscall.O_APPEND))
			if got := must[[]byte](t)(w.read("renamed")); string(got) != want+"tail" {
				t.Errorf("after an append %d bytes, wrong", len(got))
			}
			if got := w.srv.Count("UploadPartCopy"); got != 0 {
				t.Errorf("%d part copies of a large object", got)
			}
		})
	}
}

// TestRenameDirectory: contents and attributes go along; a failure in the middle leaves the source whole and no copy behind.
func TestRenameDirectory(t *testing.T) {
	w := newWorld(t)
	for i := range 50 {
		w.srv.PutObject("data", fmt.Sprintf("from/sub/f%d", i), []byte(fmt.Sprint(i)), map[string]string{"mtime": "1000000000"})
	}
	before := w.srv.Keys("data")
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "CopyObject" && r.N > 30 {
			return &s3test.Fault{Status: 403, Code: "AccessDenied"}
		}
		return nil
	})
	w.wantErr(w.rename("from", "to"), os.ErrPermission)
	if got := w.srv.Keys("data"); !slices.Equal(got, before) {
		t.Errorf("after a failure the bucket holds %q", got)
	}
	w.srv.Fault(nil)
	w.ok(w.rename("from", "to"))
	if _, err := w.walk("from"); !isNotExist(err) {
		t.Errorf("from: %v", err)
	}
	for i := range 50 {
		p := fmt.Sprintf("to/sub/f%d", i)
		if got := must[[]byte](t)(w.read(p)); string(got) != fmt.Sprint(i) {
			t.Errorf("%s is %q", p, got)
		}
	}
	if o, err := w.srv.Object("data", "to/sub/f7"); err != nil || o.Meta["mtime"] != "1000000000" {
		t.Errorf("metadata %v, %v", o.Meta, err)
	}
}

// TestAttributes: what chmod, chown and utimens set is in the object, as rclone and s3fs would read it, and survives a change of the bytes, a rename
// and a remount.
func TestAttributes(t *testing.T) {
	w := newWorld(t)
	w.ok(w.create("f", []byte("x")))
	a := w.hold("f")
	mode, uid, gid, mtime := uint32(0o750), uint32(1234), uint32(567), time.Unix(1234567890, 5e8)
	a = must[Attr](t)(w.f.Setattr(t.Context(), a.ID, nil, Change{Mode: &mode, UID: &uid, GID: &gid, Mtime: &mtime}))
	check := func(when string, a Attr, wantTime bool) {
		t.Helper()
		if a.Mode != syscall.S_IFREG|mode || a.UID != uid || a.GID != gid || wantTime && !a.Mtime.Equal(mtime) {
			t.Errorf("%s: %+v", when, a)
		}
	}
	check("at once", a, true)
	w.ok(w.rename("f", "g"))
	check("renamed", w.hold("g"), true)
	o, err := w.srv.Object("data", "g")
	if err != nil || o.Meta["mtime"] != "1234567890.500000000" || o.Meta["mode"] != "33256" || o.Meta["uid"] != "1234" || o.Meta["gid"] != "567" {
		t.Errorf("metadata %v, %v", o.Meta, err)
	}
	w.ok(w.write("g", []byte("changed"), 0, 0))
	w.stop()
	w.start()
	check("changed, on another mount", w.hold("g"), false)
	w.ok(w.mkdir("dir"))
	d := w.hold("dir")
	must[Attr](t)(w.f.Setattr(t.Context(), d.ID, nil, Change{Mode: &mode, Mtime: &mtime}))
}

// TestSymlink: made, read, and read by another mount.
func TestSymlink(t *testing.T) {
	w := newWorld(t)
	w.ok(w.at("link", func(p uint64, nm string) error {
		_, err := w.f.Symlink(t.Context(), p, nm, "../some/where")
		return err
	}))
	for range 2 {
		a := w.hold("link")
		if got, err := w.f.Readlink(t.Context(), a.ID); err != nil || got != "../some/where" || a.Mode&syscall.S_IFMT != syscall.S_IFLNK {
			t.Errorf("%q, %v, mode %o", got, err, a.Mode)
		}
		w.stop()
		w.start()
	}
}

// TestReadOnly: every change is EROFS.
func TestReadOnly(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.ReadOnly = true })
	w.srv.PutObject("data", "d/f", []byte("x"), nil)
	for what, err := range map[string]error{
		"create": w.create("new", nil), "write": w.write("d/f", []byte("y"), 0, 0), "mkdir": w.mkdir("m"), "rmdir": w.rmdir("d"),
		"unlink": w.unlink("d/f"), "rename": w.rename("d/f", "g"),
	} {
		if err != syscall.EROFS {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := string(must[[]byte](t)(w.read("d/f"))); got != "x" {
		t.Errorf("read %q", got)
	}
}

// TestStatfs: use and quota of the project.
func TestStatfs(t *testing.T) {
	w := newWorld(t)
	w.srv.SetQuota(1<<30, 1000)
	w.srv.PutObject("data", "f", make([]byte, 5000), nil)
	s := must[Space](t)(w.f.Statfs(t.Context(), RootID))
	if s.Bytes != 5000 || s.QuotaBytes != 1<<30 || s.Objects != 1 || s.QuotaObjects != 1000 {
		t.Errorf("%+v", s)
	}
}
