package mount

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/cache"
	"allasfs/fs"
	"allasfs/s3"
	"allasfs/s3/s3test"
)

// helperMount is a daemon: mount URL ACCESS SECRET BUCKET DIR CACHE. It says its mode and unmounts when its input ends.
func helperMount(args []string) error {
	store, err := s3.New(s3.Config{Endpoint: args[0], AccessKey: args[1], SecretKey: args[2]})
	if err != nil {
		return err
	}
	c, err := cache.Open(cache.Options{Dir: args[5], Size: 1 << 20})
	if err != nil {
		return err
	}
	o := fs.Options{Store: store, Name: "test", Bucket: args[3], Cache: c, UID: uint32(os.Geteuid())}
	if os.Getenv(directWritesEnv) != "" {
		o.DirectFrom = -1
	}
	f, err := fs.New(o)
	if err != nil {
		return err
	}
	s, err := Mount(f, Options{Dir: args[4]})
	if err != nil {
		return err
	}
	fmt.Println(s.Mode())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Unmount(false)
}

// daemon starts helperMount, as nobody if so wished, and returns what it says.
func daemon(t *testing.T, e s3test.Endpoint, bucket, dir string, nobodys bool) (cmd *exec.Cmd, mode string) {
	t.Helper()
	base := filepath.Dir(dir)
	cmd = helper("mount", e.URL, e.AccessKey, e.SecretKey, bucket, dir, base+"/cache")
	cmd.Stderr = os.Stderr
	if nobodys {
		// The binary that go test built lies where another user cannot reach it.
		program := must[[]byte](t)(os.ReadFile("/proc/self/exe"))
		cmd.Path = base + "/program"
		ok(t, os.WriteFile(cmd.Path, program, 0o755))
		ok(t, os.Chown(dir, nobody, nobody))
		ok(t, os.Mkdir(base+"/cache", 0o700))
		ok(t, os.Chown(base+"/cache", nobody, nobody))
		cmd.Dir = base
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	in := must[io.WriteCloser](t)(cmd.StdinPipe())
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	ok(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
		_ = unix.Unmount(dir, unix.MNT_DETACH)
	})
	mode, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the daemon did not mount: %v", err)
	}
	return cmd, strings.TrimSpace(mode)
}

// mountLine is a mount's line of mountinfo.
func mountLine(t *testing.T, dir string) string {
	t.Helper()
	for line := range strings.Lines(string(must[[]byte](t)(os.ReadFile("/proc/self/mountinfo")))) {
		if f := strings.Fields(line); unescape(f[4]) == dir {
			return line
		}
	}
	return ""
}

func TestMountOptions(t *testing.T) {
	m := newMount(t, func(o *setup) { o.mount.Source, o.mount.Extra = "project bucket", []string{"noexec,_netdev"} })
	line := mountLine(t, m.dir)
	for _, want := range []string{"nosuid", "nodev", "noexec", "default_permissions", "max_read=1048576", " - fuse.allasfs project\\040bucket "} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is missing: %s", want, line)
		}
	}
	if strings.Contains(line, "allow_other") {
		t.Errorf("open to other users: %s", line)
	}
	mode := m.server.Mode()
	if !strings.HasPrefix(mode, "FUSE 7.") {
		t.Errorf("mode %q", mode)
	}
	if os.Geteuid() == 0 && !strings.Contains(mode, "mounted by root, requests up to 1024 KiB, read-ahead 1024 KiB") {
		t.Errorf("mode %q", mode)
	}
	ro := newMount(t, func(o *setup) { o.mount.ReadOnly = true })
	if line := mountLine(t, ro.dir); !strings.Contains(strings.Fields(line)[5], "ro,") {
		t.Errorf("not read-only: %s", line)
	}
}

