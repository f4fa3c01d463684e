package mount

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"allasfs/cache"
	"allasfs/fs"
	"allasfs/s3"
	"allasfs/s3/s3test"
)

// several mounts all buckets of several stores side by side, with one cache.
type several struct {
	dir    string
	stores []s3test.Endpoint
	fs     []*fs.FS
	server *Server
}

func newSeveral(t *testing.T, down map[int]error, stores ...s3test.Endpoint) *several {
	t.Helper()
	c, err := cache.Open(cache.Options{Dir: t.TempDir(), Size: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	m := &several{dir: t.TempDir(), stores: stores}
	var parts []Part
	for i, e := range stores {
		store, err := s3.New(s3.Config{Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey, RetryFor: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		f, err := fs.New(fs.Options{Store: store, Name: fmt.Sprint("store", i), Cache: c, TTL: time.Minute, Umask: 0o022, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())})
		if err != nil {
			t.Fatal(err)
		}
		m.fs = append(m.fs, f)
		parts = append(parts, Part{Name: fmt.Sprint("p", i), FS: f, Down: func(context.Context) error { return down[i] }})
	}
	if m.server, err = MountSeveral(parts, Options{Dir: m.dir, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.server.Unmount(false); err != nil {
			t.Error(err)
			_ = m.server.Unmount(true)
		}
		for _, f := range m.fs {
			if err := f.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Log(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *several) path(elems ...string) string {
	return filepath.Join(append([]string{m.dir}, elems...)...)
}

func newStore(t *testing.T) s3test.Endpoint {
	srv := s3test.New(t)
	srv.MakeBucket("data")
	return s3test.Of(t, srv)
}

// The parts are directories of their own: equal paths in them are different files, with different inode numbers, and each write gets to its own store.
func TestPartsAreApart(t *testing.T) {
	m := newSeveral(t, nil, newStore(t), newStore(t))
	names, err := os.ReadDir(m.dir)
	if err != nil || len(names) != 2 || names[0].Name() != "p0" || names[1].Name() != "p1" {
		t.Fatalf("the top shows %v, %v", names, err)
	}
	inodes := map[uint64]string{}
	for i := range m.stores {
		part := fmt.Sprint("p", i)
		if err := os.MkdirAll(m.path(part, "data", "d"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.path(part, "data", "d", "f"), []byte(part), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("f", m.path(part, "data", "d", "l")); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{"", "data", "data/d", "data/d/f"} {
			fi, err := os.Lstat(m.path(part, p))
			if err != nil {
				t.Fatal(err)
			}
			ino := fi.Sys().(*syscall.Stat_t).Ino
			if other, twice := inodes[ino]; twice {
				t.Errorf("%s/%s has the inode number of %s", part, p, other)
			}
			inodes[ino] = part + "/" + p
		}
	}
	for i, e := range m.stores {
		part := fmt.Sprint("p", i)
		o, err := e.Server.Object("data", "d/f")
		if err != nil || string(o.Data) != part {
			t.Errorf("store %d holds %q, %v", i, o.Data, err)
		}
		got, err := os.ReadFile(m.path(part, "data", "d", "l"))
		if err != nil || string(got) != part {
			t.Errorf("%s reads %q, %v", part, got, err)
		}
		if err := os.Rename(m.path(part, "data", "d", "f"), m.path(part, "data", "g")); err != nil {
			t.Error(err)
		}
		entries, err := os.ReadDir(m.path(part, "data"))
		if err != nil || len(entries) != 2 || entries[1].Name() != "g" {
			t.Errorf("%s/data shows %v, %v", part, entries, err)
		}
	}
}

// What would touch two parts is EXDEV, so that mv copies; the top itself cannot be changed.
func TestBetweenParts(t *testing.T) {
	m := newSeveral(t, nil, newStore(t), newStore(t))
	file := m.path("p0", "data", "f")
	if err := os.WriteFile(file, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, m.path("p1", "data", "f")); !errors.Is(err, syscall.EXDEV) {
		t.Errorf("rename: %v, want EXDEV", err)
	}
	from, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	to, err := os.Create(m.path("p1", "data", "f"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := unix.CopyFileRange(int(from.Fd()), nil, int(to.Fd()), nil, 100, 0); n != 4 && !errors.Is(err, syscall.EXDEV) && !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("copy_file_range: %d, %v", n, err)
	}
	if _, err := to.WriteAt([]byte("text"), 0); err != nil {
		t.Error(err)
	}
	if err := errors.Join(from.Close(), to.Close()); err != nil {
		t.Error(err)
	}
	if o, err := m.stores[1].Server.Object("data", "f"); err != nil || string(o.Data) != "text" {
		t.Errorf("the copy is %q, %v", o.Data, err)
	}
	for what, err := range map[string]error{
		"mkdir":  os.Mkdir(m.path("new"), 0o755),
		"create": os.WriteFile(m.path("new"), nil, 0o644),
		"rmdir":  os.Remove(m.path("p0")),
		"rename": os.Rename(m.path("p0"), m.path("new")),
	} {
		if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EACCES) {
			t.Errorf("%s at the top: %v, want EPERM", what, err)
		}
	}
}

// A part whose store cannot be used is listed, gives its errno at once and is asked nothing; the others are as ever.
func TestPartThatIsDown(t *testing.T) {
	bad := newStore(t)
	m := newSeveral(t, map[int]error{0: s3.ErrCredentials, 1: s3.ErrTimeout}, bad, newStore(t), newStore(t))
	names, err := os.ReadDir(m.dir)
	if err != nil || len(names) != 3 {
		t.Fatalf("the top shows %v, %v", names, err)
	}
	for part, want := range map[string]error{"p0": syscall.EACCES, "p1": syscall.ETIMEDOUT} {
		if _, err := os.Stat(m.path(part)); err != nil {
			t.Errorf("stat of %s: %v", part, err)
		}
		if _, err := os.ReadDir(m.path(part)); !errors.Is(err, want) {
			t.Errorf("ls of %s: %v, want %v", part, err, want)
		}
		if _, err := os.Stat(m.path(part, "data")); !errors.Is(err, want) {
			t.Errorf("stat below %s: %v, want %v", part, err, want)
		}
	}
	if n := len(bad.Server.Log()); n != 0 {
		t.Errorf("its store was asked %d times", n)
	}
	if err := os.WriteFile(m.path("p2", "data", "f"), []byte("x"), 0o644); err != nil {
		t.Error(err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(m.dir, &st); err != nil {
		t.Error(err)
	}
	if err := unix.Statfs(m.path("p2"), &st); err != nil {
		t.Error(err)
	}
}

// The kernel is told of another client's change under the number that it knows the file by.
func TestNewsOfAPart(t *testing.T) {
	m := newSeveral(t, nil, newStore(t), newStore(t))
	file := m.path("p1", "data", "f")
	if err := os.WriteFile(file, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Lstat(m.path("p1", "data"))
	if err != nil {
		t.Fatal(err)
	}
	number := fi.Sys().(*syscall.Stat_t).Ino
	k := &toldKernel{}
	n := numbered{k, m.server.parts[1]}
	n.EntryNotify(number&numberMask, "f")
	n.InodeNotify(number&numberMask, 0, 0)
	if want := []uint64{number, number}; !slices.Equal(k.nodes, want) {
		t.Errorf("told of %x, want %x", k.nodes, want)
	}
}

// toldKernel takes down what it is told of.
type toldKernel struct{ nodes []uint64 }

func (k *toldKernel) EntryNotify(parent uint64, _ string) fuse.Status {
	k.nodes = append(k.nodes, parent)
	return fuse.OK
}

func (k *toldKernel) InodeNotify(node uint64, _, _ int64) fuse.Status {
	k.nodes = append(k.nodes, node)
	return fuse.OK
}

// Every request that a file system answers reaches it through a union: one that is missing there would answer ENOSYS, which the kernel remembers.
func TestUnionPassesEveryRequest(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]map[string]bool{"bridge": {}, "union": {}}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || !f.Name.IsExported() {
				continue
			}
			if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
				if of := methods[fmt.Sprint(star.X)]; of != nil {
					of[f.Name.Name] = true
				}
			}
		}
	}
	if len(methods["bridge"]) < 30 {
		t.Fatalf("found only %d methods of a bridge", len(methods["bridge"]))
	}
	for name := range methods["bridge"] {
		if !methods["union"][name] {
			t.Errorf("%s is not passed on", name)
		}
	}
}
