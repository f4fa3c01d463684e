package mount

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/s3/s3test"
)

// calls are system calls below a directory that holds d/f, d/g and d/empty/. Each makes a file of its own where it needs one.
func calls() map[string]func(dir string) error {
	return map[string]func(dir string) error{
		"stat":     func(dir string) error { return unix.Stat(dir+"/d/f", &unix.Stat_t{}) },
		"absent":   func(dir string) error { return unix.Stat(dir+"/d/absent", &unix.Stat_t{}) },
		"readdir":  func(dir string) error { _, err := os.ReadDir(dir + "/d"); return err },
		"read":     func(dir string) error { return readOnce(dir+"/d/f", 0) },
		"map":      func(dir string) error { return helperMapped(dir + "/d/f") },
		"fsync":    func(dir string) error { return writeOnce(dir + "/d/new-fsync") },
		"close":    func(dir string) error { return closeOnce(dir+"/d/new-close", unix.O_CREAT) },
		"rewrite":  func(dir string) error { return closeOnce(dir+"/d/f", 0) },
		"truncate": func(dir string) error { return unix.Truncate(dir+"/d/f", 3) },
		"rename":   func(dir string) error { return unix.Rename(dir+"/d/f", dir+"/d/renamed") },
		"movedir":  func(dir string) error { return unix.Rename(dir+"/d", dir+"/moved") },
		"unlink":   func(dir string) error { return unix.Unlink(dir + "/d/f") },
		"rmdir":    func(dir string) error { return unix.Rmdir(dir + "/d/empty") },
		"mkdir":    func(dir string) error { return unix.Mkdir(dir+"/d/made", 0o755) },
		"symlink":  func(dir string) error { return unix.Symlink("f", dir+"/d/linked") },
		"chmod":    func(dir string) error { return unix.Chmod(dir+"/d/f", 0o600) },
		"getxattr": func(dir string) error { _, err := unix.Getxattr(dir+"/d/f", "user.a", make([]byte, 10)); return err },
		"setxattr": func(dir string) error { return unix.Setxattr(dir+"/d/f", "user.a", []byte("x"), 0) },
		"copy":     func(dir string) error { return copyOnce(dir+"/d/f", dir+"/d/copied") },
	}
}

// waiting are those of calls that wait for the store; lookups only for what is not known.
func waiting() []string {
	return []string{"read", "map", "fsync", "close", "rewrite", "truncate", "rename", "movedir", "unlink", "rmdir", "symlink", "getxattr", "setxattr", "copy", "stat", "absent", "readdir"}
}

func lookups() []string { return []string{"stat", "absent", "readdir"} }

// closeOnce writes to a file and closes it.
func closeOnce(path string, flags int) error {
	fd, err := unix.Open(path, unix.O_WRONLY|flags, 0o644)
	if err != nil {
		return err
	}
	if _, err := unix.Pwrite(fd, []byte("changed"), 5); err != nil {
		return err
	}
	return unix.Close(fd)
}

