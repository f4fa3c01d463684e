package s3test

import (
	"crypto/md5"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"
)

// The tests of this file hold on the embedded server and on a real gateway alike: they prove the embedded one honest.

func md5hex(data ...[]byte) string {
	h := md5.New()
	for _, d := range data {
		h.Write(d)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestPutConditions(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := newRaw(t, e), e.Bucket(t)
		etag := c.must(200, "PUT", b+"/k", nil, []byte("one")).etag()
		if etag != md5hex([]byte("one")) {
			t.Errorf("ETag %s", etag)
		}
		for _, x := range []struct {
			name, key, header, value string
			want                     int
		}{
			{"create over something", "k", "If-None-Match", "*", 412},
			{"create", "new", "If-None-Match", "*", 200},
			{"right but quoted", "k", "If-Match", `"` + etag + `"`, 412},
			{"stale", "k", "If-Match", md5hex(nil), 412},
			{"right", "k", "If-Match", etag, 200},
			{"of nothing", "missing", "If-Match", etag, 412},
			{"anything", "k", "If-Match", "*", 200},
			{"anything of nothing", "missing", "If-Match", "*", 412},
			{"by date", "k", "If-Unmodified-Since", "Mon, 02 Jan 2006 15:04:05 GMT", 200},
			{"unknown header", "k", "x-amz-write-offset-bytes", "3", 200},
		} {
			if r := c.do("PUT", b+"/"+x.key, nil, []byte("one"), x.header, x.value); r.status != x.want {
				t.Errorf("%s: %d %s, want %d", x.name, r.status, r.body, x.want)
			} else if x.want == 412 && r.code() != "PreconditionFailed" {
				t.Errorf("%s: code %s", x.name, r.code())
			}
		}
		c.must(204, "DELETE", b+"/k", nil, nil, "If-Match", md5hex(nil)) // ignored
		c.must(404, "HEAD", b+"/k", nil, nil)
		c.must(204, "DELETE", b+"/k", nil, nil)
	})
}

func TestCopyQuirks(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := newRaw(t, e), e.Bucket(t)
		data := []byte("some bytes")
		etag := md5hex(data)
		c.must(200, "PUT", b+"/a b+ä", nil, data, "Content-Type", "text/a", "x-amz-meta-My_Key", "v", "Cache-Control", "no-store")
		src := "/" + b + "/a%20b%2B%C3%A4"
		for _, x := range []struct {
			name, header, value string
			want                int
		}{
			{"AWS' name, wrong", "x-amz-copy-source-if-match", "wrong", 200},
			{"RGW's name, wrong", "x-amz-copy-if-match", "wrong", 412},
			{"RGW's name, right", "x-amz-copy-if-match", etag, 200},
			{"RGW's name, right and quoted", "x-amz-copy-if-match", `"` + etag + `"`, 200},
			{"destination's, wrong", "If-Match", "wrong", 200},
			{"destination's, exists", "If-None-Match", "*", 200},
		} {
			if r := c.do("PUT", b+"/copy", nil, nil, "x-amz-copy-source", src, x.header, x.value); r.status != x.want {
				t.Errorf("%s: %d %s, want %d", x.name, r.status, r.body, x.want)
			}
		}
		r := c.must(200, "GET", b+"/copy", nil, nil)
		if string(r.body) != string(data) || r.etag() != etag || r.header.Get("Content-Type") != "text/a" || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("copy: %q %v", r.body, r.header)
		}
		if r.header.Get("x-amz-meta-my-key") != "v" {
			t.Errorf("metadata of the copy: %v", r.header)
		}
		if r := c.do("PUT", b+"/copy", nil, nil, "x-amz-copy-source", "/"+b+"/copy"); r.status != 400 || r.code() != "InvalidRequest" {
			t.Errorf("copy onto itself: %d %s", r.status, r.body)
		}
		time.Sleep(1100 * time.Millisecond) // dates have seconds
		c.must(200, "PUT", b+"/copy", nil, nil, "x-amz-copy-source", "/"+b+"/copy", "x-amz-metadata-directive", "REPLACE", "x-amz-meta-new", "n")
		again := c.must(200, "GET", b+"/copy", nil, nil)
		if again.etag() != etag || string(again.body) != string(data) || again.header.Get("x-amz-meta-new") != "n" || again.header.Get("x-amz-meta-my-key") != "" {
			t.Errorf("onto itself with REPLACE: %q %v", again.body, again.header)
		}
		if again.header.Get("Last-Modified") == r.header.Get("Last-Modified") {
			t.Error("Last-Modified did not move")
		}
		if r := c.do("PUT", b+"/copy", nil, nil, "x-amz-copy-source", b+"/none"); r.status != 404 || r.code() != "NoSuchKey" {
			t.Errorf("copy of nothing: %d %s", r.status, r.body)
		}
		if r := c.do("PUT", b+"/copy", nil, nil, "x-amz-copy-source", b+"none/none"); r.status != 404 {
			t.Errorf("copy from no bucket: %d %s", r.status, r.body)
		}
	})
}

