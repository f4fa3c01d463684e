package mount

import (
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"allasfs/cache"
	"allasfs/fs"
	"allasfs/s3"
)

func readOnly(o *setup) { o.fs.ReadOnly, o.mount.ReadOnly = true, true }

// passMount is a read-only mount on which the kernel may read cached files by itself; the test is skipped where it may not.
func passMount(t *testing.T, change ...func(*setup)) *mounted {
	t.Helper()
	m := newMount(t, append(change, readOnly)...)
	if why := m.server.bridge.backings.why; why != "" {
		t.Skip("no passthrough here: " + why)
	}
	file := must[*os.File](t)(os.Create(t.TempDir() + "/file")) // beside the cache
	defer file.Close()
	id, errno := m.server.fuse.RegisterBackingFd(&fuse.BackingMap{Fd: int32(file.Fd())})
	if errno != 0 {
		t.Skip("the kernel takes no file from here: " + errno.Error())
	}
	m.server.fuse.UnregisterBackingFd(id)
	return m
}

// passesBy fails the test if no file was opened past the daemon where that can be.
func (m *mounted) passesBy() {
	m.t.Helper()
	if b := &m.server.bridge.backings; b.why == "" && b.opens.Load() == 0 {
		m.t.Fatal("the file is not read past the daemon")
	}
}

// cached reads a file until all of it is on the cache's disk.
func (m *mounted) cached(name, data string) {
	m.t.Helper()
	m.wantFile(name, data)
	m.onDisk(len(data))
	m.idle()
}

// onDisk waits until n bytes that were read are on the cache's disk: blocks leave memory then.
func (m *mounted) onDisk(n int) {
	m.t.Helper()
	if !eventually(func() bool { s := m.cache.Stats(); return s.Used >= int64(n) && s.Memory == 0 }) {
		m.t.Fatal("the file is not on disk")
	}
}

// TestPassthroughAsksNobody: a cached file is read without a request to the store or a read by the daemon, by many at once.
func TestPassthroughAsksNobody(t *testing.T) {
	m := passMount(t)
	data := string(randomBytes(3<<20 + 17))
	m.put("f", data)
	m.cached("f", data)
	m.s3.ResetCounts()
	before, opens := m.cache.Stats(), m.server.bridge.backings.opens.Load()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got, err := os.ReadFile(m.path("f")); err != nil || string(got) != data {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	m.wantCounts(map[string]int{})
	if after := m.cache.Stats(); after.Hits != before.Hits || after.Misses != before.Misses {
		t.Errorf("the daemon read %d blocks", after.Hits-before.Hits+after.Misses-before.Misses)
	}
	if n := m.server.bridge.backings.opens.Load() - opens; n < 16 {
		t.Errorf("%d opens went past the daemon, want 16 or more", n)
	}
	if mode := m.server.Mode(); !strings.Contains(mode, ", passthrough of cached files") {
		t.Errorf("mode %q", mode)
	}
}

// TestOneModeAnInode: who opens a file while it is read by way of the daemon reads that way too, until the last has closed it, and the other way round.
func TestOneModeAnInode(t *testing.T) {
	m := passMount(t)
	data := string(randomBytes(1 << 20))
	m.put("f", data)
	opens := func() int64 { return m.server.bridge.backings.opens.Load() }
	first := must[*os.File](t)(os.Open(m.path("f"))) // nothing is cached yet
	m.wantFile("f", data)
	m.onDisk(len(data))
	m.wantFile("f", data)
	if opens() != 0 {
		t.Error("an open went past the daemon beside one that did not")
	}
	ok(t, first.Close())
	m.idle()
	first = must[*os.File](t)(os.Open(m.path("f")))
	m.wantFile("f", data)
	if opens() != 2 {
		t.Errorf("%d opens past the daemon, want 2", opens())
	}
	got := must[[]byte](t)(io.ReadAll(first))
	wantSame(t, "f", string(got), data)
	ok(t, first.Close())
	m.idle()
	b := &m.server.bridge.backings
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := len(b.inodes); left != 0 {
		t.Errorf("%d inodes are still counted", left)
	}
}

// TestPassthroughKeepsItsVersion: a program that has the file open reads one version, also while another client replaces it; who opens it then, reads
// the new one.
func TestPassthroughKeepsItsVersion(t *testing.T) {
	m := passMount(t, func(o *setup) { o.fs.TTL = 0 })
	old, next := string(randomBytes(1<<20)), string(randomBytes(1<<20+9))
	m.put("f", old)
	m.cached("f", old)
	f := must[*os.File](t)(os.Open(m.path("f")))
	defer f.Close()
	if m.server.bridge.backings.opens.Load() != 1 {
		t.Fatal("not past the daemon")
	}
	m.put("f", next)
	m.wantFile("f", next)
	got := must[[]byte](t)(io.ReadAll(f))
	wantSame(t, "the open file", string(got), old)
}

// TestSmallFilesStayInPages: below minPassthrough nothing is registered.
func TestSmallFilesStayInPages(t *testing.T) {
	m := passMount(t)
	data := string(randomBytes(minPassthrough - 1))
	m.put("f", data)
	m.cached("f", data)
	m.wantFile("f", data)
	if n := m.server.bridge.backings.opens.Load(); n != 0 {
		t.Errorf("%d opens past the daemon", n)
	}
}

// TestOpensAreCounted: the counts tell a large file that the kernel reads by itself from one that it could not, and leave small files out.
func TestOpensAreCounted(t *testing.T) {
	m := passMount(t)
	data := string(randomBytes(1 << 20))
	m.put("f", data)
	m.put("small", "small")
	want := func(opens, byDaemon int64) {
		t.Helper()
		got := m.server.Passthrough()
		got.Writes = nil
		if got != (fs.Passthrough{Opens: opens, ByDaemon: byDaemon}) {
			t.Errorf("counted %+v, want %d past the daemon and %d by it", got, opens, byDaemon)
		}
	}
	m.cached("f", data) // nothing is cached yet
	want(0, 1)
	m.wantFile("f", data)
	want(1, 1)
	m.wantFile("small", "small")
	want(1, 1)
}

// TestPassthroughSwitchedOff: the daemon reads what the kernel could.
func TestPassthroughSwitchedOff(t *testing.T) {
	m := newMount(t, readOnly, func(o *setup) { o.mount.NoPassthrough = true })
	data := string(randomBytes(1 << 20))
	m.put("f", data)
	m.cached("f", data)
	m.wantFile("f", data)
	if got := m.server.Passthrough(); got != (fs.Passthrough{Off: "switched off"}) {
		t.Errorf("counted %+v", got)
	}
	if mode := m.server.Mode(); !strings.Contains(mode, "no passthrough: switched off") {
		t.Errorf("mode %q", mode)
	}
}

// TestWritableMountPassesFiles: who reads past the daemon sees what is written meanwhile, also who opens the file then.
func TestWritableMountPassesFiles(t *testing.T) {
	m := newMount(t)
	data := string(randomBytes(1 << 20))
	m.put("f", data)
	m.cached("f", data)
	f := must[*os.File](t)(os.Open(m.path("f")))
	defer f.Close()
	m.passesBy()
	w := must[*os.File](t)(os.OpenFile(m.path("f"), os.O_WRONLY, 0))
	must[int](t)(w.WriteAt([]byte("new"), 5))
	next := must[*os.File](t)(os.Open(m.path("f")))
	defer next.Close()
	for _, r := range []*os.File{f, next} {
		p := make([]byte, 3)
		must[int](t)(r.ReadAt(p, 5))
		wantSame(t, "what was written", string(p), "new")
	}
	ok(t, w.Close())
}

// TestOrdinaryUserAsksTheDaemon: who may not have passthrough reads all the same, and the mode says why from the start.
func TestOrdinaryUserAsksTheDaemon(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may")
	}
	m := newMount(t, readOnly)
	if mode := m.server.Mode(); !strings.Contains(mode, "no passthrough: ") {
		t.Errorf("mode %q", mode)
	}
	data := string(randomBytes(1 << 20))
	m.put("f", data)
	m.cached("f", data)
	m.wantFile("f", data)
}

