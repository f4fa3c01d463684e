package mount

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDirectories(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		ok(t, os.MkdirAll(m.path("a/b/c"), 0o755))
		m.write("a/b/c/file", "x")
		m.wantObject("a/b/c/file", "x")
		wantErrno(t, os.Mkdir(m.path("a"), 0o755), syscall.EEXIST)
		wantErrno(t, syscall.Rmdir(m.path("a/b")), syscall.ENOTEMPTY)
		wantErrno(t, syscall.Rmdir(m.path("a/b/c/file")), syscall.ENOTDIR)
		wantErrno(t, syscall.Unlink(m.path("a/b")), syscall.EISDIR)
		wantErrno(t, syscall.Rmdir(m.path("none")), syscall.ENOENT)
		wantErrno(t, syscall.Unlink(m.path("none")), syscall.ENOENT)
		wantErrno(t, os.WriteFile(m.path("none/file"), nil, 0o644), syscall.ENOENT)
		wantErrno(t, os.WriteFile(m.path("a/b/c/file/x"), nil, 0o644), syscall.ENOTDIR)
		ok(t, os.Remove(m.path("a/b/c/file")))
		ok(t, os.Remove(m.path("a/b/c")))
		ok(t, os.RemoveAll(m.path("a")))
		if names := m.names(""); len(names) != 0 {
			t.Errorf("left: %q", names)
		}
	})
}

func TestRename(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		m.write("one", "1")
		m.write("two", "2")
		ok(t, os.Rename(m.path("one"), m.path("uno")))
		m.wantObject("uno", "1")
		ok(t, os.Rename(m.path("uno"), m.path("two"))) // over another
		m.wantFile("two", "1")
		if got := m.names(""); !slices.Equal(got, []string{"two"}) {
			t.Errorf("names %q", got)
		}
		m.write("three", "3")
		wantErrno(t, unix.Renameat2(unix.AT_FDCWD, m.path("three"), unix.AT_FDCWD, m.path("two"), unix.RENAME_NOREPLACE), syscall.EEXIST)
		ok(t, unix.Renameat2(unix.AT_FDCWD, m.path("three"), unix.AT_FDCWD, m.path("four"), unix.RENAME_NOREPLACE))
		wantErrno(t, unix.Renameat2(unix.AT_FDCWD, m.path("two"), unix.AT_FDCWD, m.path("four"), unix.RENAME_EXCHANGE), syscall.EINVAL)
		wantErrno(t, unix.Renameat2(unix.AT_FDCWD, m.path("two"), unix.AT_FDCWD, m.path("five"), unix.RENAME_WHITEOUT), syscall.EINVAL)
		wantErrno(t, os.Rename(m.path("none"), m.path("x")), syscall.ENOENT)

		ok(t, os.MkdirAll(m.path("dir/sub"), 0o755))
		m.write("dir/sub/file", "deep")
		m.write("dir/file", "shallow")
		ok(t, os.Mkdir(m.path("full"), 0o755))
		m.write("full/file", "x")
		wantErrno(t, syscall.Rename(m.path("dir"), m.path("full")), syscall.ENOTEMPTY)
		wantErrno(t, syscall.Rename(m.path("dir"), m.path("two")), syscall.ENOTDIR)
		wantErrno(t, syscall.Rename(m.path("two"), m.path("dir")), syscall.EISDIR)
		wantErrno(t, syscall.Rename(m.path("dir"), m.path("dir/sub/in")), syscall.EINVAL)
		ok(t, os.Rename(m.path("dir"), m.path("moved")))
		m.wantObject("moved/sub/file", "deep")
		m.wantFile("moved/file", "shallow")
		if _, err := os.Stat(m.path("dir")); !os.IsNotExist(err) {
			t.Errorf("the old directory: %v", err)
		}
	})
}

// TestOddNames: names come back as they were given, and the keys hold the same bytes.
func TestOddNames(t *testing.T) {
	names := []string{"back\\slash", "new\nline", "tab\t", "quote\"'", "star*?", "ünï", "%20", "a%b", "{x}", " lead", "trail ", "-rf", "~", "..x", "x.",
		"\x01\x02", strings.Repeat("n", 255), "#;&|<>$`"}
	each(t, func(t *testing.T, m *mounted) {
		for _, n := range names {
			m.write(n, "of "+n)
		}
		want := slices.Sorted(slices.Values(names))
		if got := m.names(""); !slices.Equal(got, want) {
			t.Errorf("names\n%q, want\n%q", got, want)
		}
		for _, n := range names {
			m.wantFile(n, "of "+n)
			if n != "\x01\x02" { // control characters cannot be named in every listing's XML
				m.wantObject(n, "of "+n)
			}
			ok(t, os.Rename(m.path(n), m.path("x")))
			ok(t, os.Rename(m.path("x"), m.path(n)))
		}
		for _, n := range names {
			ok(t, os.Remove(m.path(n)))
		}
		wantErrno(t, os.WriteFile(m.path(strings.Repeat("n", 256)), nil, 0o644), syscall.ENAMETOOLONG)
		for _, n := range []string{"a%{b", "latin1-\xe9"} { // half an escape; bytes that the store takes in no key
			if f, err := os.Create(m.path(n)); err == nil {
				f.Close()
				t.Errorf("%q was made", n)
			} else if !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.EILSEQ) {
				t.Errorf("%q: %v", n, err)
			}
			_, err := os.Stat(m.path(n))
			wantErrno(t, err, syscall.ENOENT)
		}
	})
}

func TestSymlink(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		m.write("target", "through the link")
		ok(t, os.Symlink("target", m.path("link")))
		ok(t, os.Symlink("../no/where", m.path("dangling")))
		if got := must[string](t)(os.Readlink(m.path("link"))); got != "target" {
			t.Errorf("readlink %q", got)
		}
		m.wantFile("link", "through the link")
		_, err := os.Stat(m.path("dangling"))
		wantErrno(t, err, syscall.ENOENT)
		if fi := must[os.FileInfo](t)(os.Lstat(m.path("dangling"))); fi.Mode()&os.ModeSymlink == 0 {
			t.Errorf("mode %v", fi.Mode())
		}
		_, err = os.Readlink(m.path("target"))
		wantErrno(t, err, syscall.EINVAL)
		ok(t, os.Remove(m.path("link")))
		m.wantFile("target", "through the link")
	})
}
