package cache

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// call is one request that a source saw.
type call struct{ off, n int64 }

// source is an object in memory that counts requests and can be told to fail.
type source struct {
	data []byte

	mu    sync.Mutex
	calls []call
	hook  func(ctx context.Context, c call, body io.Reader) (io.Reader, error) // nil = as it is
	open  int                                                                  // bodies not closed
}

func newSource(n int) *source {
	s := &source{data: make([]byte, n)}
	r := rand.New(rand.NewPCG(uint64(n), 7))
	for i := 0; i < n; i += 8 {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], r.Uint64())
		copy(s.data[i:], w[:])
	}
	return s
}

type sourceBody struct {
	io.Reader
	ctx  context.Context
	s    *source
	once sync.Once
}

func (b *sourceBody) Read(p []byte) (int, error) {
	if _, gated := b.Reader.(*gateReader); gated { // which tells the test of the end of the context
		return b.Reader.Read(p)
	}
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Reader.Read(p)
}

func (b *sourceBody) Close() error {
	b.once.Do(func() {
		b.s.mu.Lock()
		b.s.open--
		b.s.mu.Unlock()
	})
	return nil
}

func (s *source) Get(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	s.mu.Lock()
	c := call{off, n}
	s.calls = append(s.calls, c)
	hook := s.hook
	s.mu.Unlock()
	var r io.Reader = bytes.NewReader(s.data[off : off+n])
	if hook != nil {
		var err error
		if r, err = hook(ctx, c, r); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	s.open++
	s.mu.Unlock()
	return &sourceBody{Reader: r, ctx: ctx, s: s}, nil
}

func (s *source) setHook(h func(ctx context.Context, c call, body io.Reader) (io.Reader, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = h
}

// take returns the requests since the last take.
func (s *source) take() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calls
	s.calls = nil
	return c
}

func (s *source) requested() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		n += c.n
	}
	return n
}

var testID = ID{Store: "s", Bucket: "b", Key: "k", ETag: "e"}

func testOptions(t testing.TB) Options {
	o := Options{Dir: filepath.Join(t.TempDir(), "cache"), Size: 1 << 30, Whole: -1}
	if testing.Verbose() {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return o
}

func mustOpen(t testing.TB, o Options) *Cache {
	t.Helper()
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return c
}

// settled waits until nothing is downloaded and nothing waits for the disk.
func settled(t testing.TB, c *Cache) {
	t.Helper()
	waitUntil(t, c, func() bool {
		busy := c.sched.running > 0 || len(c.writes.jobs) > 0 || len(c.sched.demand) > 0
		for _, v := range c.versions {
			busy = busy || v.holds > 0
		}
		return !busy
	})
}

// waitUntil waits for what is told under Cache.mu.
func waitUntil(t testing.TB, c *Cache, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		done := ok()
		c.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the cache does not come to rest")
		}
	}
}

func readRange(t testing.TB, f *File, s *source, off, n int) {
	t.Helper()
	p := make([]byte, n)
	m, err := f.ReadAt(t.Context(), p, int64(off))
	want := s.data[min(off, len(s.data)):min(off+n, len(s.data))]
	if m != len(want) || err != nil && err != io.EOF || (err == io.EOF) != (m < n) {
		t.Fatalf("read %d at %d: %d, %v; want %d bytes", n, off, m, err, len(want))
	}
	if !bytes.Equal(p[:m], want) {
		t.Fatalf("read %d at %d: wrong bytes", n, off)
	}
}

func wantCalls(t testing.TB, s *source, want ...call) {
	t.Helper()
	got := s.take()
	if len(got) != len(want) {
		t.Fatalf("requests: %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("requests: %v, want %v", got, want)
		}
	}
}

const kib = 1 << 10
const mib = 1 << 20

func TestRandomReadFetchesOneBlock(t *testing.T) {
	c := mustOpen(t, testOptions(t))
	s := newSource(10*mib + 5)
	f := c.File(testID, int64(len(s.data)), s)
	defer f.Close()
	readRange(t, f, s, 5*mib+100, 4*kib)
	wantCalls(t, s, call{5 * mib, 128 * kib})
	readRange(t, f, s, 5*mib+9*kib, 4*kib)
	wantCalls(t, s)
	readRange(t, f, s, 2*mib-1, 2) // both blocks are needed: one request
	wantCalls(t, s, call{2*mib - 128*kib, 256 * kib})
	readRange(t, f, s, 10*mib, 100) // the last block is short
	wantCalls(t, s, call{10 * mib, 5})
	readRange(t, f, s, 10*mib+5, 100)
	readRange(t, f, s, 11*mib, 100)
	wantCalls(t, s)
	settled(t, c)
	if got, want := f.Cached(), int64(3*128*kib+5); got != want {
		t.Errorf("cached %d, want %d", got, want)
	}
	readRange(t, f, s, 5*mib, 128*kib)
	readRange(t, f, s, 10*mib, 5)
	wantCalls(t, s)
}

func TestSecondMountReadsFromDisk(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	s := newSource(3*mib + 77)
	f := c.File(testID, int64(len(s.data)), s)
	if err := f.Fill(t.Context(), 0, f.Size()); err != nil {
		t.Fatal(err)
	}
	if f.Cached() != f.Size() {
		t.Fatalf("cached %d of %d", f.Cached(), f.Size())
	}
	f.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	s.take()
	c = mustOpen(t, o)
	f = c.File(testID, int64(len(s.data)), s)
	defer f.Close()
	readRange(t, f, s, 0, len(s.data))
	readRange(t, f, s, mib+3, 1000)
	wantCalls(t, s)
	if st := c.Stats(); st.Files != 1 || st.Misses != 0 || st.Hits == 0 || st.Used < int64(len(s.data)) {
		t.Errorf("stats: %+v", st)
	}
	other := testID
	other.ETag = "other"
	g := c.File(other, int64(len(s.data)), s)
	defer g.Close()
	readRange(t, g, s, 0, 10)
	wantCalls(t, s, call{0, 128 * kib})
}

