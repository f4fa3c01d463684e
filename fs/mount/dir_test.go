package mount

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// fill stores n objects below dir/, as another client does, and returns their names.
func (m *mounted) fill(dir string, n int) []string {
	var names []string
	for i := range n {
		name := fmt.Sprintf("file-%05d.dat", i)
		m.s3.PutObject(m.bucket, dir+"/"+name, []byte(strings.Repeat("x", 1+i%50)), nil)
		names = append(names, name)
	}
	return names
}

// TestListing: `ls -l` of n entries costs a request per thousand and nothing an entry; again costs none.
func TestListing(t *testing.T) {
	m := newMount(t)
	names := m.fill("big", 2500)
	var st unix.Statfs_t
	ok(t, unix.Statfs(m.dir, &st)) // ls and find ask for it; the answer is kept
	m.s3.ResetCounts()
	out := run(t, exec.Command("ls", "-l", m.path("big")))
	lines := strings.Split(strings.TrimSpace(out), "\n")[1:]
	if len(lines) != len(names) {
		t.Fatalf("%d lines, want %d", len(lines), len(names))
	}
	for i, line := range lines {
		f := strings.Fields(line)
		if f[0] != "-rw-r--r--" || f[4] != fmt.Sprint(1+i%50) || f[len(f)-1] != names[i] {
			t.Fatalf("line %d: %s", i, line)
		}
	}
	m.wantCounts(map[string]int{"HeadObject": 1, "ListObjectsV2": 1 + 3}) // to look the directory's name up, and to list it
	m.s3.ResetCounts()
	run(t, exec.Command("ls", "-l", m.path("big")))
	out = run(t, exec.Command("find", m.path("big"), "-type", "f", "-size", "-2c"))
	if got := strings.Count(out, "\n"); got != 50 {
		t.Errorf("find: %d files", got)
	}
	m.wantCounts(map[string]int{})
}

// readDir reads raw entries from an open directory's offset on, at most max; 0 = all.
func readDir(t testing.TB, fd, max int) []fuse.DirEntry {
	t.Helper()
	var all []fuse.DirEntry
	buf := make([]byte, 4096)
	for max == 0 || len(all) < max {
		n, err := unix.Getdents(fd, buf)
		ok(t, err)
		if n == 0 {
			return all
		}
		for rest := buf[:n]; len(rest) > 0; {
			var e fuse.DirEntry
			rest = rest[e.Parse(rest):]
			all = append(all, e)
		}
	}
	return all
}

func openDir(t testing.TB, path string) int {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	ok(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func namesOf(entries []fuse.DirEntry) []string {
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

func TestSeekDir(t *testing.T) {
	m := newMount(t)
	names := m.fill("d", 1300)
	fd := openDir(t, m.path("d"))
	all := readDir(t, fd, 0)
	if got, want := namesOf(all), append([]string{".", ".."}, names...); !slices.Equal(got, want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for _, e := range all[2:] {
		if e.Ino == 0 || e.Mode != unix.S_IFREG {
			t.Fatalf("entry %+v", e)
		}
	}
	for _, i := range []int{1299, 0, 700, 2, 1, 1301} { // seekdir to where entry i was
		off := int64(0)
		if i > 0 {
			off = int64(all[i-1].Off)
		}
		_, err := unix.Seek(fd, off, 0)
		ok(t, err)
		if got := readDir(t, fd, 1); got[0].Name != all[i].Name || got[0].Ino != all[i].Ino {
			t.Errorf("at entry %d: %+v, want %+v", i, got[0], all[i])
		}
	}
}

func TestRewindDirSeesChanges(t *testing.T) {
	m := newMount(t)
	m.fill("d", 3)
	fd := openDir(t, m.path("d"))
	before := readDir(t, fd, 0)
	m.write("d/another", "x")
	ok(t, os.Remove(m.path("d/file-00001.dat")))
	_, err := unix.Seek(fd, 0, 0)
	ok(t, err)
	after := namesOf(readDir(t, fd, 0))
	slices.Sort(after)
	want := []string{".", "..", "another", "file-00000.dat", "file-00002.dat"}
	if len(before) != 5 || !slices.Equal(after, want) {
		t.Errorf("after rewinddir %q, want %q", after, want)
	}
}

// TestRemoveWhileReading: rm -r reads and removes side by side, and leaves nothing.
func TestRemoveWhileReading(t *testing.T) {
	m := newMount(t)
	m.fill("d", 1200)
	m.fill("d/sub", 30)
	run(t, exec.Command("rm", "-r", m.path("d")))
	if got := m.names(""); len(got) != 0 {
		t.Errorf("left in the mount: %q", got)
	}
	if keys := m.s3.Keys(m.bucket); len(keys) != 0 {
		t.Errorf("left in the bucket: %q", keys)
	}
}

// TestForget: what the kernel forgot is not kept.
func TestForget(t *testing.T) {
	needRoot(t) // to make the kernel forget
	m := newMount(t)
	m.fill("d", 500)
	run(t, exec.Command("ls", "-l", m.path("d")))
	if n := m.fs.Status().Nodes; n < 500 {
		t.Errorf("%d nodes after a listing of 500", n)
	}
	ok(t, os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0))
	if !eventually(func() bool { return m.fs.Status().Nodes < 10 }) {
		t.Errorf("%d nodes are kept", m.fs.Status().Nodes)
	}
}

func TestFileBesideDirectory(t *testing.T) {
	m := newMount(t)
	m.put("x", "object")
	m.put("x/child", "child")
	m.put("x-", "between")
	if got, want := m.names(""), []string{"x", "x%{object}", "x-"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
	m.wantFile("x%{object}", "object")
	m.wantFile("x/child", "child")
}
