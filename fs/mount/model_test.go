package mount

import (
	"fmt"
	iofs "io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"allasfs/scripts/rapidtest"
)

// model is what a bucket holds. Directories are those that files lie in; empty ones may come and go.
type model map[string]string

func (m model) isDir(path string) bool {
	for p := range m {
		if strings.HasPrefix(p, path+"/") {
			return true
		}
	}
	return false
}

// underFile tells whether a file stands where a directory of path is needed.
func (m model) underFile(path string) bool {
	for p := filepath.Dir(path); p != "."; p = filepath.Dir(p) {
		if _, file := m[p]; file {
			return true
		}
	}
	return false
}

// machine drives a mount, another client and the model.
type machine struct {
	m     *mounted
	files model
	attrs map[string]fileAttrs // of files; without an entry they are as they are made
	late  bool                 // some were changed and may not be in the store yet: another client's change would not show
}

// path draws a path of up to three names from an alphabet whose '-' sorts before the slash.
func (x *machine) path(t *rapid.T) string {
	if len(x.files) > 0 && rapid.IntRange(0, 3).Draw(t, "there") > 0 {
		return rapid.SampledFrom(slices.Sorted(maps.Keys(x.files))).Draw(t, "path")
	}
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "a-", "aa"}), 1, 3).Draw(t, "names"), "/")
}

// data draws bytes that are a file's already half of the time: the same ETag at another time, or under another name.
func data(t *rapid.T) string {
	if rapid.Bool().Draw(t, "few") {
		return rapid.SampledFrom([]string{"", "x", "xy"}).Draw(t, "data")
	}
	return rapid.StringOfN(rapid.RuneFrom([]rune("xyz")), 0, 30, -1).Draw(t, "data")
}

// emptyDir tells of a directory in the mount that holds no file.
func (x *machine) emptyDir(path string) bool {
	fi, err := os.Stat(x.m.path(path))
	return err == nil && fi.IsDir() && !x.files.isDir(path)
}

func fail(t *rapid.T, format string, args ...any) { t.Fatalf(format, args...) }

func (x *machine) write(t *rapid.T) {
	path, text := x.path(t), data(t)
	flags := rapid.SampledFrom([]int{os.O_TRUNC, os.O_APPEND, 0}).Draw(t, "flags")
	dir := x.files.isDir(path) || x.emptyDir(path)
	err := os.MkdirAll(filepath.Dir(x.m.path(path)), 0o755)
	if x.files.underFile(path) {
		if err == nil {
			fail(t, "mkdir below a file succeeded: %s", path)
		}
		return
	}
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(x.m.path(path), flags|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
			_, err = f.WriteString(text)
			if cerr := f.Close(); err == nil {
				err = cerr
			}
		}
	}
	if dir {
		if !os.IsExist(err) && err.(*os.PathError).Err != syscall.EISDIR {
			fail(t, "open of the directory %s for writing: %v", path, err)
		}
		return
	}
	if err != nil {
		fail(t, "write %s: %v", path, err)
	}
	old := x.files[path]
	if text != "" || flags == os.O_TRUNC {
		x.setTime(path, timeNew)
	}
	switch flags {
	case os.O_TRUNC:
		x.files[path] = text
	case os.O_APPEND:
		x.files[path] = old + text
	default:
		x.files[path] = text + old[min(len(text), len(old)):]
	}
}

func (x *machine) truncate(t *rapid.T) {
	path, size := x.path(t), rapid.IntRange(0, 40).Draw(t, "size")
	old, file := x.files[path]
	err := os.Truncate(x.m.path(path), int64(size))
	if file != (err == nil) {
		fail(t, "truncate %s: %v", path, err)
	}
	if file {
		x.setTime(path, timeUnknown) // to the size that it has: some kernels tell a time
		x.files[path] = (old + strings.Repeat("\x00", 40))[:size]
	}
}

func (x *machine) remove(t *rapid.T) {
	path := x.path(t)
	_, file := x.files[path]
	if err := syscall.Unlink(x.m.path(path)); file != (err == nil) {
		fail(t, "unlink %s: %v", path, err)
	}
	x.drop(path)
}

func (x *machine) rmdir(t *rapid.T) {
	path := x.path(t)
	if err := syscall.Rmdir(x.m.path(path)); err == nil && x.files.isDir(path) {
		fail(t, "rmdir of the full directory %s succeeded", path)
	}
}

