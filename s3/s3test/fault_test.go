package s3test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// faulty starts a server with one object of 100 kB.
func faulty(t *testing.T, o ...Option) (*Server, *raw, []byte) {
	t.Helper()
	s := New(t, o...)
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	s.PutObject("bkt", "k", data, nil)
	return s, newRaw(t, Of(t, s)), data
}

func TestFaultAnswers(t *testing.T) {
	s, c, _ := faulty(t)
	s.FaultOnce("PutObject", Fault{Status: 503})
	if r := c.do("PUT", "bkt/new", nil, []byte("x")); r.status != 503 || r.code() != "SlowDown" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if len(s.Keys("bkt")) != 1 {
		t.Errorf("carried out all the same: %q", s.Keys("bkt"))
	}
	s.FaultOnce("PutObject", Fault{Status: 500, Done: true})
	if r := c.do("PUT", "bkt/new", nil, []byte("x")); r.status != 500 || r.code() != "InternalError" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if len(s.Keys("bkt")) != 2 {
		t.Errorf("not carried out: %q", s.Keys("bkt"))
	}
	s.FaultOnce("HeadObject", Fault{ETag: "other"})
	if r := c.must(200, "HEAD", "bkt/new", nil, nil); r.etag() != "other" {
		t.Errorf("ETag %s", r.etag())
	}
	s.FaultOnce("DeleteObjects", Fault{Undeleted: map[string]string{"k": "AccessDenied"}})
	r := c.must(200, "POST", "bkt", q("delete", ""), []byte("<Delete><Object><Key>k</Key></Object><Object><Key>new</Key></Object></Delete>"))
	if !strings.Contains(string(r.body), "<Code>AccessDenied</Code>") || len(s.Keys("bkt")) != 1 {
		t.Errorf("%s %q", r.body, s.Keys("bkt"))
	}
	s.FaultOnce("GetObject", Fault{Short: 3})
	if r := c.do("GET", "bkt/k", nil, nil, "Range", "bytes=0-9"); r.status != 206 || string(r.body) != "0123456" || r.header.Get("Content-Length") != "7" {
		t.Errorf("short: %d %q, length %s", r.status, r.body, r.header.Get("Content-Length"))
	}
	s.FaultOnce("GetObject", Fault{Whole: true})
	if r := c.do("GET", "bkt/k", nil, nil, "Range", "bytes=5-9"); r.status != 200 || len(r.body) != 100_000 {
		t.Errorf("whole: %d with %d bytes", r.status, len(r.body))
	}
	s.FaultOnce("GetObject", Fault{Range: "bytes=10-14"})
	if r := c.do("GET", "bkt/k", nil, nil, "Range", "bytes=5-9"); r.status != 206 || len(r.body) != 5 || !strings.HasPrefix(r.header.Get("Content-Range"), "bytes 10-14/") {
		t.Errorf("another range: %d with %d bytes, %s", r.status, len(r.body), r.header.Get("Content-Range"))
	}
	s.ResetCounts()
	n := 0
	s.Fault(func(r Request) *Fault {
		if r.Op == "GetObject" && r.Key == "k" && r.N == 2 {
			n++
			return &Fault{Status: 403, Code: "QuotaExceeded"}
		}
		return nil
	})
	for i, want := range []int{200, 403, 200} {
		if r := c.do("GET", "bkt/k", nil, nil); r.status != want {
			t.Errorf("GET %d: %d, want %d", i, r.status, want)
		}
	}
	s.Fault(nil)
	if n != 1 || s.Count("GetObject") != 3 {
		t.Errorf("the hook hit %d times, %d GETs", n, s.Count("GetObject"))
	}
}