func TestReadQuirks(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := newRaw(t, e), e.Bucket(t)
		put := c.must(200, "PUT", b+"/k", nil, []byte("0123456789"))
		c.must(200, "PUT", b+"/empty", nil, nil)
		for _, x := range []struct {
			key, header, value string
			status             int
			body, span         string
		}{
			{"k", "Range", "bytes=2-4", 206, "234", "bytes 2-4/10"},
			{"k", "Range", "bytes=2-", 206, "23456789", "bytes 2-9/10"},
			{"k", "Range", "bytes=-3", 206, "789", "bytes 7-9/10"},
			{"k", "Range", "bytes=8-99", 206, "89", "bytes 8-9/10"},
			{"k", "Range", "bytes=10-", 416, "", ""},
			{"empty", "Range", "bytes=0-", 416, "", ""},
			{"k", "If-Match", put.etag(), 200, "0123456789", ""},
			{"k", "If-Match", `"` + put.etag() + `"`, 200, "0123456789", ""},
			{"k", "If-Match", `"` + md5hex(nil) + `"`, 412, "", ""},
			{"k", "If-Match", "*", 412, "", ""},
			{"k", "If-None-Match", "*", 200, "0123456789", ""},
			{"k", "Range", "bytes=5-2", 416, "", ""},
			{"k", "Range", "bytes=-99", 206, "0123456789", "bytes 0-9/10"},
			{"k", "If-None-Match", `"` + put.etag() + `"`, 304, "", ""},
			{"missing", "Range", "bytes=2-4", 404, "", ""},
		} {
			r := c.do("GET", b+"/"+x.key, nil, nil, x.header, x.value)
			if r.status != x.status || r.status < 300 && (string(r.body) != x.body || r.header.Get("Content-Range") != x.span) {
				t.Errorf("GET %s %s %s: %d %q %s", x.key, x.header, x.value, r.status, r.body, r.header.Get("Content-Range"))
			}
			if h := c.do("HEAD", b+"/"+x.key, nil, nil, x.header, x.value); len(h.body) > 0 || x.header != "Range" && h.status != x.status {
				t.Errorf("HEAD %s %s %s: %d %q", x.key, x.header, x.value, h.status, h.body)
			}
		}
		r := c.must(200, "HEAD", b+"/k", nil, nil)
		if r.header.Get("Content-Length") != "10" || r.header.Get("Accept-Ranges") != "bytes" || r.header.Get("x-rgw-object-type") != "Normal" {
			t.Errorf("HEAD: %v", r.header)
		}
		if r.header.Get("Content-Type") != "binary/octet-stream" {
			t.Errorf("Content-Type of an object without: %v", r.header)
		}
	})
}

func TestNames(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := newRaw(t, e), e.Bucket(t)
		for _, key := range []string{
			"dir//x", "a/../b", "./x", "/lead", "trail/", "\x01\x02\x1f", `back\slash`, strings.Repeat("k", 1024), "file", "file/child", "ä ö+?#%&=;:@$,'()*!~",
		} {
			c.must(200, "PUT", b+"/"+key, nil, []byte(key))
			if r := c.must(200, "GET", b+"/"+key, nil, nil); string(r.body) != key {
				t.Errorf("%q holds %q", key, r.body)
			}
		}
		if r := c.do("PUT", b+"/"+strings.Repeat("k", 1025), nil, []byte("x")); r.status != 400 || r.code() != "InvalidObjectName" {
			t.Errorf("key too long: %d %s", r.status, r.body)
		}
		for name, code := range map[string]string{"ab": "InvalidBucketName", "Upper-Case": "InvalidBucketName", "under_score": "InvalidBucketName", "1.2.3.4": "InvalidBucketName"} {
			if r := c.do("PUT", name, nil, nil); r.status != 400 || r.code() != code {
				t.Errorf("make %s: %d %s", name, r.status, r.body)
			}
		}
	})
}

