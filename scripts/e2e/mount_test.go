package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mounted is a running allasfs on a directory of its own.
type mounted struct {
	w     *world
	dir   string
	cache string
	log   string
	front *exec.Cmd // the daemon, where it stays in front; else nil
	gone  bool      // unmounted already
}

// mount mounts the project in the background, as a user does, and unmounts it when the test ends.
func (w *world) mount(t *testing.T, flags ...string) *mounted {
	t.Helper()
	m := w.newMount(t)
	cmd := m.command(flags...)
	out := m.output(t, cmd)
	if err := cmd.Run(); err != nil {
		t.Fatalf("allasfs mount: %v\n%s", err, read(out))
	}
	m.mustAnswer(t)
	return m
}

// mountFront mounts the project with a daemon that stays our child, so that its end can be brought about and seen.
func (w *world) mountFront(t *testing.T, cache string, flags ...string) *mounted {
	t.Helper()
	m := w.newMount(t)
	if cache != "" {
		m.cache = cache
	}
	m.front = m.command(append(flags, "--foreground")...)
	out := m.output(t, m.front)
	fatal(t, m.front.Start())
	for range 200 {
		if isMounted(m.dir) {
			m.mustAnswer(t)
			return m
		}
		if dead(m.front.Process.Pid) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("allasfs mount --foreground does not mount:\n%s", read(out))
	return nil
}

func (w *world) newMount(t *testing.T) *mounted {
	t.Helper()
	m := &mounted{w: w, dir: w.freshDir(t, "m"), cache: w.freshDir(t, "c")}
	m.log = m.cache + ".log"
	t.Cleanup(func() { m.end(t) })
	return m
}

func (m *mounted) command(flags ...string) *exec.Cmd {
	args := append([]string{"mount", "--endpoint", m.w.gw.url, "--cache-dir", m.cache, "--cache-size", "2G", "--log-file", m.log}, flags...)
	cmd := exec.Command(m.w.binary, append(args, m.dir)...)
	cmd.Dir = m.w.dir
	cmd.Env = m.w.env("AWS_ACCESS_KEY_ID="+m.w.gw.access, "AWS_SECRET_ACCESS_KEY="+m.w.gw.secret)
	return cmd
}

// output sends what cmd prints to a file: a pipe would be held open by the daemon.
func (m *mounted) output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	path := m.cache + ".out"
	f, err := os.Create(path)
	fatal(t, err)
	cmd.Stdout, cmd.Stderr = f, f
	t.Cleanup(func() { f.Close() })
	return path
}

// mustAnswer fails the test unless the mount is there and lists.
func (m *mounted) mustAnswer(t *testing.T) {
	t.Helper()
	if !isMounted(m.dir) {
		t.Fatalf("allasfs mount returned, but %s is no mount", m.dir)
	}
	if _, err := os.ReadDir(m.dir); err != nil {
		t.Fatal(err)
	}
}

// sync returns when nothing is on its way to the store any more, the markers of directories that were filled included.
func (m *mounted) sync(t *testing.T) {
	t.Helper()
	m.w.run(t, m.w.dir, m.w.binary, "sync", m.dir)
}

// unmount ends the mount as a user does; uploads are in the store when it returns.
func (m *mounted) unmount(t *testing.T) {
	t.Helper()
	m.gone = true
	m.w.run(t, m.w.dir, m.w.binary, "umount", m.dir)
	if isMounted(m.dir) {
		t.Fatal("allasfs umount returned, but the mount is there")
	}
	if m.front != nil {
		fatal(t, m.front.Wait())
	}
}

// kill ends the daemon without a warning, as a crash does.
func (m *mounted) kill(t *testing.T) {
	t.Helper()
	m.gone = true
	fatal(t, m.front.Process.Kill())
	if err := m.front.Wait(); err == nil {
		t.Fatal("the killed daemon ended well")
	}
}

// end unmounts what the test left mounted, whatever state it is in, and shows the daemon's log of a failed test.
func (m *mounted) end(t *testing.T) {
	if !m.gone {
		if r := m.w.tryFor(endPatience, m.w.dir, nil, m.w.binary, "umount", m.dir); r.fail != nil {
			t.Errorf("allasfs umount: %v\nwhat the daemon is doing:\n%s", r, m.stacks())
		}
	}
	if t.Failed() {
		t.Logf("the daemon's log:\n%s", tail(read(m.log)))
	}
	m.force(t)
}

// stacks ends a daemon that hangs by SIGQUIT, upon which Go prints where it was.
func (m *mounted) stacks() string {
	pids, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err.Error()
	}
	for _, dir := range pids {
		args := strings.Split(read(filepath.Join(dir, "cmdline")), "\x00")
		if len(args) < 3 || args[1] != "mount" || !slices.Contains(args, m.dir) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && syscall.Kill(pid, syscall.SIGQUIT) == nil {
			time.Sleep(time.Second)
			return read(m.cache + ".out")
		}
	}
	return "no daemon"
}

// force is for a mount or a daemon that did not end by itself.
func (m *mounted) force(t *testing.T) {
	if isMounted(m.dir) {
		t.Errorf("%s was still mounted", m.dir)
		m.w.try(m.w.dir, nil, "fusermount3", "-u", "-z", m.dir)
	}
	if m.front != nil && m.front.ProcessState == nil {
		_ = m.front.Process.Kill() // it may have ended just now
		_ = m.front.Wait()
	}
}

// path is a path below the mountpoint.
func (m *mounted) path(elem ...string) string {
	return filepath.Join(append([]string{m.dir}, elem...)...)
}

// isMounted reads the kernel's table: asking the directory itself could hang.
func isMounted(dir string) bool {
	for _, line := range strings.Split(read("/proc/self/mounts"), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[1] == dir {
			return true
		}
	}
	return false
}

// dead tells whether a child has ended.
func dead(pid int) bool {
	state := read(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(state, ") ")
	return rest == "" || rest[0] == 'Z'
}

// read is a file's text, or why there is none.
func read(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(data)
}
