package fs

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"allasfs/s3"
	"allasfs/s3/s3test"
	"allasfs/scripts/rapidtest"
)

// machine drives a file system and the model side by side.
type machine struct {
	w      *world
	other  *world // a second mount of the bucket, with a cache of its own; nil = none
	m      model
	change func(*Options) // nil = nothing beside ttlZero
}

func (x *machine) options(o *Options) {
	ttlZero(o)
	if x.change != nil {
		x.change(o)
	}
}

// letters are names, and elements of keys; oddNames are names of elements that need an escape or a quote, oddElements such elements as only other
// clients make.
var (
	letters     = []string{"a", "b", "-", "a-", "aa", "a-b"}
	oddNames    = []string{"%{2E}", "%{2E}.", "c\x01", "b\\s", "%{25}{x", "n\n", " s"}
	oddElements = []string{"", ".", "..", "%{object}", "%{+}", "c\x7f", strings.Repeat("L", 300), strings.Repeat("L", 300) + "x", "\rr"}
)

func (x *machine) anyName(t *rapid.T) string {
	return rapid.SampledFrom(slices.Concat(letters, letters, oddNames)).Draw(t, "name")
}

// paths are those that are there and that a key has of its own, sorted.
func (x *machine) paths(want func(path, what string) bool) []string {
	var all []string
	for p, v := range x.m.tree() {
		if !isContinuation(p) && want(p, v) {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}

// dir draws a directory of the tree, "" being the top.
func (x *machine) dir(t *rapid.T) string {
	dirs := append([]string{""}, x.paths(func(p, v string) bool { return v == isDir && strings.Count(p, "/") < 3 })...)
	return rapid.SampledFrom(dirs).Draw(t, "dir")
}

// path draws a path that is there, or a new one in a directory that is.
func (x *machine) path(t *rapid.T, what string) string {
	if paths := x.paths(func(string, string) bool { return true }); len(paths) > 0 && rapid.IntRange(0, 3).Draw(t, what+" there") > 0 {
		return rapid.SampledFrom(paths).Draw(t, what)
	}
	return join(x.dir(t), x.anyName(t))
}

func (x *machine) data(t *rapid.T) []byte {
	return rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data")
}

// write makes a file, or changes one from its start, at an offset or at its end.
func (x *machine) write(t *rapid.T) {
	path, data := x.path(t, "path"), x.data(t)
	if noName(path) && len(data) == 0 {
		return
	}
	tree := x.m.tree()
	old := strings.TrimPrefix(tree[path], "file ")
	flags, off := uint32(syscall.O_CREAT), int64(0)
	switch rapid.SampledFrom([]string{"truncate", "over", "append"}).Draw(t, "how") {
	case "truncate":
		flags |= syscall.O_TRUNC
		old = ""
	case "over":
		off = rapid.Int64Range(0, 60).Draw(t, "off")
	case "append":
		flags |= syscall.O_APPEND
		off = int64(len(old))
	}
	err := x.w.write(path, data, off, flags)
	if tree[path] == isDir {
		wantErr(t, err, syscall.EISDIR)
		return
	}
	wantErr(t, err, nil)
	_, existed := tree[path]
	if existed && len(data) == 0 && flags&syscall.O_TRUNC == 0 {
		return // opened and closed
	}
	if len(data) > 0 {
		b := []byte(old)
		if need := off + int64(len(data)); int64(len(b)) < need {
			b = append(b, make([]byte, need-int64(len(b)))...)
		}
		copy(b[off:], data)
		old = string(b)
	}
	x.m.stored(above(path))
	x.m.keys[keyOf(path)] = []byte(old)
	x.beside(t, path)
}

// copy makes a file, new or emptied, of a range of another.
func (x *machine) copy(t *rapid.T) {
	from, to := x.path(t, "from"), x.path(t, "to")
	tree := x.m.tree()
	data, isFile := strings.CutPrefix(tree[from], "file ")
	if !isFile || tree[to] == isDir || from == to || noName(to) {
		return
	}
	if x.change != nil {
		x.sync(t) // a file that waits for its upload is no source: the kernel reads it and writes
	}
	off := rapid.Int64Range(0, int64(len(data))).Draw(t, "off")
	want := data[off:]
	in, err := x.w.open(from, syscall.O_RDONLY)
	wantErr(t, err, nil)
	defer in.Release()
	out, err := x.w.open(to, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC)
	wantErr(t, err, nil)
	defer out.Release()
	n, err := out.CopyFrom(t.Context(), in, off, 0, 100)
	wantErr(t, err, nil)
	if n != int64(len(want)) {
		t.Fatalf("copied %d bytes, want %d", n, len(want))
	}
	wantErr(t, out.Flush(t.Context()), nil)
	x.m.stored(above(to))
	x.m.keys[keyOf(to)] = []byte(want)
	x.beside(t, to)
}

func (x *machine) truncate(t *rapid.T) {
	path, size := x.path(t, "path"), rapid.Int64Range(0, 60).Draw(t, "size")
	if noName(path) {
		size++
	}
	was, there := x.m.tree()[path]
	a, err := x.w.walk(path)
	if !there {
		wantErr(t, err, os.ErrNotExist)
		return
	}
	wantErr(t, err, nil)
	if was == isDir {
		return
	}
	a, err = x.w.f.Lookup(t.Context(), a.ID, "x") // a file is no directory
	wantErr(t, err, syscall.ENOTDIR)
	dir, base := split(path)
	d, err := x.w.walk(dir)
	wantErr(t, err, nil)
	a, err = x.w.f.Lookup(t.Context(), d.ID, base)
	wantErr(t, err, nil)
	defer x.w.f.Forget(a.ID, 1)
	_, err = x.w.f.Setattr(t.Context(), a.ID, nil, Change{Size: &size})
	wantErr(t, err, nil)
	b := []byte(strings.TrimPrefix(was, "file "))
	if int64(len(b)) != size {
		x.m.stored(above(path))
	}
	b = append(b, make([]byte, max(0, size-int64(len(b))))...)[:size]
	x.m.keys[keyOf(path)] = b
	x.beside(t, path)
}

// beside sends an object beside a directory: that an empty one there is no file but the directory's marker shows when the store has it.
func (x *machine) beside(t *rapid.T, path string) {
	if strings.Contains(path, "%{") {
		x.sync(t)
	}
}

func (x *machine) mkdir(t *rapid.T) {
	path := x.path(t, "path")
	_, there := x.m.tree()[path]
	err := x.w.mkdir(path)
	if there {
		wantErr(t, err, os.ErrExist)
		return
	}
	if strings.HasSuffix(path, "%{object}") {
		return
	}
	wantErr(t, err, nil)
	x.m.stored(above(path))
	x.m.keys[keyOf(path)+"/"] = nil
}

func (x *machine) unlink(t *rapid.T) {
	path := x.path(t, "path")
	was, there := x.m.tree()[path]
	err := x.w.unlink(path)
	switch {
	case !there:
		wantErr(t, err, os.ErrNotExist)
	case was == isDir:
		wantErr(t, err, syscall.EISDIR)
	default:
		wantErr(t, err, nil)
		delete(x.m.keys, keyOf(path))
		x.m.kept(above(path))
	}
}

func (x *machine) empty(path string) bool {
	for p := range x.m.tree() {
		if strings.HasPrefix(p, path+"/") {
			return false
		}
	}
	return true
}

func (x *machine) dropDir(path string) {
	delete(x.m.keys, keyOf(path)+"/")
	if data, ok := x.m.keys[keyOf(path)]; ok && len(data) == 0 {
		delete(x.m.keys, keyOf(path))
	}
}

func (x *machine) rmdir(t *rapid.T) {
	path := x.path(t, "path")
	was, there := x.m.tree()[path]
	err := x.w.rmdir(path)
	switch {
	case !there:
		wantErr(t, err, os.ErrNotExist)
	case was != isDir:
		wantErr(t, err, syscall.ENOTDIR)
	case !x.empty(path):
		wantErr(t, err, s3.ErrNotEmpty)
	default:
		wantErr(t, err, nil)
		x.dropDir(path)
		x.m.kept(above(path))
	}
}

func (x *machine) rename(t *rapid.T) {
	from, to := x.path(t, "from"), x.path(t, "to")
	tree := x.m.tree()
	src, there := tree[from]
	dst, over := tree[to]
	if strings.HasSuffix(to, "%{object}") || noName(to) || strings.HasSuffix(from, "%{object}") {
		return // whether the name may be used depends on the keys: see the tests of names
	}
	err := x.w.rename(from, to)
	switch {
	case !there:
		wantErr(t, err, os.ErrNotExist)
		return
	case from == to:
		wantErr(t, err, nil)
		return
	case over && src == isDir && dst != isDir:
		wantErr(t, err, syscall.ENOTDIR)
		return
	case over && src != isDir && dst == isDir:
		wantErr(t, err, syscall.EISDIR)
		return
	case src == isDir && strings.HasPrefix(to, from+"/"):
		wantErr(t, err, syscall.EINVAL)
		return
	case over && dst == isDir && !x.empty(to):
		wantErr(t, err, s3.ErrNotEmpty)
		return
	}
	wantErr(t, err, nil)
	x.renamed(from, to, src == isDir, over && dst == isDir)
}

func (x *machine) renamed(from, to string, dir, overDir bool) {
	k, l := keyOf(from), keyOf(to)
	if overDir {
		x.dropDir(to)
	}
	x.m.stored(above(to))
	if !dir {
		x.m.keys[l] = x.m.keys[k]
		delete(x.m.keys, k)
	} else {
		for key, data := range maps.Clone(x.m.keys) {
			if rest, ok := strings.CutPrefix(key, k+"/"); ok {
				delete(x.m.keys, key)
				x.m.keys[l+"/"+rest] = data
			}
		}
		if data, ok := x.m.keys[k]; ok && len(data) == 0 { // a marker of the other kind
			delete(x.m.keys, k)
			x.m.keys[l] = data
		}
	}
	x.m.kept(above(from))
}

// another client's changes
func (x *machine) remotePut(t *rapid.T) {
	x.sync(t)
	key := strings.Join(rapid.SliceOfN(rapid.SampledFrom(slices.Concat(letters, letters, oddElements)), 1, 3).Draw(t, "key"), "/")
	if key == "" {
		return
	}
	data := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "data")
	x.w.remotePut(key, data)
	x.m.keys[key] = data
}

func (x *machine) remoteDelete(t *rapid.T) {
	x.sync(t)
	if len(x.m.keys) == 0 {
		return
	}
	key := rapid.SampledFrom(slices.Sorted(maps.Keys(x.m.keys))).Draw(t, "key")
	x.w.remoteDelete(key)
	delete(x.m.keys, key)
}

// steps are all that can happen.
func (x *machine) steps() map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){
		"write": x.write, "copy": x.copy, "truncate": x.truncate, "mkdir": x.mkdir, "unlink": x.unlink, "rmdir": x.rmdir, "rename": x.rename,
		"remote put": x.remotePut, "remote delete": x.remoteDelete, "remount": x.remount, "crash": x.crash, "crash while writing": x.crashWriting, "": x.check,
	}
	if x.other == nil {
		return all
	}
	for _, name := range []string{"write", "truncate", "mkdir", "unlink", "rmdir", "rename"} {
		step := all[name]
		all[name+" by the other"] = func(t *rapid.T) { x.elsewhere(t, step) }
	}
	return all
}

