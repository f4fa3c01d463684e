package mount

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKernelSettings: the kernel has taken what the package's doc says is set. (What it asks for at once, TestLargeRequests sees.)
func TestKernelSettings(t *testing.T) {
	needRoot(t)
	m := newMount(t)
	control := t.TempDir() // fusectl may be mounted nowhere
	ok(t, unix.Mount("none", control, "fusectl", 0, ""))
	t.Cleanup(func() { ok(t, unix.Unmount(control, 0)) })
	var st unix.Stat_t
	ok(t, unix.Stat(m.dir, &st))
	bdi := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	for _, c := range []struct{ file, want string }{
		{filepath.Join(control, fmt.Sprint(unix.Minor(st.Dev)), "max_background"), "64"},
		{filepath.Join("/sys/class/bdi", bdi, "read_ahead_kb"), "1024"},
	} {
		if got := strings.TrimSpace(string(must[[]byte](t)(os.ReadFile(c.file)))); got != c.want {
			t.Errorf("%s is %s, want %s", c.file, got, c.want)
		}
	}
	for _, option := range []string{"nosuid", "nodev", "default_permissions"} {
		if line := m.mountLine(); !strings.Contains(line, option) {
			t.Errorf("no %s in %q", option, line)
		}
	}
	if st.Blksize != 128<<10 {
		t.Errorf("st_blksize %d of the top, want 128 KiB", st.Blksize)
	}
	m.put("f", "x")
	ok(t, unix.Stat(m.path("f"), &st))
	if st.Blksize != 128<<10 {
		t.Errorf("st_blksize %d of a file, want 128 KiB", st.Blksize)
	}
}

// mountLine is what the kernel tells of the mount.
func (m *mounted) mountLine() string {
	m.t.Helper()
	info := must[[]byte](m.t)(os.ReadFile("/proc/self/mountinfo"))
	for line := range strings.Lines(string(info)) {
		if strings.Contains(line, " "+m.dir+" ") {
			return line
		}
	}
	return ""
}
