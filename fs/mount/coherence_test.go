package mount

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"allasfs/fs"
)

func ttl(d time.Duration) func(*setup) { return func(o *setup) { o.fs.TTL = d } }

// TestChangeByAnotherClient: it is seen at the next open, with right size and bytes, whatever the kernel kept of the old.
func TestChangeByAnotherClient(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		for _, version := range []string{"one", "a longer version", "two", strings.Repeat("long ", 100000), ""} {
			m.put("f", version)
			m.wantFile("f", version)
			if fi := must[os.FileInfo](t)(os.Stat(m.path("f"))); fi.Size() != int64(len(version)) {
				t.Errorf("size %d, want %d", fi.Size(), len(version))
			}
		}
		m.remove("f")
		_, err := os.Stat(m.path("f"))
		wantErrno(t, err, syscall.ENOENT)
		m.put("f", "again")
		m.wantFile("f", "again")
	}, ttl(0))
}

// TestChangeOfTheSameSize: pages are dropped for another ETag, though size and second are the same.
func TestChangeOfTheSameSize(t *testing.T) {
	m := newMount(t, ttl(0))
	at := time.Now().Add(-time.Hour)
	for _, version := range []string{"version 1", "version 2", "version 3"} {
		m.put("f", version)
		m.s3.SetModified(m.bucket, "f", at)
		m.wantFile("f", version)
	}
}

// TestTTL: within it the kernel asks nothing; after it another client's change is seen.
func TestTTL(t *testing.T) {
	m := newMount(t, ttl(time.Second))
	m.put("f", "one")
	m.wantFile("f", "one")
	_, err := os.Stat(m.path("later"))
	wantErrno(t, err, syscall.ENOENT)
	m.put("f", "changed")
	m.put("later", "new")
	m.s3.ResetCounts()
	for range 5 {
		must[os.FileInfo](t)(os.Stat(m.path("f")))
		_, err := os.Stat(m.path("later"))
		wantErrno(t, err, syscall.ENOENT)
	}
	m.wantCounts(map[string]int{})
	time.Sleep(2100 * time.Millisecond)
	m.wantFile("f", "changed")
	m.wantFile("later", "new")
}

// TestSizeOfTheOpenedVersion: the kernel still trusts the size of the old version when an open finds the new one: what is read is whole all the same.
func TestSizeOfTheOpenedVersion(t *testing.T) {
	for _, versions := range [][2]string{{"old", "new and longer"}, {"old and longer", "new"}} {
		m := newMount(t, ttl(1500*time.Millisecond))
		m.put("f", versions[0])
		m.names("") // package fs knows it from here on
		time.Sleep(1100 * time.Millisecond)
		m.server.bridge.notifier.EntryChanged(fs.RootID, "f")
		time.Sleep(100 * time.Millisecond)
		must[os.FileInfo](t)(os.Stat(m.path("f"))) // and the kernel from here on
		m.put("f", versions[1])
		time.Sleep(700 * time.Millisecond)
		m.wantFile("f", versions[1])
	}
}

// TestTwoVersionsNeverMix: an open file stays one version; what is not at hand of it any more is ESTALE, never another version's bytes.
func TestTwoVersionsNeverMix(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		const size = 8 << 20
		one, two := strings.Repeat("1", size), strings.Repeat("2", size)
		m.put("f", one)
		old := must[*os.File](t)(os.Open(m.path("f")))
		defer old.Close()
		p := make([]byte, 4096)
		must[int](t)(old.ReadAt(p, 0))
		m.put("f", two)
		fresh := must[*os.File](t)(os.Open(m.path("f")))
		defer fresh.Close()
		for off := int64(0); off < size; off += 1 << 20 {
			must[int](t)(fresh.ReadAt(p, off))
			if p[0] != '2' || p[4095] != '2' {
				t.Fatalf("the new open reads %q at %d", p[0], off)
			}
			n, err := old.ReadAt(p, off)
			if err != nil && err != io.EOF {
				wantErrno(t, err, syscall.ESTALE)
			} else if n != len(p) || p[0] != '1' || p[4095] != '1' {
				t.Fatalf("the old open reads %d bytes of %q at %d", n, p[0], off)
			}
		}
		m.wantFile("f", two)
	}, ttl(0))
}

// TestLostUpdate: another client changed the file meanwhile; close says so and the other's version stays.
func TestLostUpdate(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		m.put("f", "first")
		f := must[*os.File](t)(os.OpenFile(m.path("f"), os.O_RDWR, 0))
		must[int](t)(f.WriteAt([]byte("mine!"), 0))
		m.put("f", "theirs")
		wantErrno(t, f.Close(), syscall.ESTALE)
		m.wantObject("f", "theirs")
		if !strings.Contains(m.log.String(), "msg=upload path=f") {
			t.Errorf("the log does not tell of the conflict:\n%s", m.log)
		}
		if kept := m.fs.Status().Drafts; len(kept) != 1 {
			t.Errorf("drafts kept: %+v", kept)
		}
	})
}

// TestOwnChangesShowAtOnce, with any TTL, and in the kernel's negative entries too.
func TestOwnChangesShowAtOnce(t *testing.T) {
	each(t, func(t *testing.T, m *mounted) {
		_, err := os.Stat(m.path("f"))
		wantErrno(t, err, syscall.ENOENT)
		m.names("")
		m.write("f", "x")
		if got := m.names(""); len(got) != 1 {
			t.Errorf("names %q", got)
		}
		m.wantFile("f", "x")
		ok(t, os.Remove(m.path("f")))
		if got := m.names(""); len(got) != 0 {
			t.Errorf("names %q", got)
		}
		_, err = os.Stat(m.path("f"))
		wantErrno(t, err, syscall.ENOENT)
	})
}