func TestFaultConnections(t *testing.T) {
	s, c, data := faulty(t)
	for _, x := range []struct {
		name  string
		fault Fault
		there bool // the PUT was carried out
	}{
		{"cut before", Fault{CutBefore: true}, false},
		{"lost answer", Fault{CutAfter: true}, true},
		{"cut in the body", Fault{CutUpload: 1000}, false},
	} {
		s.Delete("bkt", "new")
		s.Fault(func(Request) *Fault { return &x.fault })
		if r := c.do("PUT", "bkt/new", nil, data); r.err == nil {
			t.Errorf("%s: answered %d", x.name, r.status)
		}
		if _, err := s.Object("bkt", "new"); (err == nil) != x.there {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	s.Fault(func(Request) *Fault { return &Fault{CutBody: 70_000} })
	if r := c.do("GET", "bkt/k", nil, nil); r.err == nil || !bytes.Equal(r.body, data[:70_000]) {
		t.Errorf("cut body: %d bytes, %v", len(r.body), r.err)
	}
	s.Fault(func(Request) *Fault { return &Fault{CutBody: -1} })
	if r := c.do("GET", "bkt/k", nil, nil); r.err == nil || len(r.body) != 0 || r.status != 200 {
		t.Errorf("cut after the header: %d, %d bytes, %v", r.status, len(r.body), r.err)
	}
	s.Fault(func(Request) *Fault { return &Fault{FlipBody: true} })
	if r := c.do("GET", "bkt/k", nil, nil); bytes.Equal(r.body, data) || len(r.body) != len(data) {
		t.Error("body not changed")
	}
	s.Fault(func(Request) *Fault { return &Fault{FlipUpload: true} })
	if r := c.do("PUT", "bkt/k", nil, []byte("abc")); r.etag() == md5hex([]byte("abc")) {
		t.Error("upload not changed")
	}
}

func TestFaultStalls(t *testing.T) {
	s, c, data := faulty(t)
	for name, x := range map[string]struct {
		fault  Fault
		method string
		body   []byte
	}{
		"download": {Fault{StallBody: 10}, "GET", nil},
		"upload":   {Fault{StallUpload: 10}, "PUT", data},
	} {
		s.Fault(func(Request) *Fault { return &x.fault })
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		req := c.request(x.method, "bkt/k", nil, x.body, "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		r := c.send(sign(req, c.e).WithContext(ctx))
		if !errors.Is(r.err, context.DeadlineExceeded) || len(r.body) > 10 {
			t.Errorf("%s: %v after %d bytes", name, r.err, len(r.body))
		}
	}
}

func TestPace(t *testing.T) {
	s, c, data := faulty(t)
	took := func(f func()) time.Duration {
		begin := time.Now()
		f()
		return time.Since(begin)
	}
	get := func() { c.must(200, "GET", "bkt/k", nil, nil) }
	s.SetLatency(50 * time.Millisecond)
	if d := took(get); d < 50*time.Millisecond {
		t.Errorf("latency: %v", d)
	}
	s.SetLatency(0)
	s.SetBandwidth(int64(len(data)) * 10) // the last piece goes when those before it have had their time
	both := took(func() {
		var wg sync.WaitGroup
		wg.Go(get)
		wg.Go(get)
		wg.Wait()
	})
	if both < 100*time.Millisecond {
		t.Errorf("two GETs under one cap: %v", both)
	}
	s.SetBandwidth(0)
	s.SetRequestBandwidth(int64(len(data)) * 10)
	if d := took(get); d < 60*time.Millisecond {
		t.Errorf("one GET under its own cap: %v", d)
	}
}

func TestCounts(t *testing.T) {
	s, c, data := faulty(t)
	c.must(200, "GET", "bkt/k", nil, nil, "X-Test", "1")
	c.must(404, "HEAD", "bkt/none", nil, nil)
	c.must(200, "GET", "bkt", q("list-type", "2"), nil)
	want := map[string]int{"GetObject": 1, "HeadObject": 1, "ListObjectsV2": 1}
	if have := s.Counts(); len(have) != 3 || have["GetObject"] != 1 || have["HeadObject"] != 1 || have["ListObjectsV2"] != 1 {
		t.Errorf("%v, want %v", have, want)
	}
	if s.Count() != 3 || s.Count("GetObject", "HeadObject") != 2 || s.Peak() != 1 || s.Connections() != 1 {
		t.Errorf("%d, peak %d, connections %d", s.Count(), s.Peak(), s.Connections())
	}
	log := s.Log()
	if len(log) != 3 || log[0].Out != int64(len(data)) || log[0].Header.Get("X-Test") != "1" || log[1].Status != 404 || log[1].Key != "none" {
		t.Errorf("%+v", log)
	}
	s.ResetCounts()
	if s.Count() != 0 || len(s.Log()) != 0 {
		t.Errorf("after the reset: %v", s.Counts())
	}
}

func TestQuota(t *testing.T) {
	s := New(t, WithQuota(100, 3), WithBucketQuota(60, -1))
	s.MakeBucket("bkt")
	s.MakeBucket("other")
	c := newRaw(t, Of(t, s))
	data := bytes.Repeat([]byte("x"), 50)
	put := func(path string, n int) {
		t.Helper()
		want := 200
		if n < 0 {
			want, n = 403, -n
		}
		if r := c.do("PUT", path, nil, data[:n]); r.status != want || want == 403 && r.code() != "QuotaExceeded" {
			t.Errorf("PUT %s of %d: %d %s", path, n, r.status, r.body)
		}
	}
	put("bkt/a", 50)
	put("bkt/b", -20)  // the bucket's
	put("bkt/a", 40)   // less than before
	put("other/a", 50) // 90 in all
	put("bkt/b", -15)
	put("bkt/b", 5)
	put("bkt/c", -1) // objects
	h := c.must(200, "HEAD", "bkt", nil, nil).header
	if h.Get("x-rgw-quota-user-size") != "100" || h.Get("x-rgw-quota-user-objects") != "3" || h.Get("x-rgw-quota-bucket-size") != "60" || h.Get("x-rgw-bytes-used") != "45" {
		t.Errorf("%v", h)
	}
	s.SetQuota(-1, -1)
	put("bkt/c", 1)
}
