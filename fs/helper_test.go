package fs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"allasfs/cache"
	"allasfs/s3"
	"allasfs/s3/s3test"
)

// world is a file system on a server, without a mount.
type world struct {
	t          testing.TB
	srv        *s3test.Server
	store      *s3.Client
	cache      *cache.Cache
	dir        string // of the cache
	draftSpace int64  // of it, 0 = no bound
	f          *FS
	bucket     string

	mu   sync.Mutex
	refs []uint64 // of walks
}

func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	srv := s3test.New(t)
	srv.MakeBucket("data")
	return newWorldOn(t, s3test.Of(t, srv), "data", change...)
}

func newWorldOn(t testing.TB, e s3test.Endpoint, bucket string, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, srv: e.Server, store: newStore(t, e), dir: t.TempDir(), bucket: bucket}
	w.start(change...)
	t.Cleanup(func() { w.stop() })
	return w
}

func newStore(t testing.TB, e s3test.Endpoint) *s3.Client {
	t.Helper()
	store, err := s3.New(s3.Config{Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey, CAFile: e.CAFile, RetryFor: 5 * time.Second, Logger: toldIfFailed(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// start opens the cache and the file system, as a mount does.
func (w *world) start(change ...func(*Options)) {
	w.t.Helper()
	c, err := cache.Open(cache.Options{Dir: w.dir, Size: 1 << 30, DraftSpace: w.draftSpace})
	if err != nil {
		w.t.Fatal(err)
	}
	o := Options{Store: w.store, Name: "test", Bucket: w.bucket, Cache: c, TTL: time.Minute, Umask: 0o022}
	for _, ch := range change {
		ch(&o)
	}
	f, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.cache, w.f, w.refs = c, f, nil
}

// stop ends both in good order.
func (w *world) stop() {
	w.t.Helper()
	if w.f == nil {
		return
	}
	if err := w.f.Close(ctxOf(w.t)); err != nil {
		w.t.Logf("close: %v", err)
	}
	if err := w.cache.Close(); err != nil {
		w.t.Errorf("close the cache: %v", err)
	}
	w.f = nil
}

func ctxOf(t testing.TB) context.Context { return context.WithoutCancel(t.Context()) }

// walk looks a path up; forget gives its references back.
func (w *world) walk(path string) (Attr, error) {
	a := Attr{ID: RootID, Mode: syscall.S_IFDIR}
	for el := range strings.SplitSeq(path, "/") {
		if el == "" {
			continue
		}
		next, err := w.f.Lookup(w.t.Context(), a.ID, el)
		if err != nil {
			return Attr{}, err
		}
		w.mu.Lock()
		w.refs = append(w.refs, next.ID)
		w.mu.Unlock()
		a = next
	}
	return a, nil
}

// forget gives the references of all walks back, so that nodes go.
func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.refs {
		w.f.Forget(id, 1)
	}
	w.refs = nil
}

// hold is walk with the reference kept until the test ends.
func (w *world) hold(path string) Attr {
	w.t.Helper()
	dir, base := split(path)
	d, err := w.walk(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := w.f.Lookup(w.t.Context(), d.ID, base)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func split(path string) (dir, base string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}

func (w *world) open(path string, flags uint32) (*Handle, error) {
	dir, base := split(path)
	d, err := w.walk(dir)
	if err != nil {
		return nil, err
	}
	if flags&syscall.O_CREAT != 0 {
		a, h, err := w.f.Create(w.t.Context(), d.ID, base, flags, 0o644)
		if err == nil {
			w.f.Forget(a.ID, 1)
		}
		return h, err
	}
	a, err := w.f.Lookup(w.t.Context(), d.ID, base)
	if err != nil {
		return nil, err
	}
	defer w.f.Forget(a.ID, 1)
	return w.f.Open(w.t.Context(), a.ID, flags)
}

// write opens, writes at off, closes.
func (w *world) write(path string, data []byte, off int64, flags uint32) error {
	h, err := w.open(path, flags|syscall.O_WRONLY)
	if err != nil {
		return err
	}
	defer h.Release()
	if len(data) > 0 {
		if _, err := h.WriteAt(w.t.Context(), data, off); err != nil {
			return err
		}
	}
	return h.Flush(w.t.Context())
}

func (w *world) create(path string, data []byte) error {
	return w.write(path, data, 0, syscall.O_CREAT|syscall.O_TRUNC)
}

func (w *world) read(path string) ([]byte, error) {
	h, err := w.open(path, syscall.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer h.Release()
	return readAll(w.t, h)
}

func readAll(t testing.TB, h *Handle) ([]byte, error) {
	var out []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := h.ReadAt(t.Context(), buf, int64(len(out)))
		if err != nil || n == 0 {
			return out, err
		}
		out = append(out, buf[:n]...)
	}
}

// at runs fn with the parent's node and the last name of path.
func (w *world) at(path string, fn func(parent uint64, name string) error) error {
	dir, base := split(path)
	d, err := w.walk(dir)
	if err != nil {
		return err
	}
	return fn(d.ID, base)
}

func (w *world) mkdir(path string) error {
	return w.at(path, func(p uint64, nm string) error {
		a, err := w.f.Mkdir(w.t.Context(), p, nm, 0o755)
		if err == nil {
			w.f.Forget(a.ID, 1)
		}
		return err
	})
}

func (w *world) unlink(path string) error {
	return w.at(path, func(p uint64, nm string) error { return w.f.Unlink(w.t.Context(), p, nm) })
}

func (w *world) rmdir(path string) error {
	return w.at(path, func(p uint64, nm string) error { return w.f.Rmdir(w.t.Context(), p, nm) })
}

func (w *world) rename(from, to string) error {
	return w.at(from, func(p uint64, nm string) error {
		return w.at(to, func(q uint64, nm2 string) error { return w.f.Rename(w.t.Context(), p, nm, q, nm2, false) })
	})
}

// names are the entries of a directory, in order.
func (w *world) names(path string) ([]string, error) {
	d, err := w.walk(path)
	if err != nil {
		return nil, err
	}
	h, err := w.f.OpenDir(w.t.Context(), d.ID)
	if err != nil {
		return nil, err
	}
	defer h.Release()
	var out []string
	for i := 0; ; i++ {
		e, ok, err := h.Entry(w.t.Context(), i)
		if err != nil {
			return nil, err
		}
		if !ok {
			slices.Sort(out)
			return out, nil
		}
		if i%2 == 0 || e.Mode == 0 { // as READDIRPLUS, and as READDIR
			a, err := h.Stat(w.t.Context(), i)
			if err != nil && !isNotExist(err) {
				return nil, err
			}
			if err == nil {
				if e.Mode != 0 && a.Mode&syscall.S_IFMT != e.Mode {
					return nil, fmt.Errorf("%s/%s: readdir says type %o, stat %o", path, e.Name, e.Mode, a.Mode)
				}
				e.Mode = a.Mode & syscall.S_IFMT
				w.f.Forget(a.ID, 1)
			}
		}
		if e.Mode == syscall.S_IFDIR {
			e.Name += "/"
		}
		out = append(out, e.Name)
	}
}

// must ends the test at an error.
func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wantErr(err, want error) {
	w.t.Helper()
	if !errors.Is(err, want) {
		w.t.Fatalf("got error %v, want %v", err, want)
	}
}
