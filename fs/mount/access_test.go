package mount

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is another user of the machine.
const nobody = 65534

// publicDir is an empty directory that every user can reach.
func publicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "allasfs-test-")
	ok(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ok(t, os.Chmod(dir, 0o755))
	ok(t, os.Mkdir(dir+"/mnt", 0o755))
	return dir
}

// asNobody runs a shell script as another user; it needs root.
func asNobody(script string) (string, error) {
	cmd := exec.Command("sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// needRoot ends a test that is about root's rights for an ordinary user, who has none of them.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("about what root may do")
	}
}

func TestAllowOther(t *testing.T) {
	needRoot(t)
	dir := publicDir(t) + "/mnt"
	m := newMount(t, func(o *setup) { o.mount.Dir, o.mount.AllowOther = dir, true })
	m.dir = dir
	m.write("public", "for all")
	m.write("private", "secret")
	ok(t, os.Chmod(m.path("private"), 0o600))
	if out, err := asNobody("cat " + m.path("public")); err != nil || out != "for all" {
		t.Errorf("public: %q, %v", out, err)
	}
	for _, script := range []string{"cat %s/private", "echo x > %s/public", "rm -f %s/public", "touch %s/new", "chmod 777 %s/private", "test -r %s/private"} {
		if out, err := asNobody(fmt.Sprintf(script, dir)); err == nil {
			t.Errorf("%s succeeded: %s", script, out)
		}
	}
	if out, err := asNobody("! test -w " + m.path("public") + " && test -r " + m.path("public")); err != nil {
		t.Errorf("access(2) does not tell the truth: %s %v", out, err)
	}
}

func TestOnlyTheOwnerWithoutAllowOther(t *testing.T) {
	needRoot(t)
	dir := publicDir(t) + "/mnt"
	m := newMount(t, func(o *setup) { o.mount.Dir = dir })
	m.dir = dir
	m.write("public", "for all")
	if out, err := asNobody("cat " + m.path("public")); err == nil {
		t.Errorf("another user read %q", out)
	}
}

func TestOwnerAndMode(t *testing.T) {
	needRoot(t) // to look at what belongs to another
	m := newMount(t, func(o *setup) { o.fs.UID, o.fs.GID, o.fs.Umask = 1234, 4321, 0o027 })
	m.put("d/file", "x")
	for name, mode := range map[string]os.FileMode{"d": os.ModeDir | 0o750, "d/file": 0o640, "": os.ModeDir | 0o750} {
		fi := must[os.FileInfo](t)(os.Stat(m.path(name)))
		st := fi.Sys().(*syscall.Stat_t)
		if fi.Mode() != mode || st.Uid != 1234 || st.Gid != 4321 {
			t.Errorf("%q: %v %d:%d, want %v", name, fi.Mode(), st.Uid, st.Gid, mode)
		}
	}
}

func TestStat(t *testing.T) {
	m := newMount(t)
	m.put("f", strings.Repeat("x", 1000))
	st := must[os.FileInfo](t)(os.Stat(m.path("f"))).Sys().(*syscall.Stat_t)
	if st.Size != 1000 || st.Blocks != 2 || st.Blksize != 128<<10 || st.Nlink != 1 || st.Ino == 0 {
		t.Errorf("%+v", st)
	}
	if top := must[os.FileInfo](t)(os.Stat(m.dir)).Sys().(*syscall.Stat_t); top.Ino != 1 || top.Dev != st.Dev {
		t.Errorf("top: %+v", top)
	}
}

func TestReadOnly(t *testing.T) {
	m := newMount(t, func(o *setup) { o.fs.ReadOnly, o.mount.ReadOnly = true, true })
	m.put("f", "x")
	m.wantFile("f", "x")
	for what, err := range map[string]error{
		"write":    os.WriteFile(m.path("f"), nil, 0o644),
		"create":   os.WriteFile(m.path("new"), nil, 0o644),
		"mkdir":    os.Mkdir(m.path("d"), 0o755),
		"remove":   syscall.Unlink(m.path("f")),
		"rename":   os.Rename(m.path("f"), m.path("g")),
		"chmod":    os.Chmod(m.path("f"), 0o600),
		"truncate": os.Truncate(m.path("f"), 0),
	} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v, want EROFS", what, err)
		}
	}
	m.wantObject("f", "x")
}

