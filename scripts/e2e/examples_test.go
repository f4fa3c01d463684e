package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	exampleBucket = "my-bucket" // as the page calls it
	exampleMount  = "allasfs run --source " + exampleBucket + " --at ~/data -- "
)

// TestExamples runs each line of docs/examples/README.md as it stands there, on a bucket, and once more on a local directory without what stands before the "--". Both
// must leave the same files. A second run of the workflow must do nothing.
func TestExamples(t *testing.T) {
	w := need(t)
	page := filepath.Join(w.tools, "..", "..", "..", "docs", "examples")
	for _, line := range exampleLines(t, filepath.Join(page, "README.md")) {
		command, ok := strings.CutPrefix(line, exampleMount)
		if !ok {
			t.Errorf("a line that does not begin with %q: %s", exampleMount, line)
			continue
		}
		program, _, _ := strings.Cut(command, " ")
		name := program
		if fields := strings.Fields(command); program == "bash" {
			name = strings.TrimSuffix(fields[1], ".sh")
		}
		t.Run(name, func(t *testing.T) {
			if _, err := lookPath(program); err != nil {
				t.Skipf("%s is not installed", program)
			}
			e := newExample(t, w, page)
			e.run(t, e.local, command)
			e.run(t, e.home, strings.Replace(line, exampleBucket, e.bucket, 1))
			want := files(t, filepath.Join(e.local, "data"))
			if len(want) == len(exampleInputs) {
				t.Error("it leaves nothing")
			}
			same(t, "the store against a local run", w.objects(t, e.bucket), want)
			if strings.HasPrefix(program, "snakemake") {
				if out := e.run(t, e.home, strings.Replace(line, exampleBucket, e.bucket, 1)); !strings.Contains(out, "Nothing to be done") {
					t.Errorf("a second run does something:\n%s", out)
				}
			}
		})
	}
}

// exampleLines are the commands of a page.
func exampleLines(t *testing.T, path string) []string {
	t.Helper()
	var lines []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(read(path), -1) {
		lines = append(lines, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	if len(lines) < 8 {
		t.Fatalf("only %d commands in %s", len(lines), path)
	}
	return lines
}

var exampleInputs = []string{"table.csv", "dem1.asc", "dem2.asc", "reads.sam"}

// example is one run of one line: two homes, in one of which data is a directory with the inputs, and a bucket that holds the same.
type example struct {
	w           *world
	page        string // folder of the programs
	bucket      string
	home, local string
}

func newExample(t *testing.T, w *world, page string) *example {
	t.Helper()
	e := &example{w: w, page: page, bucket: w.bucketName(t, "example"), home: w.freshDir(t, "home"), local: w.freshDir(t, "home")}
	w.store(t, "make", e.bucket, "private")
	fatal(t, os.Mkdir(filepath.Join(e.local, "data"), 0o755))
	w.run(t, w.dir, "cp", "-a", w.home+"/.", e.home)
	for _, home := range []string{e.home, e.local} {
		w.run(t, w.dir, "cp", "-a", filepath.Join(w.inputs, "tree", "docs"), filepath.Join(home, "project"))
		w.run(t, w.dir, "cp", "-r", page, filepath.Join(home, "examples"))
	}
	upload := w.mount(t)
	for _, name := range exampleInputs {
		w.run(t, w.inputs, "cp", "-p", name, upload.path(e.bucket))
		w.run(t, w.inputs, "cp", "-p", name, filepath.Join(e.local, "data"))
	}
	upload.unmount(t)
	return e
}

// run is a shell's, in a copy of the folder of the programs, in one of the homes; it gives all that was printed.
func (e *example) run(t *testing.T, home, line string) string {
	t.Helper()
	env := []string{
		"HOME=" + home, "PATH=" + filepath.Dir(e.w.binary) + ":" + toolPath, "ALLASFS_ENDPOINT=" + e.w.gw.url,
		"XDG_CACHE_HOME=" + home + "/.cache", "XDG_STATE_HOME=" + home + "/.state",
	}
	r := e.w.try(filepath.Join(home, "examples"), env, "bash", "-c", line)
	if r.fail != nil {
		t.Fatalf("%s: %v", line, r)
	}
	return r.out + r.err
}