// refusing is a kernel that takes no file.
type refusing struct {
	errno syscall.Errno
	asked int
}

func (k *refusing) RegisterBackingFd(*fuse.BackingMap) (int32, syscall.Errno) {
	k.asked++
	return 0, k.errno
}
func (k *refusing) UnregisterBackingFd(int32) syscall.Errno { return 0 }

// TestRefusedPassthrough: reads go by the daemon. What will not change is asked once; a lack of descriptors may pass.
func TestRefusedPassthrough(t *testing.T) {
	for _, c := range []struct {
		errno syscall.Errno
		asked int
		words string
	}{{unix.EPERM, 1, "only root may"}, {unix.ELOOP, 1, "stacked"}, {unix.EMFILE, 3, ", passthrough of"}} {
		t.Run(c.errno.Error(), func(t *testing.T) {
			m := newMount(t, readOnly)
			k := &refusing{errno: c.errno}
			m.server.bridge.backings.start(k, "")
			data := string(randomBytes(1 << 20))
			m.put("f", data)
			m.cached("f", data)
			for range 3 {
				m.wantFile("f", data)
				m.idle()
			}
			if k.asked != c.asked {
				t.Errorf("asked %d times, want %d", k.asked, c.asked)
			}
			if mode := m.server.Mode(); !strings.Contains(mode, c.words) {
				t.Errorf("mode %q, want %q in it", mode, c.words)
			}
		})
	}
}

// TestMappingOutlivesRelease: the kernel says RELEASE while a mapping of a file in passthrough lives, which is why the cache never cuts a file that
// was lent.
func TestMappingOutlivesRelease(t *testing.T) {
	m := passMount(t)
	data := string(randomBytes(1 << 20))
	m.put("f", data)
	m.cached("f", data)
	f := must[*os.File](t)(os.Open(m.path("f")))
	pages := must[[]byte](t)(unix.Mmap(int(f.Fd()), 0, len(data), unix.PROT_READ, unix.MAP_SHARED)) // faults go past the daemon, which is this process
	ok(t, f.Close())
	m.idle()
	o := must[s3.Object](t)(m.other.Head(t.Context(), m.bucket, "f"))
	held := m.cache.File(cache.ID{Store: "test", Bucket: m.bucket, Key: "f", ETag: o.ETag}, o.Size, nil)
	defer held.Close()
	if held.Cached() != o.Size {
		t.Fatal("this is not the file that was lent")
	}
	m.cache.Drop(cache.ID{Store: "test", Bucket: m.bucket, Key: "f", ETag: o.ETag}) // a version that somebody has open is emptied at once
	wantSame(t, "the mapping", string(pages), data)
	ok(t, unix.Munmap(pages))
}
