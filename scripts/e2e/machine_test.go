package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// machine is a systemd that runs as process 1 of namespaces of its own, over a copy of this machine's root directory that is thrown away, with allasfs
// and its units installed where a package puts them. Users, units and mounts that are made there are nobody else's; the network is shared.
type machine struct {
	w     *world
	front *exec.Cmd     // unshare(1); its one child is systemd
	pid   int           // of systemd, as seen from outside
	out   string        // file with what booting printed
	group string        // folder of its control group
	ended chan struct{} // closed when it has ended
}

// notHere is the exit status of bootsystemd.sh where the kernel or a container does not let it.
const notHere = 77

// bootSystemd skips the test where systemd is not installed, or cannot be booted.
func bootSystemd(t *testing.T) *machine {
	t.Helper()
	w := need(t)
	if os.Getuid() != 0 {
		t.Skip("booting systemd needs root")
	}
	for _, bin := range []string{"/lib/systemd/systemd", "/usr/bin/dbus-daemon"} {
		if _, err := os.Stat(bin); err != nil {
			t.Skipf("%v (scripts/setup systemd installs it)", err)
		}
	}
	m := &machine{w: w, out: filepath.Join(w.freshDir(t, "boot"), "out"), group: newGroup(t), ended: make(chan struct{})}
	units := filepath.Join(w.tools, "..", "..", "systemd")
	args := []string{
		"--pid", "--fork", "--kill-child=KILL", "--mount", "--uts", "--ipc", "--cgroup", filepath.Join(w.tools, "bootsystemd.sh"), w.home,
		w.binary, "usr/bin/allasfs",
		w.binary, "sbin/mount.fuse.allasfs", // as by a package's link
		w.binary, "sbin/umount.fuse.allasfs",
		filepath.Join(units, "system", "allasfs@.service"), "lib/systemd/system/allasfs@.service",
		filepath.Join(units, "user", "allasfs@.service"), "usr/lib/systemd/user/allasfs@.service",
	}
	m.front = exec.Command("/usr/bin/unshare", args...)
	m.front.Dir, m.front.Env = w.dir, w.env()
	out, err := os.Create(m.out)
	fatal(t, err)
	defer out.Close()
	m.front.Stdout, m.front.Stderr = out, out
	group, err := os.Open(m.group)
	fatal(t, err)
	defer group.Close()
	m.front.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	fatal(t, m.front.Start())
	go func() {
		_ = m.front.Wait() // its ProcessState tells
		close(m.ended)
	}()
	t.Cleanup(func() { m.kill(t) })
	m.awaitBoot(t)
	return m
}

// newGroup makes a control group below the one that the tests are in, and removes it, with what was made in it, when the test ends.
func newGroup(t *testing.T) string {
	t.Helper()
	root := ""
	for _, line := range strings.Split(read("/proc/self/mounts"), "\n") {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			root = f[1]
		}
	}
	own := ""
	for _, line := range strings.Split(read("/proc/self/cgroup"), "\n") {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			own = path
		}
	}
	if root == "" {
		t.Skip("no control groups, version 2")
	}
	group, err := os.MkdirTemp(filepath.Join(root, own), "allasfs-test-")
	if err != nil {
		t.Skipf("no control group of our own: %v", err)
	}
	t.Cleanup(func() { removeGroup(t, group) })
	fatal(t, os.Chmod(group, 0o755)) // a user's manager looks below it
	return group
}

// removeGroup removes a control group without processes, and those in it.
func removeGroup(t *testing.T, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			removeGroup(t, filepath.Join(dir, e.Name()))
		}
	}
	for range 100 { // the last process may still be on its way out
		if err = unix.Rmdir(dir); !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		t.Error(err)
	}
}

// awaitBoot returns when every unit that belongs to the start has started or failed.
func (m *machine) awaitBoot(t *testing.T) {
	t.Helper()
	for range 1200 {
		select {
		case <-m.ended:
			if m.front.ProcessState.ExitCode() == notHere {
				t.Skipf("systemd cannot be booted here:\n%s", read(m.out))
			}
			t.Fatalf("systemd does not boot: %v\n%s", m.front.ProcessState, read(m.out))
		case <-time.After(100 * time.Millisecond):
		}
		if m.pid = m.systemd(); m.pid == 0 {
			continue
		}
		switch state := strings.TrimSpace(m.try("systemctl", "is-system-running").out); state {
		case "running", "degraded":
			return
		}
	}
	t.Fatalf("systemd does not get ready:\n%s", read(m.out))
}

// systemd is the process ID of unshare's child once it has become systemd; 0 before.
func (m *machine) systemd() int {
	front := m.front.Process.Pid
	var pid int
	if _, err := fmt.Sscan(read(fmt.Sprintf("/proc/%d/task/%d/children", front, front)), &pid); err != nil {
		return 0
	}
	if strings.TrimSpace(read(fmt.Sprintf("/proc/%d/comm", pid))) != "systemd" {
		return 0
	}
	return pid
}

// kill ends all of the machine at once: without its process 1 the kernel ends every other one of the namespace.
func (m *machine) kill(t *testing.T) {
	_ = m.front.Process.Kill() // --kill-child takes systemd along; it may have ended by itself
	for range 200 {
		if strings.TrimSpace(read(filepath.Join(m.group, "cgroup.procs"))) == "" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the machine does not end")
}

// explain shows the journal's end of a test that failed.
func (m *machine) explain(t *testing.T) {
	if t.Failed() && !m.hasEnded() {
		t.Logf("the journal:\n%s", m.try("journalctl", "--no-pager", "--lines", "60").out)
	}
}

func (m *machine) hasEnded() bool {
	select {
	case <-m.ended:
		return true
	default:
		return false
	}
}

// try runs a command of root's in the machine.
func (m *machine) try(words ...string) result {
	in := []string{"--target", fmt.Sprint(m.pid), "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--", "/usr/bin/env", "-i", "HOME=/root", "PATH=" + toolPath, "LANG=C.UTF-8"}
	return m.w.tryFor(2*time.Minute, "/", nil, "nsenter", append(in, words...)...)
}

// run is try for a command that must succeed; it gives what the command printed.
func (m *machine) run(t *testing.T, words ...string) string {
	t.Helper()
	r := m.try(words...)
	if r.fail != nil {
		t.Fatalf("%s: %v", strings.Join(words, " "), r)
	}
	return r.out
}

// write makes a file of root's in the machine, and the folders above it.
func (m *machine) write(t *testing.T, path, text string) {
	t.Helper()
	m.run(t, "sh", "-c", `mkdir -p "$(dirname "$1")" && printf %s "$2" >"$1"`, "sh", path, text)
}

// property is what `systemctl show` tells of a unit.
func (m *machine) property(t *testing.T, unit, name string, flags ...string) string {
	t.Helper()
	words := slices.Concat([]string{"systemctl"}, flags, []string{"show", "--value", "--property", name, unit})
	return strings.TrimSpace(m.run(t, words...))
}

// await waits until a property of a unit has a value.
func (m *machine) await(t *testing.T, unit, name, want string) {
	t.Helper()
	got := ""
	for range 600 {
		if got = m.property(t, unit, name); got == want {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s of %s is %q, not %q", name, unit, got, want)
}
