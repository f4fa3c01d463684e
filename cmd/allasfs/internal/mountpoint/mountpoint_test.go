package mountpoint

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
)

const mountinfo = `22 28 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw
90 28 0:50 / /home/u/my\040allas rw,nosuid,nodev,relatime shared:1 master:2 - fuse.allasfs project_1:b/a\040b rw,user_id=0
91 28 0:51 / /m rw - fuse.allasfs p: rw
92 90 0:52 / /home/u/my\040allas/in rw - tmpfs tmpfs rw
broken line
`

func TestParse(t *testing.T) {
	got, err := parse(strings.NewReader(mountinfo))
	if err != nil || len(got) != 4 {
		t.Fatalf("got %v, %v", got, err)
	}
	want := Mount{Dir: "/home/u/my allas", Type: Type, Source: "project_1:b/a b", Dev: "0:50", Owner: 0}
	if got[1] != want || !got[1].Ours() || got[0].Ours() || got[2].Owner != -1 {
		t.Errorf("got %+v, want %+v", got[1], want)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{`/a`: "/a", `/a\040b`: "/a b", `\134040`: `\040`, `/a\04`: `/a\04`, `\012`: "\n"} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestBelow(t *testing.T) {
	mounts := []Mount{{Dir: "/m"}, {Dir: "/m/in"}, {Dir: "/mm"}}
	for path, want := range map[string]string{"/m": "/m", "/m/x": "/m", "/m/in": "/m/in", "/m/in/y": "/m/in", "/m/inner": "/m", "/mm/x": "/mm"} {
		if got, ok := Below(path, mounts); !ok || got.Dir != want {
			t.Errorf("Below(%q) = %q, %t; want %q", path, got.Dir, ok, want)
		}
	}
	if _, ok := Below("/n", mounts); ok {
		t.Error("/n is below a mount")
	}
}

func TestResolve(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	fatal(t, err)
	fatal(t, os.MkdirAll(filepath.Join(dir, "real", "m"), 0o755))
	fatal(t, os.Symlink("real", filepath.Join(dir, "link")))
	fatal(t, os.Symlink(filepath.Join(dir, "real", "m", "gone"), filepath.Join(dir, "deep")))
	fatal(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	at := func(p string) string { return filepath.Join(dir, p) }
	mounts := []Mount{{Dir: at("real/m")}}
	for in, want := range map[string]string{
		"real":         "real",
		"link/m":       "real/m",
		"link/m/x":     "real/m/x", // what is below a mountpoint is not looked at
		"link/missing": "real/missing",
		"deep":         "real/m/gone",
		"loop":         "loop",
	} {
		if got := resolve(at(in), mounts); got != at(want) {
			t.Errorf("resolve(%q) = %q, want %q", in, got, at(want))
		}
	}
}

func TestCheck(t *testing.T) {
	none := func(Mount) bool { return false }
	dir := t.TempDir()
	at := func(p string) string { return filepath.Join(dir, p) }
	fatal(t, os.Mkdir(at("empty"), 0o755))
	fatal(t, os.Mkdir(at("full"), 0o755))
	fatal(t, os.WriteFile(at("full/x"), nil, 0o644))
	fatal(t, Check(at("empty"), false, none))
	fatal(t, Check(at("full"), true, none))
	for name, text := range map[string]string{"missing": "does not exist", "full": "not empty", "full/x": "not a directory"} {
		e := exit.Of(Check(at(name), false, none))
		if e == nil || e.Code != exit.Mountpoint || e.Hint == "" || !strings.Contains(e.Text, text) {
			t.Errorf("%s: got %v, want %q with a hint", name, e, text)
		}
	}
}

func TestCheckAllowOther(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "fuse.conf")
	fatal(t, os.WriteFile(conf, []byte("# user_allow_other\nmount_max = 7\n"), 0o644))
	err := CheckAllowOther(conf)
	if MayMount() != (err == nil) {
		t.Errorf("may mount: %t, got %v", MayMount(), err)
	}
	fatal(t, os.WriteFile(conf, []byte("mount_max = 7\n  user_allow_other\n"), 0o644))
	fatal(t, CheckAllowOther(conf))
}

func TestHolders(t *testing.T) {
	dir := t.TempDir()
	fatal(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	if h := Holders(dir); len(h) != 0 {
		t.Fatalf("nobody uses it, got %v", h)
	}
	for how, start := range map[string]func(*exec.Cmd){
		"works in": func(c *exec.Cmd) { c.Dir = dir },
		"has " + dir: func(c *exec.Cmd) {
			f, err := os.Open(filepath.Join(dir, "file"))
			fatal(t, err)
			t.Cleanup(func() { f.Close() })
			c.ExtraFiles = []*os.File{f}
		},
	} {
		cmd := exec.Command("sleep", "60")
		start(cmd)
		fatal(t, cmd.Start())
		h := Holders(dir)
		fatal(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
		if len(h) != 1 || h[0].PID != cmd.Process.Pid || h[0].Name != "sleep" || !strings.Contains(h[0].How, how) {
			t.Errorf("%s: got %v", how, h)
		}
	}
}

// TestHoldersThatHang: processes whose mappings the kernel does not tell, here files that nobody writes, hold up nobody, and hide no other.
func TestHoldersThatHang(t *testing.T) {
	proc, dir := t.TempDir(), t.TempDir()
	process := func(pid, maps string) {
		of := filepath.Join(proc, pid)
		fatal(t, os.Mkdir(of, 0o700))
		fatal(t, os.WriteFile(filepath.Join(of, "comm"), []byte("sleep\n"), 0o600))
		if maps != "" {
			fatal(t, os.WriteFile(filepath.Join(of, "maps"), []byte(maps), 0o600))
			return
		}
		fatal(t, unix.Mkfifo(filepath.Join(of, "maps"), 0o600))
		t.Cleanup(func() { // who waits for it
			if fd, err := unix.Open(filepath.Join(of, "maps"), unix.O_WRONLY|unix.O_NONBLOCK, 0); err == nil {
				unix.Close(fd)
			}
		})
	}
	process("1", "")
	process("20", "")
	process("300", "7f0000000000-7f0000001000 r--p 00000000 00:2a 5    "+dir+"/lib.so\n")
	process("4000", "7f0000000000-7f0000001000 r--p 00000000 00:2a 5    /lib/lib.so\n")
	want := []Holder{{1, "sleep", hangs}, {20, "sleep", hangs}, {300, "sleep", "has " + dir + "/lib.so mapped"}}
	if got := holders(proc, dir); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