func (x *machine) rename(t *rapid.T) {
	from, to := x.path(t), x.path(t)
	_, file := x.files[from]
	if from == to || x.files.underFile(to) || x.files.isDir(to) || x.emptyDir(to) || strings.HasPrefix(to+"/", from+"/") || strings.HasPrefix(from+"/", to+"/") {
		return // POSIX's refusals are tested one by one
	}
	_, over := x.files[to]
	if !file && (!x.files.isDir(from) || over) {
		return
	}
	if err := os.MkdirAll(filepath.Dir(x.m.path(to)), 0o755); err != nil {
		fail(t, "mkdir for %s: %v", to, err)
	}
	if err := os.Rename(x.m.path(from), x.m.path(to)); err != nil {
		fail(t, "rename %s to %s: %v", from, to, err)
	}
	if file {
		x.moveFile(from, to)
		return
	}
	for p := range maps.Clone(x.files) {
		if rest, in := strings.CutPrefix(p, from+"/"); in {
			x.moveFile(p, to+"/"+rest)
		}
	}
}

// otherPut and otherDelete are what another client does.
func (x *machine) otherPut(t *rapid.T) {
	path, text := x.path(t), data(t)
	if x.files.underFile(path) || x.files.isDir(path) || x.emptyDir(path) {
		return // a file beside a directory of its name: tested by itself
	}
	x.settle(t)
	x.m.put(path, text)
	x.drop(path)
	x.files[path] = text
}

func (x *machine) otherDelete(t *rapid.T) {
	path := x.path(t)
	if _, file := x.files[path]; file {
		x.settle(t)
		x.m.remove(path)
		x.drop(path)
	}
}

// check compares the whole tree, through the mount and object by object.
func (x *machine) check(t *rapid.T) {
	seen := model{}
	err := filepath.WalkDir(x.m.dir, func(path string, e iofs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fi, err := os.Stat(path)
		if err != nil || fi.Size() != int64(len(text)) {
			return fmt.Errorf("stat %s: size %d, read %d bytes, %v", path, fi.Size(), len(text), err)
		}
		rel := strings.TrimPrefix(path, x.m.dir+"/")
		seen[rel] = string(text)
		return x.checkShown(rel, fi)
	})
	if err != nil {
		fail(t, "walk: %v\nlogged:\n%s\nthe last requests:%s", err, x.m.log.String(), x.lastRequests(20))
	}
	if !maps.Equal(seen, x.files) {
		fail(t, "the mount shows\n%q, want\n%q", seen, x.files)
	}
	for p, text := range x.files {
		if got, err := x.m.object(p); err != nil || got != text {
			fail(t, "object %s: %q, %v; want %q", p, got, err, text)
		}
	}
	if rapid.Bool().Draw(t, "sync") {
		x.sync(t)
		x.checkStored(t)
	}
}

// lastRequests are those that the store got last, a line each.
func (x *machine) lastRequests(n int) (text string) {
	all := x.m.s3.Log()
	for _, r := range all[max(0, len(all)-n):] {
		text += fmt.Sprintf("\n%s %s/%s %s", r.Op, r.Bucket, r.Key, r.Query)
	}
	return text
}

func TestModel(t *testing.T) { checkModel(t, newMount(t, ttl(0)), 20) }

// A part of a union behaves as a mount of its own.
func TestModelOfAPart(t *testing.T) {
	checkModel(t, newMount(t, ttl(0), func(s *setup) { s.part = "part" }), 10)
}

// checkModel takes random steps through the mount and of another client, and compares everything after each.
func checkModel(t *testing.T, m *mounted, checks int) {
	rapidtest.Check(t, checks, func(rt *rapid.T) {
		m.s3.ResetCounts()
		x := &machine{m: m, files: model{}, attrs: map[string]fileAttrs{}}
		x.clear(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"write": x.write, "truncate": x.truncate, "remove": x.remove, "rmdir": x.rmdir, "rename": x.rename, "chmod": x.chmod, "touch": x.touch,
			"otherPut": x.otherPut, "otherDelete": x.otherDelete, "": x.check,
		})
		_ = m.fs.Sync(t.Context()) // settles directories that were taken away; what is gone cannot be
		for _, r := range m.s3.Log() {
			if r.Bucket != m.bucket && r.Bucket != "" {
				fail(rt, "%s %s/%s: a directory that is gone was taken for the bucket of its name", r.Op, r.Bucket, r.Key)
			}
		}
	})
}

// clear empties the mount and the bucket between two runs.
func (x *machine) clear(t *rapid.T) {
	entries, err := os.ReadDir(x.m.dir)
	if err != nil {
		fail(t, "%v", err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(x.m.path(e.Name())); err != nil {
			fail(t, "clear: %v", err)
		}
	}
}