// elsewhere does a step by the other mount; what each does is in the store before the other goes on.
func (x *machine) elsewhere(t *rapid.T, step func(*rapid.T)) {
	x.sync(t)
	x.w, x.other = x.other, x.w
	defer func() { x.w, x.other = x.other, x.w }()
	step(t)
	x.sync(t)
}

// crash is kill -9 of the daemon when every file is closed: what was acknowledged is in the store once the next mount has sent what it found.
func (x *machine) crash(t *rapid.T) {
	for first := true; first || x.w.f.isWorkLeft(); first = false { // markers are not acknowledged
		if err := x.w.f.doLater(t.Context(), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	x.w.crash()
	x.w.start(x.options)
	x.sync(t)
	x.tidy()
}

// tidy removes markers beside a child: what is sent after a crash, and what another mount puts into a directory whose marker is this one's, may leave one,
// which is harmless.
func (x *machine) tidy() {
	for _, key := range x.w.remoteKeys() {
		if _, there := x.m.keys[key]; !there && strings.HasSuffix(key, "/") && x.m.hasPrefix(key) {
			x.w.remoteDelete(key)
		}
	}
}

// crashWriting is crash while a file is being written: that is kept as it was, and the store's version stays.
func (x *machine) crashWriting(t *rapid.T) {
	x.sync(t)
	path, data := x.path(t, "path"), rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "data")
	was, there := x.m.tree()[path]
	if was == isDir || !there && strings.HasSuffix(path, "%{object}") {
		return
	}
	h, err := x.w.open(path, syscall.O_WRONLY|syscall.O_CREAT)
	wantErr(t, err, nil)
	_, err = h.WriteAt(t.Context(), data, 0)
	wantErr(t, err, nil)
	x.crash(t)
	kept := x.w.f.Status().Drafts
	if len(kept) != 1 || kept[0].State != "open" {
		t.Fatalf("kept after a crash while %q was written: %+v", path, kept)
	}
	old := strings.TrimPrefix(was, "file ")
	want := string(data) + old[min(len(data), len(old)):]
	file := filepath.Join(x.w.t.TempDir(), "saved")
	wantErr(t, x.w.f.RecoverSave(t.Context(), kept[0].ID, file), nil)
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Fatalf("kept of %q: %q, want %q; %v", path, got, want, err)
	}
	wantErr(t, x.w.f.RecoverDrop(t.Context(), kept[0].ID), nil)
}

