package fs

import (
	"encoding/json"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	"allasfs/cache"
	"allasfs/s3/s3test"
)

func (w *world) info(path string) Info {
	w.t.Helper()
	a, err := w.walk(path)
	w.ok(err)
	return must[Info](w.t)(w.f.InfoOf(w.t.Context(), a.ID))
}

// What is told of a file is the store's object as it is now, and what is cached of it.
func TestInfo(t *testing.T) {
	s3test.Each(t, func(t *testing.T, e s3test.Endpoint) {
		w := newWorldOn(t, e, e.Bucket(t))
		data := filled(700_000, 1)
		w.remoteMeta("dir/f", data, map[string]string{"mode": "33188", "lane": "2"})
		i := w.info("dir/f")
		o := i.Object
		if i.Path != "dir/f" || i.Kind != "file" || i.Bucket != w.bucket || i.Key != "dir/f" || i.State != "clean" || o == nil {
			t.Fatalf("%+v", i)
		}
		if len(o.Version) != 32 || o.Size != 700_000 || time.Since(o.Modified).Abs() > time.Hour || o.ContentType != "text/x-theirs" || o.StorageClass != "STANDARD" || o.Large != "" ||
			!maps.Equal(o.Metadata, map[string]string{"mode": "33188", "lane": "2"}) {
			t.Errorf("the object: %+v", o)
		}
		if i.Cached != 0 || len(i.CachedRanges) != 0 {
			t.Errorf("cached before it was read: %+v", i)
		}
		must[[]byte](t)(w.read("dir/f"))
		if i := w.info("dir/f"); i.Cached != 700_000 || !slices.Equal(i.CachedRanges, []cache.Span{{Off: 0, End: 700_000}}) {
			t.Errorf("cached after it was read: %+v", i)
		}
		var read Info
		w.ok(json.Unmarshal(must[[]byte](t)(w.f.Getxattr(t.Context(), w.hold("dir/f").ID, "user.allasfs.info")), &read))
		if read.Object == nil || read.Object.Version != o.Version || read.Cached != 700_000 {
			t.Errorf("as an attribute: %+v", read)
		}
		if i := w.info("dir"); i.Kind != "directory" || i.Key != "dir/" || i.Space == nil || i.Object != nil {
			t.Errorf("a directory: %+v", i)
		}
	})
}

// A file that is not in the store yet is told as such, and a large object with its segments; each costs one HEAD.
func TestInfoOfOthers(t *testing.T) {
	w := newWorld(t)
	h := must[*Handle](t)(w.open("new", syscall.O_CREAT|syscall.O_WRONLY))
	defer h.Release()
	if i := w.info("new"); i.Object != nil || i.State != "open" || i.Cached != 0 {
		t.Errorf("a file that is being written: %+v", i)
	}
	w.srv.MakeBucket("data_segments")
	w.srv.PutDLO("data", "dlo", "data_segments", "a b/", filled(5000, 1), filled(4000, 2))
	w.srv.PutSLO("data", "slo", "data_segments", "slo/", filled(5000, 1), filled(4000, 2))
	_, err := w.names("")
	w.ok(err)
	w.hold("dlo")
	w.srv.ResetCounts()
	i := w.info("dlo")
	if o := i.Object; o == nil || o.Large != "dlo" || o.Size != 9000 || o.Segments == nil || *o.Segments != (SegmentInfo{Bucket: "data_segments", Prefix: "a b/", Count: 2, Bytes: 9000}) {
		t.Errorf("a DLO: %+v %+v", o, o.Segments)
	}
	if n := w.srv.Counts(); !maps.Equal(n, map[string]int{"HeadObject": 1, "ListObjectsV2": 2}) { // the first listing looks for gaps
		t.Errorf("it cost %v", n)
	}
	if o := w.info("slo").Object; o == nil || o.Large != "slo" || o.Segments != nil || o.Size != 9000 {
		t.Errorf("an SLO: %+v", o)
	}
}
