package fs

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"allasfs/s3/s3test"
)

// newProject is a mount of all buckets of a project: "big" holds 3000 bytes in two objects, "small" 500 in one; "theirs" is another project's.
func newProject(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	srv := s3test.New(t, s3test.WithUser("othersKey", "othersSecret"))
	srv.MakeBucket("big")
	srv.MakeBucket("small")
	srv.MakeBucketFor("othersKey", "theirs")
	srv.SetPublic("theirs", true)
	srv.PutObject("big", "dir/a", make([]byte, 1000), nil)
	srv.PutObject("big", "b", make([]byte, 2000), nil)
	srv.PutObject("small", "a", make([]byte, 500), nil)
	srv.PutObject("theirs", "a", make([]byte, 70), nil)
	return newWorldOn(t, s3test.Of(t, srv), "", change...)
}

// Each bucket has its own use; its quota is what there may be in it at the most, by its own limit and by what the project has left. After the top was
// asked about, buckets of the project cost no request.
func TestStatfsOfBuckets(t *testing.T) {
	w := newProject(t)
	space := func(path string) Space {
		t.Helper()
		a, err := w.walk(path)
		w.ok(err)
		w.srv.ResetCounts()
		return must[Space](t)(w.f.Statfs(t.Context(), a.ID))
	}
	again := func() {
		w.f.mu.Lock()
		w.f.space = spaceCache{}
		w.f.mu.Unlock()
	}
	for _, c := range []struct {
		name                                     string
		bytes, objects, bucketBytes, bucketCount int64
		want                                     map[string]Space
	}{
		{"no limits", -1, -1, -1, -1, map[string]Space{"": {3500, -1, 3, -1}, "big": {3000, -1, 2, -1}, "small": {500, -1, 1, -1}}},
		{"of the project", 10000, 10, -1, -1, map[string]Space{"": {3500, 10000, 3, 10}, "big": {3000, 9500, 2, 9}, "small": {500, 7000, 1, 8}}},
		{"of buckets", -1, -1, 4000, 100, map[string]Space{"": {3500, -1, 3, -1}, "big/dir": {3000, 4000, 2, 100}, "small": {500, 4000, 1, 100}}},
		{"the nearer one", 10000, 10, 8000, 100, map[string]Space{"big/b": {3000, 8000, 2, 9}, "big/dir/a": {3000, 8000, 2, 9}, "small": {500, 7000, 1, 8}}},
		{"over it", 3000, 2, 100, 1, map[string]Space{"": {3500, 3000, 3, 2}, "big": {3000, 100, 2, 1}, "small": {500, 100, 1, 1}}},
	} {
		w.srv.SetQuota(c.bytes, c.objects)
		w.srv.SetBucketQuota(c.bucketBytes, c.bucketCount)
		again()
		space("")
		for path, want := range c.want {
			if got := space(path); got != want {
				t.Errorf("%s: %q has %+v, want %+v", c.name, path, got, want)
			}
			if n := w.srv.Counts(); len(n) != 0 {
				t.Errorf("%s: %q cost %v", c.name, path, n)
			}
		}
	}

	w.srv.SetQuota(10000, 10)
	w.srv.SetBucketQuota(-1, -1)
	if got, want := space("theirs"), (Space{70, -1, 1, -1}); got != want { // its project's use is not told
		t.Errorf("another project's bucket: %+v, want %+v", got, want)
	}
	if n := w.srv.Count("HeadBucket"); n != 1 {
		t.Errorf("it cost %v", w.srv.Counts())
	}
	if space("theirs"); len(w.srv.Counts()) != 0 {
		t.Errorf("asked again: %v", w.srv.Counts())
	}
}

// From 90 % of a limit on status tells, and the log once for each time that it is reached.
func TestNearlyFull(t *testing.T) {
	var log bytes.Buffer
	w := newProject(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	ask := func(want ...SpaceWarning) {
		t.Helper()
		w.f.mu.Lock()
		w.f.space.at = w.f.since.AddDate(-1, 0, 0)
		w.f.mu.Unlock()
		must[Space](t)(w.f.Statfs(t.Context(), RootID))
		if got := w.f.Status().Full; !slices.Equal(got, want) {
			t.Errorf("status tells %+v, want %+v", got, want)
		}
	}
	logged := func(want int) {
		t.Helper()
		if n := strings.Count(log.String(), "nearly full"); n != want {
			t.Errorf("%d warnings in the log, want %d:\n%s", n, want, log.String())
		}
	}
	w.srv.SetQuota(3900, 100) // 3500 are 89.7 %
	w.srv.SetBucketQuota(3400, 3)
	ask()
	logged(0)
	w.srv.SetQuota(3850, 3)
	w.srv.SetBucketQuota(3000, 2)
	full := []SpaceWarning{{"", "bytes", 3500, 3850}, {"", "objects", 3, 3}, {"big", "bytes", 3000, 3000}, {"big", "objects", 2, 2}}
	ask(full...)
	ask(full...)
	logged(4)
	w.srv.SetQuota(3850, -1)
	w.srv.SetBucketQuota(-1, -1)
	ask(full[0])
	logged(4)
	w.srv.SetQuota(-1, 3)
	ask(full[1])
	logged(5)
}

// Where no limit of objects is told a bucket has that of Allas; a mount of one bucket tells of that one and of the project.
func TestLimitOfObjectsInABucket(t *testing.T) {
	w := newWorld(t)
	told := map[string]bucketUse{}
	for name, objects := range map[string]int64{"data": 450_000, "other": 600_000} {
		b := bucketUse{owned: true}
		b.use.Objects, b.use.BucketQuotaObjects, b.use.BucketQuotaBytes = objects, -1, -1
		told[name] = b
	}
	if got, want := w.f.limitsNear(Space{QuotaBytes: -1, QuotaObjects: -1}, told), []SpaceWarning{{"data", "objects", 450_000, 500_000}}; !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