// remount ends the file system and starts it on the same cache.
func (x *machine) remount(t *rapid.T) {
	x.w.stop()
	x.w.start(x.options)
}

func ttlZero(o *Options) { o.TTL = 0 }

func (x *machine) sync(t *rapid.T) {
	if err := x.w.f.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// check compares the whole tree, and after a sync the bucket object by object.
func (x *machine) check(t *rapid.T) {
	if rapid.Bool().Draw(t, "forget") {
		x.w.forget()
	}
	x.w.checkUnsents(t)
	got := map[string]string{}
	x.collect(t, "", got)
	for _, p := range slices.Backward(slices.Sorted(maps.Keys(got))) {
		if isContinuation(p) && !slices.ContainsFunc(slices.Collect(maps.Keys(got)), func(o string) bool { return strings.HasPrefix(o, p+"/") }) {
			delete(got, p) // nothing in the store keeps it: see TestLongNames
		}
	}
	if want := x.m.tree(); !maps.Equal(got, want) {
		t.Fatalf("the tree is\n%s\nwant\n%s\nkeys %q, in the store %q", show(got), show(want), slices.Sorted(maps.Keys(x.m.keys)), x.w.remoteKeys())
	}
	if !rapid.Bool().Draw(t, "sync") {
		return
	}
	x.sync(t)
	if got, want := x.w.remoteKeys(), slices.Sorted(maps.Keys(x.m.keys)); !slices.Equal(got, want) {
		t.Fatalf("the bucket holds %q, want %q", got, want)
	}
	for k, want := range x.m.keys {
		if got := x.w.object(k); !bytes.Equal(got, want) {
			t.Fatalf("object %q is %q, want %q", k, got, want)
		}
	}
}

func (x *machine) collect(t *rapid.T, dir string, into map[string]string) {
	names, err := x.w.names(dir)
	if err != nil {
		t.Fatalf("list %q: %v", dir, err)
	}
	for _, nm := range names {
		p := join(dir, strings.TrimSuffix(nm, "/"))
		if _, twice := into[p]; twice {
			t.Fatalf("%q is listed twice", p)
		}
		if strings.HasSuffix(nm, "/") {
			into[p] = isDir
			x.collect(t, p, into)
			continue
		}
		data, err := x.w.read(p)
		if err != nil {
			t.Fatalf("read %q: %v", p, err)
		}
		into[p] = "file " + string(data)
	}
}

func show(tree map[string]string) string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(tree)) {
		fmt.Fprintf(&b, "  %-20s %.40q\n", p, tree[p])
	}
	return b.String()
}

func wantErr(t *rapid.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// TestModel compares the file system with the reference model after random steps, changes by other clients and by a second mount, crashes and remounts among
// them.
func TestModel(t *testing.T) {
	s3test.Each(t, func(t *testing.T, e s3test.Endpoint) {
		checks := 25
		if e.Server == nil {
			checks = 3 // a request takes the gateway ten times as long
		}
		rapidtest.Check(t, checks, func(rt *rapid.T) {
			x := &machine{w: newWorldOn(t, e, e.Bucket(t), ttlZero), m: model{keys: map[string][]byte{}}}
			defer x.w.stop()
			x.other = newWorldOn(t, e, x.w.bucket, ttlZero)
			defer x.other.stop()
			rt.Repeat(x.steps())
		})
	})
}