func TestStatfs(t *testing.T) {
	m := newMount(t)
	m.put("f", strings.Repeat("x", 1<<20))
	var st unix.Statfs_t
	ok(t, unix.Statfs(m.dir, &st))
	if total := st.Blocks * uint64(st.Bsize); total < 1<<50 || total > 1<<51 || st.Blocks-st.Bfree != (1<<20)/uint64(st.Bsize) || st.Namelen != 255 {
		t.Errorf("%+v", st)
	}
	limited := newMount(t, func(o *setup) {})
	limited.s3.SetQuota(10<<20, 500)
	limited.put("f", strings.Repeat("x", 1<<20))
	ok(t, unix.Statfs(limited.dir, &st))
	if st.Blocks*uint64(st.Bsize) != 10<<20 || st.Bavail*uint64(st.Bsize) != 9<<20 || st.Files != 500 || st.Ffree != 499 {
		t.Errorf("with a quota: %+v", st)
	}
}

func TestXattr(t *testing.T) {
	m := newMount(t)
	m.write("f", "data")
	path := m.path("f")
	for _, name := range []string{"security.selinux", "security.capability", "system.posix_acl_access", "system.posix_acl_default"} {
		_, err := unix.Getxattr(path, name, nil)
		wantErrno(t, err, syscall.ENOTSUP)
	}
	wantErrno(t, unix.Setxattr(path, "security.selinux", []byte("x"), 0), syscall.ENOTSUP)
	wantErrno(t, unix.Removexattr(path, "security.selinux"), syscall.ENOTSUP)
	_, err := unix.Getxattr(path, "user.none", nil)
	wantErrno(t, err, syscall.ENODATA)

	size, err := unix.Getxattr(path, "user.allasfs.etag", nil) // ask for the size
	if err != nil || size != 32 {
		t.Fatalf("size %d, %v", size, err)
	}
	_, err = unix.Getxattr(path, "user.allasfs.etag", make([]byte, size-1))
	wantErrno(t, err, syscall.ERANGE)
	buf := make([]byte, 100)
	n := must[int](t)(unix.Getxattr(path, "user.allasfs.etag", buf))
	if got := string(buf[:n]); got != "8d777f385d3dfec8815d20f7496026dc" {
		t.Errorf("etag %q", got)
	}
	if size = must[int](t)(unix.Listxattr(path, nil)); size != 0 {
		t.Errorf("attributes that tell about the file are listed: %d bytes", size)
	}
	wantErrno(t, unix.Setxattr(path, "user.allasfs.etag", []byte("x"), 0), syscall.EPERM)
	trusted := syscall.ENOTSUP
	if os.Getuid() != 0 {
		trusted = syscall.EPERM // by the kernel (xattr(7))
	}
	wantErrno(t, unix.Setxattr(path, "trusted.x", []byte("x"), 0), trusted)
	ok(t, unix.Setxattr(path, "user.sample", []byte("S1"), unix.XATTR_CREATE))
	wantErrno(t, unix.Setxattr(path, "user.sample", []byte("S2"), unix.XATTR_CREATE), syscall.EEXIST)
	ok(t, unix.Setxattr(path, "user.sample", []byte("S2"), unix.XATTR_REPLACE))
	wantErrno(t, unix.Setxattr(path, "user.other", []byte("x"), unix.XATTR_REPLACE), syscall.ENODATA)
	_, err = unix.Listxattr(path, make([]byte, 3))
	wantErrno(t, err, syscall.ERANGE)
	n = must[int](t)(unix.Listxattr(path, buf))
	wantSame(t, "list", string(buf[:n]), "user.sample\x00")
	n = must[int](t)(unix.Getxattr(path, "user.sample", buf))
	wantSame(t, "value", string(buf[:n]), "S2")
	ok(t, unix.Removexattr(path, "user.sample"))
	wantErrno(t, unix.Removexattr(path, "user.sample"), syscall.ENODATA)
	wantErrno(t, unix.Setxattr(path, "user.long", make([]byte, 4096), 0), syscall.ENOSPC)
	ok(t, os.Mkdir(m.path("d"), 0o755))
	wantErrno(t, unix.Setxattr(m.path("d"), "user.a", []byte("x"), 0), syscall.ENOTSUP)
}
