package fs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"allasfs/s3/s3test"
)

// A bucket of another project opens by its name, is listed from then on, in the next mount too, until the store does not know it any more.
func TestUnlistedBucketsAreRemembered(t *testing.T) {
	file := filepath.Join(t.TempDir(), "buckets")
	remember := func(o *Options) { o.Buckets = file; o.TTL = 0 }
	w := newSharedWorld(t, remember)
	top := func(want ...string) {
		t.Helper()
		got, err := w.names("")
		w.ok(err)
		for i := range got {
			got[i] = strings.TrimSuffix(got[i], "/")
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("the top shows %q, want %q", got, want)
		}
	}
	top("data")
	_, err := w.walk("shared/dir")
	w.ok(err)
	_, err = w.walk("data")
	w.ok(err)
	_, err = w.walk("none")
	w.wantErr(err, os.ErrNotExist)
	top("data", "shared")
	if text, err := os.ReadFile(file); err != nil || string(text) != "shared\n" {
		t.Errorf("the file holds %q, %v; want what is not listed", text, err)
	}

	w.stop()
	w.start(remember)
	top("data", "shared")
	if got, err := w.read("shared/dir/file"); err != nil || string(got) != "theirs" {
		t.Errorf("read %q, %v", got, err)
	}

	w.srv.Delete("shared", "dir/file")
	w.ok(w.srv.RemoveBucket("shared"))
	top("data")
	if text, err := os.ReadFile(file); err != nil || len(text) != 0 {
		t.Errorf("the file still holds %q, %v", text, err)
	}
}

// A list without remembered buckets costs one request, one with them one more for each.
func TestUnlistedBucketsCost(t *testing.T) {
	w := newSharedWorld(t)
	for _, want := range []int{0, 1} {
		w.f.mu.Lock()
		w.f.nodes[RootID].listing = nil
		w.f.mu.Unlock()
		w.srv.ResetCounts()
		_, err := w.names("")
		w.ok(err)
		if lists, heads := w.srv.Count("ListBuckets"), w.srv.Count("HeadBucket"); lists != 1 || heads != want {
			t.Errorf("%d lists and %d HEADs, want 1 and %d", lists, heads, want)
		}
		_, err = w.walk("shared")
		w.ok(err)
	}
}

// What the file holds is not trusted: a torn last line, too many lines.
func TestUnlistedFileIsBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "buckets")
	w := newSharedWorld(t)
	w.ok(os.WriteFile(file, []byte("shared\n\nhalf"), 0o600))
	u := unlisted{file: file}
	w.ok(u.load())
	if got := u.sorted(); !slices.Equal(got, []string{"shared"}) {
		t.Errorf("read %q", got)
	}
	w.ok(os.WriteFile(file, []byte(strings.Repeat("b\n", maxUnlistedFile)), 0o600))
	w.ok(u.load())
	if len(u.sorted()) != 1 {
		t.Errorf("read %d names", len(u.sorted()))
	}
}

// TestTakenBucketName: the bucket of another project that may not be looked into is there, a directory without any permission: its name is taken, it is not listed, and
// the reason is told.
func TestTakenBucketName(t *testing.T) {
	twoProjects(t, func(t *testing.T, mine, others s3test.Endpoint) {
		bucket := mine.Bucket(t)
		w := newWorldOn(t, others, "")
		a := must[Attr](t)(w.f.Lookup(t.Context(), RootID, bucket))
		if a.Mode != syscall.S_IFDIR {
			t.Errorf("its mode is %o", a.Mode)
		}
		_, err := w.f.Mkdir(t.Context(), RootID, bucket, 0o755)
		w.wantErr(err, os.ErrExist)
		_, err = w.names(bucket)
		w.wantErr(err, os.ErrPermission)
		if names := must[[]string](t)(w.names("")); slices.Contains(names, bucket+"/") {
			t.Errorf("it is listed among %q", names)
		}
		told := w.f.Status().Errors
		if n := len(told); n == 0 || !strings.Contains(told[n-1].Text, "the store does not allow it") || told[n-1].Path != bucket {
			t.Errorf("told: %+v", told)
		}
	})
}
