package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTools runs each script of testdata/tools twice, in a local folder and in a bucket on the mount. Both must print the same and leave
// the same files; a plain client must find the same bytes in the store, and so must a second mount with an empty cache.
//
// A script is told $INPUTS (what to work on) and $SCRATCH (a local folder of its own). Its line "# differs: REGEXP", if it has one, names
// the files whose bytes hold times or paths.
func TestTools(t *testing.T) {
	w := need(t)
	scripts, err := filepath.Glob(filepath.Join(w.tools, "tools", "*.sh"))
	fatal(t, err)
	if len(scripts) == 0 {
		t.Fatal("no scripts")
	}
	m, fresh := w.mount(t), w.mount(t, "--ttl", "0s")
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".sh")
		t.Run(name, func(t *testing.T) {
			bucket := w.bucketName(t, name)
			fatal(t, os.Mkdir(m.path(bucket), 0o755))
			local, remote := w.freshDir(t, "local"), m.path(bucket)
			want, got := w.tool(t, script, local), w.tool(t, script, remote)
			if got != want {
				t.Errorf("on the mount it printed\n%s\n--- locally\n%s", got, want)
			}
			compare(t, script, local, remote)
			m.sync(t)
			same(t, "the store against the mount", w.objects(t, bucket), files(t, remote))
			same(t, "an empty cache against the mount", files(t, fresh.path(bucket)), files(t, remote))
			if left := strings.TrimSpace(w.store(t, "uploads", bucket)); left != "" {
				t.Errorf("multipart uploads that nobody ended: %q", left)
			}
		})
	}
}

// tool runs a script in dir and gives what it printed.
func (w *world) tool(t *testing.T, script, dir string) string {
	t.Helper()
	r := w.try(dir, []string{"SCRATCH=" + w.freshDir(t, "scratch")}, "bash", script)
	if r.fail != nil {
		t.Fatalf("%s in %s: %v", filepath.Base(script), dir, r)
	}
	return r.out
}

// compare holds what a script left on the mount against what it left locally.
func compare(t *testing.T, script, local, remote string) {
	t.Helper()
	differs := regexp.MustCompile(`^\b$`) // nothing
	for _, line := range strings.Split(read(script), "\n") {
		if expr, ok := strings.CutPrefix(line, "# differs: "); ok {
			differs = regexp.MustCompile(expr)
		}
	}
	want, got := files(t, local), files(t, remote)
	same(t, "the mount against a local folder", got.without(differs.MatchString), want.without(differs.MatchString))
	if n, x := len(want), len(want.without(differs.MatchString)); n == 0 || x*2 < n {
		t.Errorf("only %d of %d files are compared", x, n)
	}
	if g, x := dirs(t, remote), dirs(t, local); !slices.Equal(g, x) {
		t.Errorf("directories on the mount %q, locally %q", g, x)
	}
}

// dirs lists the directories below dir, sorted.
func dirs(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	fatal(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			list = append(list, strings.TrimPrefix(path, dir))
		}
		return err
	}))
	return list
}