// TestLargeRequests: the kernel reads and writes in requests of 1 MiB.
func TestLargeRequests(t *testing.T) {
	needRoot(t)
	m := newMount(t, func(o *setup) { o.mount.Debug = true })
	data := string(randomBytes(16 << 20))
	m.put("f", data)
	m.wantFile("f", data)
	m.write("g", data)
	if log := m.log.String(); !strings.Contains(log, " +1048576)") || !strings.Contains(log, "1048576b") {
		t.Error("no READ or no WRITE of 1 MiB was seen")
	}
}

func TestMountTwice(t *testing.T) {
	m := newMount(t)
	_, err := Mount(m.fs, Options{Dir: m.dir})
	if err == nil || !strings.Contains(err.Error(), "allasfs umount "+m.dir) {
		t.Errorf("got %v", err)
	}
	m.write("still", "there")
}

func TestMountRefuses(t *testing.T) {
	m := newMount(t)
	for dir, words := range map[string]string{"/none/at/all": "mkdir -p", "/proc": "not empty", "/dev/null": "not a directory"} {
		if _, err := Mount(m.fs, Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: got %v, want an error with %q", dir, err, words)
		}
	}
	if _, err := Mount(m.fs, Options{Dir: t.TempDir(), Extra: []string{"context=no such thing"}}); err == nil || !strings.Contains(err.Error(), "option") {
		t.Errorf("bad option: %v", err)
	}
}

// TestDeadMountIsCleared: after kill -9 of the daemon the next mount takes the place.
func TestDeadMountIsCleared(t *testing.T) {
	e := s3test.Of(t, s3test.New(t))
	bucket := e.Bucket(t)
	e.Server.PutObject(bucket, "f", []byte("x"), nil)
	dir := publicDir(t) + "/mnt"
	cmd, _ := daemon(t, e, bucket, dir, false)
	must[os.FileInfo](t)(os.Stat(dir + "/f"))
	ok(t, cmd.Process.Kill())
	_ = cmd.Wait()
	_, err := os.Stat(dir)
	wantErrno(t, err, syscall.ENOTCONN)
	m := mountOn(t, e, func(o *setup) { o.mount.Dir, o.bucket = dir, bucket })
	m.dir = dir
	m.wantFile("f", "x")
	if n := strings.Count(string(must[[]byte](t)(os.ReadFile("/proc/self/mountinfo"))), dir); n != 1 {
		t.Errorf("%d mounts on %s", n, dir)
	}
}

// TestOrdinaryUser mounts by fusermount3.
func TestOrdinaryUser(t *testing.T) {
	needRoot(t) // to become another user; as an ordinary one every other test shows it
	e := s3test.Of(t, s3test.New(t))
	bucket := e.Bucket(t)
	dir := publicDir(t) + "/mnt"
	_, mode := daemon(t, e, bucket, dir, true)
	if !strings.Contains(mode, "mounted by fusermount3") {
		t.Errorf("mode %q", mode)
	}
	if line := mountLine(t, dir); !strings.Contains(line, "nosuid") || !strings.Contains(line, "default_permissions") || !strings.Contains(line, "fuse.allasfs allasfs") {
		t.Errorf("mount %s", line)
	}
	if out, err := asNobody("cd " + dir + " && echo data > f && cat f && mkdir d && mv f d && ls d"); err != nil || out != "data\nf\n" {
		t.Errorf("%q, %v", out, err)
	}
	if o, err := e.Server.Object(bucket, "d/f"); err != nil || string(o.Data) != "data\n" {
		t.Errorf("object: %q, %v", o.Data, err)
	}
}

func TestAllowOtherOfOrdinaryUser(t *testing.T) {
	p := plan{dir: "/mnt", allowOther: true}
	conf, _ := os.ReadFile(userConfig)
	if err := p.helperFailed(errors.New("exit status 1"), "words\n"); !userAllowOther(conf) && !strings.Contains(err.Error(), "user_allow_other") {
		t.Errorf("got %v", err)
	}
}

