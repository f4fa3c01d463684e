package fs

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// machine drives a file system and the model side by side.
type machine struct {
	w      *world
	m      model
	change func(*Options) // nil = nothing beside ttlZero
}

func (x *machine) options(o *Options) {
	ttlZero(o)
	if x.change != nil {
		x.change(o)
	}
}

var letters = []string{"a", "b", "-", "a-", "aa", "a-b"}

func (x *machine) anyName(t *rapid.T) string { return rapid.SampledFrom(letters).Draw(t, "name") }

// dir draws a directory of the tree, "" being the top.
func (x *machine) dir(t *rapid.T) string {
	dirs := []string{""}
	for p, v := range x.m.tree() {
		if v == isDir && strings.Count(p, "/") < 3 {
			dirs = append(dirs, p)
		}
	}
	slices.Sort(dirs)
	return rapid.SampledFrom(dirs).Draw(t, "dir")
}

// path draws a path that is there, or a new one in a directory that is.
func (x *machine) path(t *rapid.T, what string) string {
	if paths := slices.Sorted(maps.Keys(x.m.tree())); len(paths) > 0 && rapid.IntRange(0, 3).Draw(t, what+" there") > 0 {
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
	dir, _ := split(path)
	x.m.stored(dir)
	x.m.keys[keyOf(path)] = []byte(old)
	x.beside(t, path)
}

// copy makes a file, new or emptied, of a range of another.
func (x *machine) copy(t *rapid.T) {
	from, to := x.path(t, "from"), x.path(t, "to")
	tree := x.m.tree()
	data, isFile := strings.CutPrefix(tree[from], "file ")
	if !isFile || tree[to] == isDir || from == to {
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
	dir, _ := split(to)
	x.m.stored(dir)
	x.m.keys[keyOf(to)] = []byte(want)
	x.beside(t, to)
}

func (x *machine) truncate(t *rapid.T) {
	path, size := x.path(t, "path"), rapid.Int64Range(0, 60).Draw(t, "size")
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
		x.m.stored(dir)
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
	if strings.Contains(path[strings.LastIndexByte(path, '/')+1:], "%{") {
		return
	}
	wantErr(t, err, nil)
	dir, _ := split(path)
	x.m.stored(dir)
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
		dir, _ := split(path)
		x.m.kept(dir)
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
		dir, _ := split(path)
		x.m.kept(dir)
	}
}

func (x *machine) rename(t *rapid.T) {
	from, to := x.path(t, "from"), x.path(t, "to")
	tree := x.m.tree()
	src, there := tree[from]
	dst, over := tree[to]
	if strings.Contains(to, "%{") {
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
	toDir, _ := split(to)
	fromDir, _ := split(from)
	k, l := keyOf(from), keyOf(to)
	if overDir {
		x.dropDir(to)
	}
	x.m.stored(toDir)
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
	}
	x.m.kept(fromDir)
}

// another client's changes
func (x *machine) remotePut(t *rapid.T) {
	x.sync(t)
	key := strings.Join(rapid.SliceOfN(rapid.SampledFrom(letters), 1, 3).Draw(t, "key"), "/")
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
	if want := x.m.tree(); !maps.Equal(got, want) {
		t.Fatalf("the tree is\n%s\nwant\n%s\nkeys %q", show(got), show(want), slices.Sorted(maps.Keys(x.m.keys)))
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

// TestModel compares the file system with the reference model after random steps, other clients' changes and remounts among them.
func TestModel(t *testing.T) {
	s3test.Each(t, func(t *testing.T, e s3test.Endpoint) {
		checks := 25
		if e.Server == nil {
			checks = 3 // a request takes the gateway ten times as long
		}
		s3test.Checks(t, checks)
		rapid.Check(t, func(rt *rapid.T) {
			x := &machine{w: newWorldOn(t, e, e.Bucket(t), ttlZero), m: model{keys: map[string][]byte{}}}
			defer x.w.stop()
			rt.Repeat(map[string]func(*rapid.T){
				"write": x.write, "copy": x.copy, "truncate": x.truncate, "mkdir": x.mkdir, "unlink": x.unlink, "rmdir": x.rmdir, "rename": x.rename,
				"remote put": x.remotePut, "remote delete": x.remoteDelete, "remount": x.remount, "": x.check,
			})
		})
	})
}
