package mount

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMountedAt(t *testing.T) {
	const info = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
40 22 0:40 / /mnt/a\040b rw,nosuid shared:1 - fuse.allasfs bucket/x\134y rw,user_id=0
41 22 0:41 / /mnt/twice rw - fuse.allasfs old rw
42 41 0:42 / /mnt/twice rw - tmpfs tmpfs rw
`
	for _, c := range []struct{ dir, source, kind string }{
		{"/mnt/a b", `bucket/x\y`, fsType},
		{"/mnt/twice", "tmpfs", "tmpfs"},
		{"/mnt", "", ""},
		{"/", "/dev/sda1", "ext4"},
	} {
		if source, kind := mountedAt(strings.NewReader(info), c.dir); source != c.source || kind != c.kind {
			t.Errorf("%s: got %q, %s; want %q, %s", c.dir, source, kind, c.source, c.kind)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, dir, words string }{
		{"missing", filepath.Join(dir, "none"), "mkdir -p"},
		{"missing parent", filepath.Join(dir, "none", "none"), "mkdir -p"},
		{"file", file, "not a directory"},
		{"not empty", dir, `holds "file"`},
	} {
		p := plan{dir: c.dir}
		if err := p.prepare(); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.words)
		}
	}
	p := plan{dir: dir, nonempty: true}
	if err := p.prepare(); err != nil {
		t.Errorf("nonempty: %v", err)
	}
}

func TestAbsoluteFollowsLinks(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"rel": "real", "abs": filepath.Join(dir, "real"), "two": "rel", "up": "../" + filepath.Base(dir) + "/real", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{"real", "rel", "abs", "two", "up"} {
		got, err := absolute(filepath.Join(dir, link))
		if err != nil || got != filepath.Join(dir, "real") {
			t.Errorf("%s: got %s, %v", link, got, err)
		}
	}
	if _, err := absolute(filepath.Join(dir, "loop")); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a loop of links: got %v", err)
	}
}

func TestUserAllowOther(t *testing.T) {
	for conf, want := range map[string]bool{"": false, "# user_allow_other\n": false, "mount_max = 5\n user_allow_other \n": true, "user_allow_other": true} {
		if got := userAllowOther([]byte(conf)); got != want {
			t.Errorf("%q: got %v", conf, got)
		}
	}
}

func TestReceiveFD(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Sendmsg(pair[1], []byte{0}, unix.UnixRights(int(f.Fd())), nil, 0); err != nil {
		t.Fatal(err)
	}
	fd, err := receiveFD(pair[0])
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("programs that are started would inherit the connection: flags %#x, %v", flags, err)
	}
	unix.Close(pair[1])
	if _, err := receiveFD(pair[0]); err == nil {
		t.Error("a closed socket brought a descriptor")
	}
}
