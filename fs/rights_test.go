package fs

import (
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// newSharedWorld is a mount of all buckets by a user who may read the bucket "shared" of another one.
func newSharedWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	srv := s3test.New(t, s3test.WithUser("othersKey", "othersSecret"))
	srv.MakeBucket("data")
	srv.MakeBucketFor("othersKey", "shared")
	srv.SetPublic("shared", true)
	srv.PutObject("shared", "dir/file", []byte("theirs"), nil)
	return newWorldOn(t, s3test.Of(t, srv), "", change...)
}

// judged waits until a refusal was looked at.
func (w *world) judged(bucket string) {
	w.t.Helper()
	for range 5000 {
		w.f.mu.Lock()
		done := !w.f.rights.asking[bucket]
		w.f.mu.Unlock()
		if done {
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.t.Fatal("the refusal was not looked at")
}

type newsOf struct{ atomic.Int64 } // node whose attributes changed last

func (*newsOf) EntryChanged(uint64, string)  {}
func (n *newsOf) ContentChanged(node uint64) { n.Store(int64(node)) }

// A bucket of another project looks writable until the store refuses a write; from then on it shows read-only, and asks the store no more.
func TestRefusedBucketShowsReadOnly(t *testing.T) {
	w := newSharedWorld(t)
	var news newsOf
	w.f.SetNotifier(&news)
	perm := func(path string) uint32 {
		t.Helper()
		a, err := w.walk(path)
		w.ok(err)
		a, err = w.f.Getattr(t.Context(), a.ID)
		w.ok(err)
		return a.Mode & 0o777
	}
	if perm("shared") != 0o755 || perm("shared/dir/file") != 0o644 {
		t.Fatal("it is read-only before anybody knows")
	}
	w.wantErr(w.create("shared/new", []byte("x")), os.ErrPermission)
	w.judged("shared")
	for path, want := range map[string]uint32{"shared": 0o555, "shared/dir": 0o555, "shared/dir/file": 0o444, "data": 0o755} {
		if got := perm(path); got != want {
			t.Errorf("mode of %s: %o, want %o", path, got, want)
		}
	}
	a, err := w.walk("shared")
	w.ok(err)
	for i := 0; news.Load() != int64(a.ID); i++ {
		if i == 5000 {
			t.Fatal("the kernel was not told")
		}
		time.Sleep(time.Millisecond)
	}
	w.srv.ResetCounts()
	for what, err := range map[string]error{
		"create": w.create("shared/dir/new", nil),
		"write":  w.write("shared/dir/file", []byte("x"), 0, 0),
		"mkdir":  w.mkdir("shared/d"),
		"unlink": w.unlink("shared/dir/file"),
		"rename": w.rename("shared/dir/file", "data/file"),
		"into":   w.rename("shared/dir/file", "shared/file"),
	} {
		if err == nil {
			t.Errorf("%s succeeds", what)
		}
		w.wantErr(err, os.ErrPermission)
	}
	if n := w.srv.Count("PutObject", "DeleteObject", "CopyObject"); n != 0 {
		t.Errorf("%d changes were tried in vain", n)
	}
	w.ok(w.create("data/mine", []byte("x")))
	got, err := w.read("shared/dir/file")
	w.ok(err)
	if string(got) != "theirs" {
		t.Errorf("read %q", got)
	}
	told := 0
	for _, e := range w.f.Status().Errors {
		if e.Op == "write" && e.Path == "shared" && strings.Contains(e.Text, "may read it and not write") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("status tells it %d times", told)
	}
	w.ok(w.unlink("shared/new")) // it never got to the store
}

// A bucket that took a write is not read-only as a whole because it refuses another one: rights may be of a prefix. The project's own bucket never is.
func TestRightsOfAPrefix(t *testing.T) {
	for _, bucket := range []string{"shared", "data"} {
		w := newSharedWorld(t)
		w.srv.Fault(func(r s3test.Request) *s3test.Fault {
			if r.Op == "PutObject" && !strings.HasPrefix(r.Key, "inbox/") {
				return &s3test.Fault{Status: 403, Code: "AccessDenied"}
			}
			return nil
		})
		if bucket == "shared" {
			w.f.wroteTo(bucket, false)
		}
		w.wantErr(w.create(bucket+"/b", []byte("x")), os.ErrPermission)
		w.judged(bucket)
		a, err := w.walk(bucket)
		w.ok(err)
		if a.Mode&0o777 != 0o755 {
			t.Errorf("mode of %s: %o", bucket, a.Mode&0o777)
		}
		if bucket == "data" {
			w.ok(w.mkdir("data/inbox"))
			w.ok(w.create("data/inbox/c", []byte("x")))
		}
		w.srv.Fault(nil)
	}
}

// A full quota is no lack of rights, though its status is the same.
func TestQuotaIsNoRefusal(t *testing.T) {
	for code, want := range map[string]uint32{"QuotaExceeded": 0o755, "AccessDenied": 0o555} {
		w := newSharedWorld(t)
		w.srv.FaultOnce("PutObject", s3test.Fault{Status: 403, Code: code})
		if err := w.create("shared/a", []byte("x")); err == nil {
			t.Fatal("written")
		}
		w.judged("shared")
		a, err := w.walk("shared")
		w.ok(err)
		if a.Mode&0o777 != want {
			t.Errorf("mode after %s: %o, want %o", code, a.Mode&0o777, want)
		}
	}
}

// Buckets of segments can be read, and changed only where that was asked for.
func TestSegmentsAreReadOnly(t *testing.T) {
	for _, asked := range []bool{false, true} {
		w := newWorld(t, func(o *Options) { o.Bucket, o.Segments = "", asked })
		w.srv.PutObject("data_segments", "large/1", []byte("part"), nil)
		w.srv.PutObject("data_segments", "large/2", []byte("part"), nil)
		w.srv.PutObject("data_segments", "large/4", []byte("part"), nil)
		for _, c := range []struct {
			what string
			do   func() error
		}{
			{"create", func() error { return w.create("data_segments/new", []byte("x")) }},
			{"write", func() error { return w.write("data_segments/large/1", []byte("x"), 0, 0) }},
			{"mkdir", func() error { return w.mkdir("data_segments/dir") }},
			{"rename", func() error { return w.rename("data_segments/large/1", "data_segments/large/3") }},
			{"rename out", func() error { return w.rename("data_segments/large/2", "data/2") }},
			{"rename in", func() error { return w.rename("data/2", "data_segments/2") }},
			{"unlink", func() error { return w.unlink("data_segments/large/4") }},
			{"rmdir", func() error { return w.rmdir("data_segments/dir") }},
			{"remove", func() error { return w.rmdir("data_segments") }},
		} {
			if !asked {
				w.srv.PutObject("data", "2", []byte("x"), nil)
				w.wantErr(c.do(), syscall.EROFS)
			} else if err := c.do(); err != nil && c.what != "remove" {
				t.Errorf("%s with --segments: %v", c.what, err)
			}
		}
		if got, err := w.read("data_segments/large/1"); !asked && (err != nil || string(got) != "part") {
			t.Errorf("read %q, %v", got, err)
		}
		told := 0
		for _, e := range w.f.Status().Errors {
			if e.Path == "data_segments" && strings.Contains(e.Text, "--segments") {
				told++
			}
		}
		if want := map[bool]int{false: 1}[asked]; told != want {
			t.Errorf("asked for: %t: status tells it %d times, want %d", asked, told, want)
		}
	}
}