// copyOnce copies by copy_file_range(2).
func copyOnce(from, to string) error {
	in, err := unix.Open(from, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	out, err := unix.Open(to, unix.O_WRONLY|unix.O_CREAT, 0o644)
	if err != nil {
		return err
	}
	if _, err := unix.CopyFileRange(in, nil, out, nil, 1<<20, 0); err != nil {
		return err
	}
	return unix.Close(out)
}

// helperMapped reads a byte by a mapping.
func helperMapped(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	p, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	if p[0] == 0 && p[1] == 0 && p[2] == 0 {
		return errors.New("three zeros where random bytes are")
	}
	return nil
}

// helperCall makes one of [calls]: call NAME DIR. It says when it begins, and when the call is back.
func helperCall(args []string) error {
	fmt.Println("begin")
	err := calls()[args[0]](args[1])
	fmt.Println("back:", err)
	return err
}

// held is a mount whose store answers nothing until release is called.
type held struct {
	*mounted
	asked   chan string // operations that wait
	release func()
}

// newHeld returns one that knows its names already, or nothing yet.
func newHeld(t *testing.T, known bool) *held {
	t.Helper()
	patient := func(o *setup) { o.stall, o.retry = 2*time.Minute, 2*time.Minute } // nothing ends by itself
	h := &held{mounted: newMount(t, patient), asked: make(chan string, 1000)}
	h.put("d/f", string(randomBytes(1<<20)))
	h.put("d/g", "g")
	h.put("d/empty/", "")
	if known { // names and attributes, so that it is not the lookup that waits
		for _, name := range append(h.names("d"), ".") {
			must[os.FileInfo](t)(os.Stat(h.path("d", name)))
		}
	}
	hold := make(chan struct{})
	h.s3.Fault(func(r s3test.Request) *s3test.Fault {
		h.asked <- r.Op
		<-hold
		return nil
	})
	h.release = func() {
		h.s3.Fault(nil)
		close(hold)
	}
	return h
}

// call starts a process in a call, which waits for the store when this is back: it, or one that came before.
func (h *held) call(name string, first bool) *called {
	h.t.Helper()
	c := &called{name: name, waits: first, cmd: helper("call", name, h.dir), said: make(chan string, 1)}
	out := begin(h.t.(*testing.T), c.cmd)
	go func() {
		rest, _ := io.ReadAll(out) // what there is
		c.said <- string(rest)
	}()
	if first {
		select {
		case <-h.asked:
		case rest := <-c.said:
			h.t.Fatalf("%s did not ask the store: %q", name, rest)
		}
	}
	time.Sleep(20 * time.Millisecond) // the call may have to be made yet; that makes the test easier, not wrong
	return c
}

// called is a process in a call.
type called struct {
	name  string
	waits bool // the call has asked the store
	cmd   *exec.Cmd
	said  chan string // what came after the beginning
}

// killAll sends SIGKILL to the processes, and fails the test unless each is gone soon, and before its call is back.
func killAll(t *testing.T, all ...*called) {
	t.Helper()
	for _, c := range all {
		ok(t, c.cmd.Process.Kill())
	}
	late := time.After(5 * time.Second)
	for _, c := range all {
		ended := make(chan error, 1)
		go func() { ended <- c.cmd.Wait() }()
		select {
		case <-ended:
		case <-late:
			t.Fatalf("a process in %s is still there 5 s after SIGKILL", c.name)
		}
		if rest := <-c.said; c.waits && strings.Contains(rest, "back") {
			t.Errorf("%s did not wait for the store: %q", c.name, rest)
		}
	}
}

// TestKillInAnyCall: a process that waits for a store that does not answer can be killed, whatever it waits in.
func TestKillInAnyCall(t *testing.T) {
	for _, name := range waiting() {
		t.Run(name, func(t *testing.T) {
			h := newHeld(t, !slices.Contains(lookups(), name))
			defer h.release()
			killAll(t, h.call(name, true))
		})
	}
}

// TestKillBehindAnother: so can those that wait because another process' call in the same directory does, together with it. Alone they cannot always: the
// kernel holds the directory's lock for that call, and who waits for a lock cannot be killed, nor with writes that the kernel collects who closes the file
// that the other one closes (see the package's doc).
func TestKillBehindAnother(t *testing.T) {
	for _, first := range waiting() {
		t.Run(first, func(t *testing.T) {
			h := newHeld(t, !slices.Contains(lookups(), first))
			defer h.release()
			one := h.call(first, true)
			var others []*called
			for _, name := range []string{"stat", "absent", "readdir", "read", "close", "rename", "movedir", "unlink", "mkdir", "chmod"} {
				if first == "close" && name == first && os.Getenv(kernelWritesEnv) != "" {
					continue
				}
				others = append(others, h.call(name, false))
			}
			killAll(t, append(others, one)...)
		})
	}
}
