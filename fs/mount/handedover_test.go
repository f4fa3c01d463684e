package mount

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHandedOver(t *testing.T) {
	if fd, ok := HandedOver("/dev/fd/7"); !ok || fd != 7 {
		t.Errorf("got %d, %v", fd, ok)
	}
	for _, dir := range []string{"/mnt", "/dev/fd/x", "/dev/fd/0", "dev/fd/7"} {
		if _, ok := HandedOver(dir); ok {
			t.Errorf("%s counts as handed over", dir)
		}
	}
}

// TestHandedOverConnection: somebody else has mounted, as apptainer does, and gives the descriptor.
func TestHandedOverConnection(t *testing.T) {
	needRoot(t)
	m := newMount(t)
	m.put("f", "x")
	dir := t.TempDir()
	p := plan{dir: dir, source: "theirs", data: []string{"max_read=1048576"}}
	fd := must[int](t)(p.mountDirect())
	s := must[*Server](t)(Mount(m.fs, Options{Dir: fmt.Sprintf("/dev/fd/%d", fd)}))
	// Not from this process: who hands a connection over does not say where it is mounted, so nothing was probed there.
	if got := run(t, exec.Command("cat", dir+"/f")); got != "x" {
		t.Errorf("read %q", got)
	}
	run(t, exec.Command("sh", "-c", "test -r $0/f && ! test -x $0/f", dir))
	if got, want := s.HandedOverDev(), deviceOf(t, dir); got != want && got != "" {
		t.Errorf("the mount's device is %q, told as %q", want, got)
	}
	if !strings.Contains(s.Mode(), "another program") {
		t.Errorf("mode %q", s.Mode())
	}
	if err := s.Unmount(false); err == nil {
		t.Error("unmounted what it did not mount")
	}
	ok(t, unmount(dir, false))
	s.Wait()
}

// deviceOf is the device number of what is mounted on dir, as mountinfo writes it. No process of its own may ask: this one serves it.
func deviceOf(t *testing.T, dir string) string {
	t.Helper()
	for _, line := range strings.Split(string(must[[]byte](t)(os.ReadFile("/proc/self/mountinfo"))), "\n") {
		if f := strings.Fields(line); len(f) > 4 && f[4] == dir {
			return f[2]
		}
	}
	t.Fatalf("nothing is mounted on %s", dir)
	return ""
}

// TestHandedOverIsNone: what is no connection is refused before anything is asked of it.
func TestHandedOverIsNone(t *testing.T) {
	null := must[*os.File](t)(os.Open(os.DevNull))
	defer null.Close()
	m := newMount(t)
	for _, fd := range []int{int(null.Fd()), 9999} {
		_, err := Mount(m.fs, Options{Dir: fmt.Sprintf("/dev/fd/%d", fd)})
		if !errors.Is(err, ErrNotFUSE) {
			t.Errorf("descriptor %d: %v", fd, err)
		}
	}
	fuse := must[int](t)(unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0))
	defer unix.Close(fuse)
	ok(t, CheckHandedOver(fuse))
}

func TestConnectionDev(t *testing.T) {
	for info, want := range map[string]string{
		"pos:\t0\nflags:\t0100002\nmnt_id:\t24\nino:\t90\nfuse_connection:\t39\n": "0:39",
		"pos:\t0\nflags:\t0100002\n":   "",
		"fuse_connection:\tx\n":        "",
		"fuse_connection:\t99999999\n": "",
	} {
		if got := connectionDev([]byte(info)); got != want {
			t.Errorf("%q: got %q, want %q", info, got, want)
		}
	}
}
