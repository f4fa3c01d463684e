package mount

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"allasfs/cache"
	"allasfs/fs"
	"allasfs/s3"
	"allasfs/s3/s3test"
)

// mounted is a file system of one bucket behind a mount in this process.
//
// What could block both sides of the mount at once runs in a process of its own: mappings, programs, working directories (see helperMain).
type mounted struct {
	t        testing.TB
	dir      string
	cacheDir string
	bucket   string
	e        s3test.Endpoint
	s3       *s3test.Server // nil on a real gateway
	other    *s3.Client     // another client of the same bucket
	cache    *cache.Cache
	fs       *fs.FS
	server   *Server
	log      *buffer
	asked    chan struct{} // closed when whenAsked's request comes
}

// setup is what a test may change before the mount.
type setup struct {
	fs     fs.Options
	mount  Options
	cache  cache.Options
	stall  time.Duration
	retry  time.Duration
	bucket string // "" = a new one
	part   string // the name of the bucket's directory in a union; "" = it is the top
}

// buffer is a log that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

// each runs f on a mount of the embedded server and, where one is named, of a real gateway.
func each(t *testing.T, f func(t *testing.T, m *mounted), change ...func(*setup)) {
	t.Helper()
	s3test.Each(t, func(t *testing.T, e s3test.Endpoint) { f(t, mountOn(t, e, change...)) })
}

// kernelWritesEnv, set to anything, lets the kernel collect writes on every mount of the tests.
const kernelWritesEnv = "ALLASFS_TEST_KERNEL_WRITES"

// directWritesEnv, set to anything, lets the kernel write new files past the daemon on every mount of the tests.
const directWritesEnv = "ALLASFS_TEST_DIRECT_WRITES"

// newMount mounts a new bucket of a new embedded server.
func newMount(t testing.TB, change ...func(*setup)) *mounted {
	t.Helper()
	return mountOn(t, s3test.Of(t, s3test.New(t)), change...)
}