func TestUnmountBusy(t *testing.T) {
	m := newMount(t)
	m.write("f", "x")
	f := must[*os.File](t)(os.Open(m.path("f")))
	defer f.Close()
	err := m.server.Unmount(false)
	wantErrno(t, err, syscall.EBUSY)
	if !strings.Contains(err.Error(), "fuser -vm "+m.dir) {
		t.Errorf("got %v", err)
	}
	m.wantFile("f", "x") // still there
	ok(t, m.server.Unmount(true))
	if m.isMounted() {
		t.Error("still in sight after a lazy unmount")
	}
	p := make([]byte, 1)
	if n, err := f.ReadAt(p, 0); n != 1 || err != nil {
		t.Errorf("an open file after a lazy unmount: %d, %v", n, err)
	}
	f.Close()
	m.server.Wait()
	ok(t, m.server.Unmount(false)) // again is no error
}

// TestUnmountByOthers: umount(8) ends the serving.
func TestUnmountByOthers(t *testing.T) {
	m := newMount(t)
	m.write("f", "x")
	m.idle()
	if out, err := exec.Command("fusermount3", "-u", m.dir).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	done := make(chan struct{})
	go func() { m.server.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("the serving did not end")
	}
}

// TestConnectionIsNotInherited: a program that the daemon starts must not keep the mount alive.
func TestConnectionIsNotInherited(t *testing.T) {
	newMount(t)
	if out := run(t, exec.Command("ls", "-l", "/proc/self/fd")); strings.Contains(out, device) {
		t.Errorf("a program that was started holds the connection:\n%s", out)
	}
}

// TestPanic: a request that panics is EIO and in the log, and the mount goes on.
func TestPanic(t *testing.T) {
	m := newMount(t)
	m.put("f", "x")
	b := m.server.bridge
	f := must[*os.File](t)(os.Open(m.path("f")))
	defer f.Close()
	b.files.mu.Lock()
	var number uint64
	for n := range b.files.open {
		number = n
	}
	handle := b.files.open[number].handle
	b.files.open[number].handle = nil
	b.files.mu.Unlock()
	_, err := f.ReadAt(make([]byte, 1<<20), 0)
	wantErrno(t, err, syscall.EIO)
	if log := m.log.String(); !strings.Contains(log, "panic while serving a request") || !strings.Contains(log, "bridge).Read") {
		t.Errorf("the log does not tell of the panic:\n%s", log)
	}
	b.files.mu.Lock()
	b.files.open[number].handle = handle
	b.files.mu.Unlock()
	m.wantFile("f", "x")
	m.log.reset() // the end of the test looks for panics that nobody expected
}

// TestNotifications: the kernel drops pages and names that it is told to.
func TestNotifications(t *testing.T) {
	m := newMount(t, ttl(time.Hour))
	m.put("f", string(randomBytes(100000)))
	f := must[*os.File](t)(os.Open(m.path("f")))
	defer f.Close()
	p := make([]byte, 4096)
	reads := func() int64 {
		before := m.cache.Stats()
		must[int](t)(f.ReadAt(p, 0))
		after := m.cache.Stats()
		return after.Hits + after.Misses - before.Hits - before.Misses
	}
	reads()
	if n := reads(); n != 0 {
		t.Fatalf("%d blocks read for pages that the kernel has", n)
	}
	node := must[os.FileInfo](t)(f.Stat()).Sys().(*syscall.Stat_t).Ino
	m.server.bridge.notifier.ContentChanged(node)
	if !eventually(func() bool { return reads() > 0 }) {
		t.Error("the pages were not dropped")
	}
	m.put("g", "x")
	must[os.FileInfo](t)(os.Stat(m.path("g")))
	nodes := m.fs.Status().Nodes
	m.server.bridge.notifier.EntryChanged(fs.RootID, "g")
	if !eventually(func() bool { return m.fs.Status().Nodes < nodes }) {
		t.Error("the name was not dropped")
	}
}