func TestBuckets(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := newRaw(t, e), e.Bucket(t)
		c.must(200, "PUT", b, nil, nil) // one's own
		c.must(200, "PUT", b+"/k", nil, []byte("0123456789"))
		r := c.must(200, "HEAD", b, nil, nil)
		for name, want := range map[string]string{
			"x-rgw-object-count": "1", "x-rgw-bytes-used": "10", "x-rgw-quota-user-size": "-1", "x-rgw-quota-user-objects": "-1",
			"x-rgw-quota-bucket-size": "-1", "x-rgw-quota-bucket-objects": "-1", "x-rgw-quota-max-buckets": "1000",
		} {
			if have := r.header.Get(name); have != want {
				t.Errorf("%s: %s, want %s", name, have, want)
			}
		}
		if r := c.do("DELETE", b, nil, nil); r.status != 409 || r.code() != "BucketNotEmpty" {
			t.Errorf("delete: %d %s", r.status, r.body)
		}
		if r := c.do("PUT", b+"x", nil, []byte("<CreateBucketConfiguration><LocationConstraint>nowhere</LocationConstraint></CreateBucketConfiguration>")); r.status != 400 || r.code() != "InvalidLocationConstraint" {
			t.Errorf("location: %d %s", r.status, r.body)
		}
		c.must(204, "DELETE", b+"/k", nil, nil)
		c.must(204, "DELETE", b, nil, nil)
		if r := c.do("DELETE", b, nil, nil); r.status != 404 || r.code() != "NoSuchBucket" {
			t.Errorf("delete again: %d %s", r.status, r.body)
		}
		if r := c.do("GET", b, nil, nil); r.status != 404 || r.code() != "NoSuchBucket" {
			t.Errorf("list: %d %s", r.status, r.body)
		}
		c.must(404, "HEAD", b, nil, nil)
		if r := c.do("PUT", b+"/k", nil, []byte("x")); r.status != 404 || r.code() != "NoSuchBucket" {
			t.Errorf("put: %d %s", r.status, r.body)
		}
	})
}

func TestAppend(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := newRaw(t, e), e.Bucket(t)
		r := c.must(200, "PUT", b+"/log", q("append", "", "position", "0"), []byte("one "))
		if r.etag() != md5hex([]byte("one ")) || r.header.Get("x-rgw-next-append-position") != "4" {
			t.Errorf("append: %v", r.header)
		}
		c.must(200, "PUT", b+"/log", q("append", "", "position", "4"), []byte("two"))
		if r := c.do("PUT", b+"/log", q("append", "", "position", "4"), []byte("three")); r.status != 409 || r.code() != "PositionNotEqualToLength" {
			t.Errorf("wrong position: %d %s", r.status, r.body)
		}
		r = c.must(200, "GET", b+"/log", nil, nil)
		if string(r.body) != "one two" || r.header.Get("x-rgw-object-type") != "Appendable" || !strings.Contains(r.etag(), "-") {
			t.Errorf("%q %v", r.body, r.header)
		}
		c.must(200, "GET", b+"/log", nil, nil, "If-Match", `"`+r.etag()+`"`)
		c.must(200, "PUT", b+"/copy", nil, nil, "x-amz-copy-source", b+"/log")
		if r := c.must(200, "HEAD", b+"/copy", nil, nil); r.header.Get("x-rgw-object-type") != "Appendable" {
			t.Errorf("copy: %v", r.header)
		}
		c.must(200, "PUT", b+"/copy", nil, nil, "x-amz-copy-source", b+"/copy", "x-amz-metadata-directive", "REPLACE")
		if r := c.must(200, "GET", b+"/copy", nil, nil); r.header.Get("x-rgw-object-type") != "Normal" || string(r.body) != "one two" {
			t.Errorf("copy onto itself: %v %q", r.header, r.body)
		}
		c.must(200, "PUT", b+"/plain", nil, []byte("x"))
		if r := c.do("PUT", b+"/plain", q("append", "", "position", "1"), []byte("y")); r.status != 409 || r.code() != "ObjectNotAppendable" {
			t.Errorf("plain: %d %s", r.status, r.body)
		}
	})
}

func TestOtherProject(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		s := New(t, WithUser("other", "othersecret"))
		otherProject(t, Of(t, s), "other", "othersecret")
	})
	gateway, ok := Gateway()
	if access, secret := os.Getenv("ALLASFS_TEST_ACCESS_KEY2"), os.Getenv("ALLASFS_TEST_SECRET_KEY2"); ok && access != "" {
		t.Run("gateway", func(t *testing.T) { otherProject(t, gateway, access, secret) })
	}
}

func otherProject(t *testing.T, e Endpoint, access, secret string) {
	b := e.Bucket(t)
	newRaw(t, e).must(200, "PUT", b+"/k", nil, []byte("x"))
	o := e
	o.AccessKey, o.SecretKey = access, secret
	c := newRaw(t, o)
	if r := c.do("PUT", b, nil, nil); r.status != 409 || r.code() != "BucketAlreadyExists" {
		t.Errorf("make: %d %s", r.status, r.body)
	}
	for _, x := range [][2]string{{"GET", b}, {"GET", b + "/k"}, {"PUT", b + "/new"}, {"DELETE", b + "/k"}, {"DELETE", b}} {
		if r := c.do(x[0], x[1], nil, nil); r.status != 403 || r.code() != "AccessDenied" {
			t.Errorf("%s: %d %s", x, r.status, r.body)
		}
	}
	c.must(403, "HEAD", b, nil, nil)
	c.must(403, "HEAD", b+"/k", nil, nil)
}
