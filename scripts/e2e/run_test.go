package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// How long commands may take: a hanging mount fails its test and no other.
const (
	patience    = 5 * time.Minute
	endPatience = time.Minute      // allasfs umount, when nothing is left to be sent
	slow        = 20 * time.Second // told on standard error, as a trace of what hangs now and then
)

// env is the environment of every command: Debian's tools, a home of our own, one language and one time zone.
func (w *world) env(extra ...string) []string {
	env := []string{
		"PATH=" + toolPath, "HOME=" + w.home, "TMPDIR=" + w.dir, "LANG=C.UTF-8", "TZ=UTC", "PYTHONDONTWRITEBYTECODE=1",
		"XDG_RUNTIME_DIR=" + filepath.Join(w.dir, "run"), "XDG_CACHE_HOME=" + filepath.Join(w.home, ".cache"),
		"XDG_STATE_HOME=" + filepath.Join(w.home, ".state"),
		"ST_AUTH=" + w.gw.swiftAuth, "ST_USER=" + w.gw.swiftUser, "ST_KEY=" + w.gw.swiftKey,
		"AWS_EC2_METADATA_DISABLED=true", "GIT_CONFIG_NOSYSTEM=1",
		"ENDPOINT=" + w.gw.url, "INPUTS=" + w.inputs, "TOOLS=" + w.tools,
	}
	if run := os.Getenv("ALLASFS_TEST_RUN"); run != "" {
		env = append(env, "ALLASFS_TEST_RUN="+run)
	}
	return append(env, extra...)
}

// result is how a command ended.
type result struct {
	out, err string
	fail     error // nil = exit status 0
}

func (r result) String() string {
	return fmt.Sprintf("%v\n--- out\n%s--- err\n%s", r.fail, tail(r.out), tail(r.err))
}

// tail keeps a failure readable.
func tail(s string) string {
	const most = 4000
	if len(s) > most {
		s = "…" + s[len(s)-most:]
	}
	return s
}

// try runs a command in dir and tells how it ended.
func (w *world) try(dir string, env []string, name string, args ...string) result {
	return w.tryFor(patience, dir, env, name, args...)
}

// tryFor is try with a limit of its own.
func (w *world) tryFor(limit time.Duration, dir string, env []string, name string, args ...string) result {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if path, err := lookPath(name); err == nil {
		name = path
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, w.env(env...)
	cmd.WaitDelay = 5 * time.Second // a daemon that inherited the pipes must not hold the test
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	begin := time.Now()
	err := cmd.Run()
	if took := time.Since(begin); took > slow {
		fmt.Fprintf(os.Stderr, "e2e: %v for %s %s\n", took.Round(time.Second), name, strings.Join(args, " "))
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("no end after %v: %w", limit, err)
	}
	return result{out.String(), errs.String(), err}
}

// run is try for a command that must succeed; it gives what the command printed.
func (w *world) run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	r := w.try(dir, nil, name, args...)
	if r.fail != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), r)
	}
	return r.out
}

// lookPath finds a program among Debian's, whatever the test's own PATH says.
func lookPath(name string) (string, error) {
	if strings.ContainsRune(name, '/') {
		return name, nil
	}
	for _, dir := range strings.Split(toolPath, ":") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// freshDir makes a folder of its own below the world's, with a short name.
func (w *world) freshDir(t *testing.T, kind string) string {
	t.Helper()
	dir, err := os.MkdirTemp(w.dir, kind)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// fatal ends the test if err is not nil.
func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