func mountOn(t testing.TB, e s3test.Endpoint, change ...func(*setup)) *mounted {
	t.Helper()
	m := &mounted{t: t, dir: t.TempDir(), e: e, s3: e.Server, log: &buffer{}, asked: make(chan struct{})}
	o := setup{
		fs:    fs.Options{Name: "test", TTL: time.Minute, UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), Umask: 0o022},
		mount: Options{Dir: m.dir, Source: "test"},
		cache: cache.Options{Dir: t.TempDir(), Size: 256 << 20},
		stall: 30 * time.Second,
		retry: 5 * time.Second,
	}
	for _, c := range change {
		c(&o)
	}
	if os.Getenv(kernelWritesEnv) != "" {
		o.fs.KernelWrites = true
	}
	if os.Getenv(directWritesEnv) != "" {
		o.fs.DirectFrom = -1
	}
	if m.bucket = o.bucket; m.bucket == "" {
		m.bucket = e.Bucket(t)
	}
	logger := slog.New(slog.NewTextHandler(m.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store := m.client(o.stall, o.retry)
	m.other = m.client(o.stall, o.retry)
	o.cache.Logger = logger
	c, err := cache.Open(o.cache)
	if err != nil {
		t.Fatal(err)
	}
	o.fs.Store, o.fs.Cache, o.fs.Bucket, o.fs.Logger, o.mount.Logger = store, c, m.bucket, logger, logger
	f, err := fs.New(o.fs)
	if err != nil {
		t.Fatal(err)
	}
	if o.part == "" {
		m.server, err = Mount(f, o.mount)
	} else {
		m.server, err = MountSeveral([]Part{{Name: o.part, FS: f}}, o.mount)
		m.dir += "/" + o.part
	}
	if err != nil {
		t.Fatal(err)
	}
	m.cache, m.cacheDir, m.fs = c, o.cache.Dir, f
	t.Cleanup(m.end)
	return m
}

func (m *mounted) client(stall, retry time.Duration) *s3.Client {
	m.t.Helper()
	c, err := s3.New(s3.Config{Endpoint: m.e.URL, AccessKey: m.e.AccessKey, SecretKey: m.e.SecretKey, CAFile: m.e.CAFile,
		RetryFor: retry, StallTimeout: stall})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(c.Close)
	return c
}

// end unmounts and checks that nothing is left: no open file, no mount, no connection to the kernel.
func (m *mounted) end() {
	m.t.Helper()
	if m.t.Failed() {
		if s := m.log.String(); s != "" {
			m.t.Logf("log of the mount:\n%s", s[max(0, len(s)-20000):])
		}
	}
	m.idle()
	if err := m.server.Unmount(false); err != nil {
		m.t.Errorf("unmount: %v", err)
		if err := m.server.Unmount(true); err != nil {
			m.t.Errorf("lazy unmount: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := m.fs.Close(ctx); err != nil {
		m.t.Logf("close: %v", err)
	}
	if err := m.cache.Close(); err != nil {
		m.t.Errorf("close the cache: %v", err)
	}
	if m.isMounted() {
		m.t.Errorf("%s is still mounted", m.dir)
	}
	if strings.Contains(m.log.String(), "panic") {
		m.t.Errorf("a request panicked:\n%s", m.log)
	}
}

// idle waits until the kernel has released every file: it does so after close(2) is back.
func (m *mounted) idle() {
	m.t.Helper()
	open := func() int {
		b := m.server.bridge
		b.files.mu.Lock()
		defer b.files.mu.Unlock()
		b.dirs.mu.Lock()
		defer b.dirs.mu.Unlock()
		return len(b.files.open) + len(b.dirs.open)
	}
	if !eventually(func() bool { return open() == 0 }) {
		m.t.Errorf("%d files are still open", open())
	}
}

func (m *mounted) isMounted() bool {
	info, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		m.t.Fatal(err)
	}
	defer info.Close()
	_, kind := mountedAt(info, m.dir)
	return kind == fsType
}

// eventually waits for ok, at most five seconds.
func eventually(ok func() bool) bool {
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// path is a path in the mount.
func (m *mounted) path(names ...string) string {
	return m.dir + "/" + strings.Join(names, "/")
}

func (m *mounted) write(name, data string) {
	m.t.Helper()
	if err := os.WriteFile(m.path(name), []byte(data), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mounted) read(name string) string {
	m.t.Helper()
	data, err := os.ReadFile(m.path(name))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data)
}

// wantFile compares a file with want.
func (m *mounted) wantFile(name, want string) {
	m.t.Helper()
	wantSame(m.t, name, m.read(name), want)
}

// wantObject compares an object, as another client sees it, with want.
func (m *mounted) wantObject(key, want string) {
	m.t.Helper()
	got, err := m.object(key)
	if err != nil {
		m.t.Fatal(err)
	}
	wantSame(m.t, "object "+key, got, want)
}

func wantSame(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: %d bytes %.60q, want %d bytes %.60q", what, len(got), got, len(want), want)
	}
}

func (m *mounted) object(key string) (string, error) {
	o, err := m.other.Head(m.t.Context(), m.bucket, key)
	if err != nil || o.Size == 0 {
		return "", err
	}
	body, err := m.other.Get(m.t.Context(), o.Version(m.bucket), 0, o.Size)
	if err != nil {
		return "", err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	return string(data), err
}

// put stores an object as another client does.
func (m *mounted) put(key, data string) {
	m.t.Helper()
	if m.s3 != nil {
		m.s3.PutObject(m.bucket, key, []byte(data), nil)
		return
	}
	if _, err := m.other.Put(m.t.Context(), m.bucket, key, strings.NewReader(data), int64(len(data)), s3.PutOptions{}); err != nil {
		m.t.Fatal(err)
	}
}

// remove removes an object as another client does.
func (m *mounted) remove(key string) {
	m.t.Helper()
	if err := m.other.Delete(m.t.Context(), m.bucket, key); err != nil {
		m.t.Fatal(err)
	}
}

// names are those of a directory in the mount, sorted.
func (m *mounted) names(dir string) []string {
	m.t.Helper()
	entries, err := os.ReadDir(m.path(dir))
	if err != nil {
		m.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

// wantCounts compares the requests since the last ResetCounts.
func (m *mounted) wantCounts(want map[string]int) {
	m.t.Helper()
	if got := m.s3.Counts(); fmt.Sprint(got) != fmt.Sprint(want) {
		m.t.Errorf("requests %v, want %v", got, want)
	}
}

func wantErrno(t testing.TB, err error, want syscall.Errno) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sh runs a shell script in a process of its own, in the mount's top directory, and returns what it printed.
func (m *mounted) sh(script string) (string, error) {
	out, err := exec.Command("sh", "-c", "cd \"$0\" && "+script, m.dir).CombinedOutput()
	return string(out), err
}

// randomBytes are n bytes that differ from place to place.
func randomBytes(n int) []byte {
	p := make([]byte, n)
	x := uint64(n)*2862933555777941757 + 3037000493
	for i := range p {
		x = x*6364136223846793005 + 1442695040888963407
		p[i] = byte(x >> 56)
	}
	return p
}

const helperEnv = "ALLASFS_MOUNT_TEST_HELPER"

// helpers are what this test binary does when it is started by [mounted.helper], by name.
func helpers() map[string]func(args []string) error {
	return map[string]func(args []string) error{
		"storm": helperStorm, "read": helperRead, "write": helperWrite, "mmap": helperMmap, "handle-sigint": helperHandleSigint,
		"mount": helperMount, "locked": helperLocked, "read-locked": helperReadLocked,
		"compare-mapped": helperCompareMapped, "fsx": helperFsx, "call": helperCall, "mapped-until": helperMappedUntil, "mark": helperMark,
	}
}

func TestMain(m *testing.M) {
	if name := os.Getenv(helperEnv); name != "" {
		if err := helpers()[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// helper prepares this binary to run one of the helpers. It is started by the caller.
func helper(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	if exe, err := os.Executable(); err == nil {
		cmd = exec.Command(exe, args...)
	}
	cmd.Env = append(os.Environ(), helperEnv+"="+name)
	return cmd
}

func run(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

func containsFold(s, sub string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(sub))
}