func TestSecondDaemonIsRefused(t *testing.T) {
	o := testOptions(t)
	c := mustOpen(t, o)
	_, err := Open(o)
	var in *InUseError
	if !errors.Is(err, ErrInUse) || !errors.As(err, &in) || in.PID != os.Getpid() {
		t.Fatalf("second open: %v", err)
	}
	c.Close()
	mustOpen(t, o)
}

func TestFolderIsPrivate(t *testing.T) {
	o := testOptions(t)
	if err := os.Mkdir(o.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := mustOpen(t, o)
	s := newSource(mib)
	f := c.File(testID, mib, s)
	defer f.Close()
	readRange(t, f, s, 0, mib)
	fillOne(t, c, keyID(1), newSource(1000)).Close()
	settled(t, c)
	d, err := c.NewDraft(Target{}, Base{}, 0, Attrs{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt(make([]byte, inlineMost+1), 0); err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.Walk(o.Dir, func(path string, st os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if st.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if st.Mode().Perm() != want {
			t.Errorf("%s: mode %v", path, st.Mode())
		}
		return nil
	})
	if err != nil || files != 6 {
		t.Errorf("%d files, %v", files, err)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	o := testOptions(t)
	out := t.TempDir()
	victim := filepath.Join(out, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	made := mustOpen(t, o)
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, to string
		want     error
	}{{"lock", victim, syscall.ELOOP}, {"blocks", out, syscall.ENOTDIR}} {
		there := filepath.Join(o.Dir, c.name)
		if err := errors.Join(os.Rename(there, there+".away"), os.Symlink(c.to, there)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(o); !errors.Is(err, c.want) && !errors.Is(err, ErrNotCache) {
			t.Fatalf("%s is a link: %v", c.name, err)
		}
		if err := errors.Join(os.Remove(there), os.Rename(there+".away", there)); err != nil {
			t.Fatal(err)
		}
	}

	c := mustOpen(t, o)
	name := testID.name()
	dir := filepath.Join(o.Dir, formatDir, name[:2])
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, ext := range []string{".data", ".idx"} {
		if err := os.Symlink(victim, filepath.Join(dir, name+ext)); err != nil {
			t.Fatal(err)
		}
	}
	s := newSource(mib)
	f := c.File(testID, mib, s)
	readRange(t, f, s, 0, mib)
	f.Close()
	settled(t, c)
	if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
		t.Errorf("a link was followed: %q, %v", b, err)
	}
}

func TestForeignFolderIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a folder of another user")
	}
	o := testOptions(t)
	if err := os.Mkdir(o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(o.Dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); !errors.Is(err, os.ErrPermission) {
		t.Fatalf("open: %v", err)
	}
}

// TestOtherFolderIsRefused: a folder that holds anything but a cache is left as it is. One that is empty, that a crash left half made, or that an earlier daemon had,
// whatever else the mount has put beside, is taken.
func TestOtherFolderIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		files, dirs []string
		taken       bool
	}{
		"empty":              {nil, nil, true},
		"a new file system":  {nil, []string{"lost+found"}, true},
		"crash after lock":   {[]string{lockName}, nil, true},
		"crash before end":   {[]string{lockName}, []string{blocksDir, intentsDir}, true},
		"a cache":            {[]string{lockName, "attributes"}, []string{blocksDir, draftsDir, intentsDir}, true},
		"blocks removed":     {[]string{lockName, "attributes"}, []string{draftsDir, intentsDir}, true}, // by hand, to free the disk
		"a file":             {[]string{"passwd"}, nil, false},
		"a folder":           {nil, []string{"systemd"}, false},
		"a lock beside":      {[]string{lockName, "passwd"}, nil, false},
		"names without lock": {[]string{"file"}, []string{blocksDir, draftsDir}, false},
		"lock as a folder":   {nil, []string{lockName, blocksDir, draftsDir}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			o.Dir = t.TempDir()
			for _, n := range tt.dirs {
				noErr(t, os.Mkdir(filepath.Join(o.Dir, n), 0o700))
			}
			for _, n := range tt.files {
				noErr(t, os.WriteFile(filepath.Join(o.Dir, n), nil, 0o600))
			}
			noErr(t, os.Chmod(o.Dir, 0o755))
			before, err := os.ReadDir(o.Dir)
			noErr(t, err)
			if err := CheckFolder(o.Dir); (err == nil) != tt.taken || err != nil && !errors.Is(err, ErrNotCache) {
				t.Errorf("foretold: %v", err)
			}
			c, err := Open(o)
			if tt.taken {
				noErr(t, err)
				noErr(t, c.Close())
				noErr(t, CheckFolder(o.Dir))
				return
			}
			if !errors.Is(err, ErrNotCache) {
				t.Fatalf("open: %v", err)
			}
			after, err := os.ReadDir(o.Dir)
			noErr(t, err)
			st, err := os.Stat(o.Dir)
			noErr(t, err)
			if len(after) != len(before) || st.Mode().Perm() != 0o755 {
				t.Errorf("it was changed: %v, mode %v", after, st.Mode())
			}
		})
	}
	if err := CheckFolder(filepath.Join(t.TempDir(), "missing")); err != nil {
		t.Errorf("a missing one: %v", err)
	}
}
