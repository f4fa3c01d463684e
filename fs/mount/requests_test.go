package mount

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"allasfs/s3/s3test"
)

// TestSecondReadCostsNothing: neither a request nor, since the version is the same, a read by the daemon, of what the kernel has in its pages as of what it
// reads past the daemon.
func TestSecondReadCostsNothing(t *testing.T) {
	for name, pages := range map[string]bool{"pages": true, "as it comes": false} {
		t.Run(name, func(t *testing.T) {
			m := newMount(t, func(o *setup) { o.mount.NoPassthrough = pages })
			data := string(randomBytes(3 << 20))
			m.put("f", data)
			m.wantFile("f", data)
			m.s3.ResetCounts()
			before := m.cache.Stats()
			m.wantFile("f", data)
			m.wantFile("f", data)
			m.wantCounts(map[string]int{})
			if after := m.cache.Stats(); after.Hits != before.Hits || after.Misses != before.Misses {
				t.Errorf("the kernel dropped its pages: %d hits, %d misses more", after.Hits-before.Hits, after.Misses-before.Misses)
			}
		})
	}
}

func TestReadingIsOneGet(t *testing.T) {
	m := newMount(t)
	m.put("d/small", "few bytes")
	run(t, exec.Command("ls", m.path("d")))
	m.s3.ResetCounts()
	m.wantFile("d/small", "few bytes")
	m.wantCounts(map[string]int{"GetObject": 1})
}

// TestWritingIsOnePut: in a directory whose names are known, a new file costs its PUT and nothing else, and what was written is read without a request.
func TestWritingIsOnePut(t *testing.T) {
	m := newMount(t)
	m.put("d/old", "old")
	run(t, exec.Command("ls", "-l", m.path("d")))
	m.s3.ResetCounts()
	m.write("d/new", "new data")
	m.wantCounts(map[string]int{"PutObject": 1})
	m.wantFile("d/new", "new data")
	run(t, exec.Command("ls", "-l", m.path("d")))
	m.wantCounts(map[string]int{"PutObject": 1})
	m.s3.ResetCounts()
	m.write("d/old", "truncated and written")
	m.wantCounts(map[string]int{"HeadObject": 1, "PutObject": 1}) // what is kept of the old: its metadata, which no listing tells
	m.wantObject("d/old", "truncated and written")
}

// TestEachCloseFlushes: dup(2) and two closes are two flushes, of which only those that find something new send (F4), and the kernel goes on asking (F1).
func TestEachCloseFlushes(t *testing.T) {
	m := newMount(t)
	run(t, exec.Command("ls", m.dir))
	for i := range 3 {
		name := fmt.Sprintf("f%d", i)
		m.s3.ResetCounts()
		f := must[*os.File](t)(os.Create(m.path(name)))
		must[int](t)(f.WriteString("one"))
		ok(t, f.Sync())
		m.wantCounts(map[string]int{"PutObject": 1})
		dup := must[int](t)(unix.Dup(int(f.Fd())))
		ok(t, f.Close())
		m.wantCounts(map[string]int{"PutObject": 1})
		must[int](t)(unix.Write(dup, []byte(" two")))
		ok(t, unix.Close(dup))
		m.wantObject(name, "one two")
		if n := m.s3.Count("PutObject"); n != 2 {
			t.Errorf("%d PUTs, want 2", n)
		}
	}
}

// TestFailedFlushIsToldEachTime (F1): no answer of the store makes the kernel stop asking for flush or fsync.
func TestFailedFlushIsToldEachTime(t *testing.T) {
	m := newMount(t)
	for _, fault := range []s3test.Fault{{Status: 501, Code: "NotImplemented"}, {Status: 403}, {Status: 400, Code: "InvalidArgument"}} {
		m.s3.Fault(func(r s3test.Request) *s3test.Fault {
			if r.Op == "PutObject" {
				return &fault
			}
			return nil
		})
		name := fmt.Sprintf("f%d", fault.Status)
		f := must[*os.File](t)(os.Create(m.path(name)))
		must[int](t)(f.WriteString("data"))
		for _, err := range []error{f.Sync(), f.Sync(), f.Close()} {
			if err == nil {
				t.Errorf("%d: fsync or close returned 0, and nothing is in the store", fault.Status)
			}
		}
		m.s3.Fault(nil)
		f = must[*os.File](t)(os.OpenFile(m.path(name), os.O_WRONLY, 0))
		ok(t, f.Close()) // sends what was kept
		m.wantObject(name, "data")
	}
}

