package mount

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestNamesOfEmptyObjects: programs that read the names of empty objects, which may be Swift large objects, do not wait for a HEAD each; those that look at each file
// cost one each, once, and see the true size and kind.
func TestNamesOfEmptyObjects(t *testing.T) {
	const n = 3000
	fill := func(m *mounted) {
		for i := range n {
			m.s3.PutObject(m.bucket, fmt.Sprintf("d/e%04d", i), nil, nil)
		}
		m.s3.PutSLO(m.bucket, "d/e0001", m.bucket, "seg/", []byte("12345"), []byte("6789"))
		m.s3.PutObject(m.bucket, "d/e0002", nil, map[string]string{"content-type": "application/directory"})
	}
	ofPages := 4 // of the last object of a page it is asked whether it is a directory's marker
	for _, c := range []struct {
		what  string
		args  []string
		heads int
		lines int
		want  string // in the output
	}{
		{"ls -f", []string{"ls", "-f", "d"}, ofPages, n + 2, "e2999"},
		{"completion", []string{"bash", "-c", "compgen -f d/e000"}, ofPages, 10, "d/e0009"},
		{"a glob", []string{"bash", "-c", "printf '%s\\n' d/e000?"}, ofPages, 10, "d/e0009"},
		{"one file", []string{"stat", "-c", "%s %F", "d/e0001"}, 2, 1, "9 regular file"},
		{"names by Python", []string{"python3", "-c", "import os\nfor e in os.scandir('d'): print(e.name)"}, ofPages, n, "e2999"},
		{"find by name", []string{"find", "d", "-name", "e1*"}, n + ofPages, 1000, "d/e1999"},
		{"find directories", []string{"find", "d", "-mindepth", "1", "-type", "d"}, n + ofPages, 1, "d/e0002"},
		{"ls -l", []string{"ls", "-l", "d"}, n + ofPages, n + 1, " 9 "},
	} {
		t.Run(c.what, func(t *testing.T) {
			if _, err := exec.LookPath(c.args[0]); err != nil {
				t.Skip(err)
			}
			m := newMount(t, func(o *setup) { o.fs.TTL = time.Hour })
			fill(m)
			_, err := os.Stat(m.path("d"))
			ok(t, err)
			for look := range 2 {
				m.s3.ResetCounts()
				cmd := exec.Command(c.args[0], c.args[1:]...)
				cmd.Dir = m.dir
				out := run(t, cmd)
				t.Logf("%v", m.s3.Counts())
				if got := strings.Count(out, "\n"); got != c.lines || !strings.Contains(out, c.want) {
					t.Errorf("%d lines, want %d with %q", got, c.lines, c.want)
				}
				most := c.heads
				if look > 0 {
					most = 0
				}
				if heads := m.s3.Count("HeadObject"); heads > most {
					t.Errorf("look %d: %d HEADs, want at most %d", look, heads, most)
				}
			}
		})
	}
}

// TestRemoveEmptyObjects: rm -r removes what its listing does not tell the kind of.
func TestRemoveEmptyObjects(t *testing.T) {
	m := newMount(t)
	for i := range 20 {
		m.s3.PutObject(m.bucket, fmt.Sprintf("d/e%02d", i), nil, nil)
		m.s3.PutObject(m.bucket, fmt.Sprintf("d/x%02d", i), nil, map[string]string{"content-type": "application/directory"})
	}
	run(t, exec.Command("rm", "-r", m.path("d")))
	ok(t, m.fs.Sync(t.Context()))
	if keys := m.s3.Keys(m.bucket); len(keys) > 0 {
		t.Errorf("left: %q", keys)
	}
}
