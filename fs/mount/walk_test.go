package mount

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tree stores 3 000 files in 1 110 directories below top/, and returns how many paths there are, top among them.
func (m *mounted) tree() int {
	for i := range 1000 {
		dir := fmt.Sprintf("top/a%d/b%d/c%d", i/100, i/10%10, i%10)
		for j := range 3 {
			m.s3.PutObject(m.bucket, fmt.Sprintf("%s/file%d", dir, j), []byte("x\n"), nil)
		}
	}
	return 1 + 10 + 100 + 1000 + 3000
}

// TestWalks: programs that walk a tree cost about a request a thousand objects to list it.
func TestWalks(t *testing.T) {
	for _, c := range []struct {
		what  string
		args  []string
		lines int // of output; 0 = not looked at
	}{
		{"find", []string{"find", "top"}, 4111},
		{"find with attributes", []string{"find", "top", "-size", "-10c", "-type", "f"}, 3000},
		{"du", []string{"du", "-a", "top"}, 4111},
		{"ls -R", []string{"ls", "-R", "top"}, 0},
		{"ls -lR", []string{"ls", "-lR", "top"}, 0},
		{"tar", []string{"sh", "-c", "tar cf - top | tar tf - | sort -u"}, 4111},
		{"grep -r", []string{"grep", "-rl", "x", "top"}, 3000},
		{"rsync", []string{"rsync", "-an", "-v", "top/", filepath.Join(t.TempDir(), "copy")}, 0},
		{"rm -r", []string{"rm", "-r", "top"}, 0},
	} {
		lists, heads := 14, 4
		if c.args[0] == "rm" {
			lists += 1111 + 50 // rmdir asks whether another client put something there, and the walk is begun anew now and then
		}
		t.Run(c.what, func(t *testing.T) {
			m := newMount(t)
			m.tree()
			var st unix.Statfs_t
			ok(t, unix.Statfs(m.dir, &st))
			if _, err := exec.LookPath(c.args[0]); err != nil {
				t.Skip(err)
			}
			m.s3.ResetCounts()
			cmd := exec.Command(c.args[0], c.args[1:]...)
			cmd.Dir = m.dir
			out := run(t, cmd)
			if n := strings.Count(out, "\n"); c.lines != 0 && n != c.lines {
				t.Errorf("%d lines of output, want %d", n, c.lines)
			}
			t.Logf("%v", m.s3.Counts())
			if n := m.s3.Count("ListObjectsV2"); n > lists {
				t.Errorf("%d listings", n)
			}
			if n := m.s3.Count("GetObject"); n > 0 && c.what != "tar" && c.what != "grep -r" {
				t.Errorf("%d files read", n)
			}
			if n := m.s3.Count("HeadObject"); n > heads {
				t.Errorf("%d HEADs", n)
			}
		})
	}
}

// TestFirstNames: a program that stops after the first names costs two pages of the listing.
func TestFirstNames(t *testing.T) {
	m := newMount(t)
	m.fill("big", 12000)
	m.s3.ResetCounts()
	run(t, exec.Command("sh", "-c", "ls -f "+m.path("big")+" | head -3"))
	t.Logf("ls -f | head: %v", m.s3.Counts())
	m.s3.ResetCounts()
	d, err := os.Open(m.path("big"))
	ok(t, err)
	_, err = d.Readdirnames(10)
	ok(t, err)
	ok(t, d.Close())
	if n := m.s3.Count("ListObjectsV2"); n > 3 {
		t.Errorf("%d pages for ten names", n)
	}
}

// TestWalkOfManyDirectories: GNU find visits the entries of a directory of more than 10 000 by their inode numbers, and still costs about a request a thousand objects.
func TestWalkOfManyDirectories(t *testing.T) {
	const dirs = 12_000
	m := newMount(t, func(o *setup) { o.fs.TTL = time.Hour })
	for i := range dirs {
		m.s3.PutObject(m.bucket, fmt.Sprintf("top/d%05d/f", i), []byte("x"), nil)
	}
	m.s3.ResetCounts()
	out := run(t, exec.Command("find", m.path("top")))
	if n := strings.Count(out, "\n"); n != 1+2*dirs {
		t.Errorf("%d paths, want %d", n, 1+2*dirs)
	}
	t.Logf("%v", m.s3.Counts())
	if n := m.s3.Count("ListObjectsV2"); n > 60 {
		t.Errorf("%d listings", n)
	}
}