// TestFullQuota: close says EDQUOT, and the log says which file, because a shell does not look (F5).
func TestFullQuota(t *testing.T) {
	m := newMount(t)
	m.s3.SetQuota(10, -1)
	source := t.TempDir() + "/source"
	ok(t, os.WriteFile(source, []byte("more than ten bytes"), 0o600))
	out, err := m.sh("cp " + source + " copy")
	if err == nil {
		t.Error("cp succeeded")
	}
	if want := syscall.EDQUOT.Error(); !containsFold(out, want) {
		t.Errorf("cp said %q, want %q", out, want)
	}
	if out, err := m.sh("echo more than ten bytes > echoed"); err != nil {
		t.Logf("this shell tells: %s", out)
	}
	for _, path := range []string{"copy", "echoed"} {
		if !containsFold(m.log.String(), "msg=upload path="+path) {
			t.Errorf("the log does not tell of %s:\n%s", path, m.log)
		}
	}
	m.s3.SetQuota(-1, -1)
	ok(t, m.fs.Sync(t.Context()))
	m.wantObject("copy", "more than ten bytes")
}

// TestPagesOfAppender: a page of a mapping that comes by a handle that appends goes where it belongs.
func TestPagesOfAppender(t *testing.T) {
	m := newMount(t)
	m.write("f", "0123456789")
	f := must[*os.File](t)(os.OpenFile(m.path("f"), os.O_RDWR|os.O_APPEND, 0))
	b := m.server.bridge
	b.files.mu.Lock()
	var number uint64
	for n := range b.files.open {
		number = n
	}
	node := b.files.open[number].handle.Node()
	b.files.mu.Unlock()
	in := &fuse.WriteIn{InHeader: fuse.InHeader{NodeId: node}, Fh: number, Offset: 2, WriteFlags: fuse.WRITE_CACHE}
	if n, st := b.Write(nil, in, []byte("ab")); n != 2 || !st.Ok() {
		t.Fatalf("write of a page: %d, %v", n, st)
	}
	must[int](t)(f.WriteString("end"))
	ok(t, f.Close())
	m.wantObject("f", "01ab456789end")
}

// TestSecondListingIsTheKernels: while a listing is fresh and nothing was changed, reading the directory again is no READDIRPLUS; what is changed here shows at
// once, and what another client changes after the TTL at the latest, by a handle that rewinds too.
func TestSecondListingIsTheKernels(t *testing.T) {
	m := newMount(t, func(o *setup) { o.mount.Debug, o.fs.TTL = true, time.Second })
	for i := range 300 {
		m.put(fmt.Sprintf("d/f%03d", i), "")
	}
	asked := func() int { return strings.Count(m.log.String(), ": READDIRPLUS ") }
	names := func() int { return len(must[[]os.DirEntry](t)(os.ReadDir(m.path("d")))) }
	if n := names(); n != 300 || asked() == 0 {
		t.Fatalf("%d names by %d requests", n, asked())
	}
	if !eventually(func() bool { // a listing may become too old meanwhile, but not each time
		names()
		before := asked()
		return names() == 300 && asked() == before
	}) {
		t.Error("each listing is asked for")
	}
	m.write("d/mine", "mine")
	if n := names(); n != 301 {
		t.Errorf("%d names after one was made", n)
	}
	ok(t, os.Remove(m.path("d/f000")))
	ok(t, os.Rename(m.path("d/f001"), m.path("g")))
	if n := names(); n != 299 {
		t.Errorf("%d names after two went", n)
	}
	m.put("d/theirs", "theirs")
	if !eventually(func() bool { return names() == 300 }) {
		t.Errorf("%d names after another client made one", names())
	}
}

// TestRewindShowsOthersChanges: a program that has a directory open and reads it from the start again and again sees what another client changes.
func TestRewindShowsOthersChanges(t *testing.T) {
	m := newMount(t, func(o *setup) { o.fs.TTL = time.Second })
	m.put("d/a", "")
	polled := must[*os.File](t)(os.Open(m.path("d")))
	defer polled.Close()
	again := func() int {
		must[int64](t)(polled.Seek(0, io.SeekStart))
		return len(must[[]string](t)(polled.Readdirnames(-1)))
	}
	if n := again(); n != 1 {
		t.Errorf("%d names", n)
	}
	m.put("d/b", "")
	if !eventually(func() bool { return again() == 2 }) {
		t.Errorf("%d names", again())
	}
}
