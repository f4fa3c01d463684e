package mount

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanwen/go-fuse/v2/posixtest"
)

// posixSkips are the tests of go-fuse's posixtest that fail here or skip themselves, and why they have to. Each of them is run all the same, and must
// not pass: one that passes has to leave the table.
func posixSkips() map[string]string {
	return map[string]string{
		"Link":                "an object has one key: link(2) is EPERM",
		"LinkUnlinkRename":    "begins with link(2)",
		"Tmpfile":             "a file without a name is for linkat(2): O_TMPFILE is EOPNOTSUPP, at which tmpfile(3) uses a name",
		"FcntlFlockLocksFile": "wants locks of one process to exclude each other, which POSIX locks do nowhere (nor on ext4); see TestLocks",
		"XAttrLarge":          "all metadata of an object may have 2 KiB",
	}
}

const posixCase = "ALLASFS_POSIX_CASE"

func TestPosix(t *testing.T) {
	skips := posixSkips()
	for _, name := range slices.Sorted(maps.Keys(posixtest.All)) {
		t.Run(name, func(t *testing.T) {
			if why, skipped := skips[name]; skipped {
				failsByItself(t, name, why)
				return
			}
			t.Cleanup(func() {
				if t.Skipped() {
					t.Error("skips itself: it belongs in the table, with the reason")
				}
			})
			posixtest.All[name](t, newMount(t).dir)
		})
	}
	for name := range skips {
		if posixtest.All[name] == nil {
			t.Errorf("%s is not a test of posixtest", name)
		}
	}
}

// failsByItself runs a test in a process of its own, where it may fail.
func failsByItself(t *testing.T, name, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, must[string](t)(os.Executable()), "-test.v", "-test.run=^TestPosixCase$")
	cmd.Env = append(os.Environ(), posixCase+"="+name)
	out, err := cmd.CombinedOutput()
	if err == nil && !bytes.Contains(out, []byte("--- SKIP")) {
		t.Errorf("passes: take it out of the table of those that cannot (%s)\n%s", why, out)
	}
	if bytes.Contains(out, []byte("panic")) {
		t.Errorf("%s", out)
	}
}

// TestPosixCase runs the test that TestPosix expects to fail, in a process of its own.
func TestPosixCase(t *testing.T) {
	if name := os.Getenv(posixCase); name != "" {
		posixtest.All[name](t, newMount(t).dir)
	}
}

// TestLocks: flock(2) and fcntl(2) locks hold between processes.
func TestLocks(t *testing.T) {
	m := newMount(t)
	m.write("lock", "x")
	f := must[*os.File](t)(os.OpenFile(m.path("lock"), os.O_RDWR, 0))
	defer f.Close()
	ok(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	if out, err := m.sh("flock -n lock true"); err == nil {
		t.Errorf("another process got the lock %s", out)
	}
	ok(t, unix.Flock(int(f.Fd()), unix.LOCK_UN))
	if out, err := m.sh("flock -n lock true"); err != nil {
		t.Errorf("the lock is not free: %s", out)
	}
	ok(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	run(t, helper("locked", m.path("lock")))
}

// helperLocked fails unless another process holds a lock of the whole file.
func helperLocked(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}); err != unix.EAGAIN && err != unix.EACCES {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}
