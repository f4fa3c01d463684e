package s3test

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// multipartETag returns md5(md5s)-N.
func multipartETag(parts ...[]byte) string {
	h := md5.New()
	for _, p := range parts {
		sum := md5.Sum(p)
		h.Write(sum[:])
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(parts))
}

// start begins a multipart upload and returns its ID.
func start(c *raw, path string, headers ...string) string {
	c.t.Helper()
	r := c.must(200, "POST", path, q("uploads", ""), nil, headers...)
	_, id, _ := strings.Cut(string(r.body), "<UploadId>")
	id, _, _ = strings.Cut(id, "</UploadId>")
	return id
}

func TestMultipart(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := newRaw(t, e), e.Bucket(t)
		big, small := bytes.Repeat([]byte("0123456789"), 600_000), []byte("the end")
		c.must(200, "PUT", b+"/src", nil, big)
		id := start(c, b+"/k", "Content-Type", "text/x", "x-amz-meta-a", "1")
		c.must(200, "PUT", b+"/k", q("uploadId", id, "partNumber", "1"), small)
		c.must(200, "PUT", b+"/k", q("uploadId", id, "partNumber", "1"), big) // the later wins
		r := c.must(200, "PUT", b+"/k", q("uploadId", id, "partNumber", "2"), nil, "x-amz-copy-source", "/"+b+"/src",
			"x-amz-copy-source-range", "bytes=10-5999999", "x-amz-copy-source-if-match", "wrong", "x-amz-copy-if-match", "wrong")
		if want := md5hex(big[10:]); !strings.Contains(string(r.body), want) {
			t.Errorf("part copy answers %s, want %s", r.body, want)
		}
		c.must(200, "PUT", b+"/k", q("uploadId", id, "partNumber", "7"), small)
		c.must(404, "HEAD", b+"/k", nil, nil)
		usage := c.must(200, "HEAD", b, nil, nil).header
		if bytes, err := strconv.Atoi(usage.Get("x-rgw-bytes-used")); err != nil || bytes < 3*len(big)-10+len(small) || usage.Get("x-rgw-object-count") != "5" {
			t.Errorf("usage with parts: %v", usage) // a real gateway may count the part that was written over as well
		}
		list := completion(7, md5hex(small), 1, md5hex(big), 2, md5hex(big[10:])) // the gateway sorts them
		c.must(200, "PUT", b+"/k", nil, small)                                    // conditions on completion are ignored
		r = c.must(200, "POST", b+"/k", q("uploadId", id), []byte(list), "If-None-Match", "*", "If-Match", "wrong")
		if !strings.Contains(string(r.body), "<ETag></ETag>") {
			t.Errorf("completion answers %s", r.body)
		}
		want := multipartETag(big, big[10:], small)
		r = c.must(200, "POST", b+"/k", q("uploadId", id), []byte(completion(1, md5hex(big), 2, md5hex(big[10:]), 7, md5hex(small)))) // as after a lost answer
		if !strings.Contains(string(r.body), "<ETag>"+want+"</ETag>") {
			t.Errorf("completion again answers %s", r.body)
		}
		r = c.must(200, "GET", b+"/k", nil, nil)
		if r.etag() != want || !bytes.Equal(r.body, bytes.Join([][]byte{big, big[10:], small}, nil)) {
			t.Errorf("got %d bytes, ETag %s, want %s", len(r.body), r.etag(), want)
		}
		if r.header.Get("Content-Type") != "text/x" || r.header.Get("x-amz-meta-a") != "1" {
			t.Errorf("headers %v", r.header)
		}
		c.must(200, "PUT", b+"/copy", nil, nil, "x-amz-copy-source", b+"/k")
		if r := c.must(200, "HEAD", b+"/copy", nil, nil); r.etag() != want {
			t.Errorf("copy's ETag %s, want %s", r.etag(), want)
		}
	})
}

func TestMultipartErrors(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := newRaw(t, e), e.Bucket(t)
		data, path := []byte("a small part"), b+"/k"
		id := start(c, path)
		for _, n := range []string{"1", "2"} {
			c.must(200, "PUT", path, q("uploadId", id, "partNumber", n), data)
		}
		c.must(200, "PUT", b+"/src", nil, data)
		expect := func(status int, code string, r reply) {
			t.Helper()
			if r.status != status || r.code() != code {
				t.Errorf("%d %s, want %d %s", r.status, r.body, status, code)
			}
		}
		complete := func(id, list string) reply { return c.do("POST", path, q("uploadId", id), []byte(list)) }
		expect(400, "EntityTooSmall", complete(id, completion(1, md5hex(data), 2, md5hex(data))))
		expect(400, "InvalidPart", complete(id, completion(1, md5hex(data)))) // all that were uploaded must be named
		expect(400, "InvalidPart", complete(id, completion(1, md5hex(nil))))
		expect(400, "InvalidPart", complete(id, completion(2, md5hex(data))))
		expect(400, "MalformedXML", complete(id, "<junk"))
		expect(500, "InternalError", complete("2~none", completion(1, md5hex(data)))) // where AWS has NoSuchUpload
		expect(404, "NoSuchUpload", c.do("PUT", path, q("uploadId", "2~none", "partNumber", "1"), data))
		expect(404, "NoSuchKey", c.do("GET", path, q("uploadId", "2~none"), nil))
		from := func(source, span string) reply {
			return c.do("PUT", path, q("uploadId", id, "partNumber", "3"), nil, "x-amz-copy-source", source, "x-amz-copy-source-range", span)
		}
		expect(404, "NoSuchKey", from(b+"/none", "bytes=0-1"))
		expect(416, "InvalidRange", from(b+"/src", "bytes=0-12"))
		expect(416, "InvalidRange", from(b+"/src", "bytes=12-20"))
		expect(200, "", from(b+"/src", "bytes=0-11"))
		c.must(204, "DELETE", path, q("uploadId", id), nil)
		expect(404, "NoSuchUpload", c.do("DELETE", path, q("uploadId", id), nil))
	})
}

// completion returns the body of a CompleteMultipartUpload of number, ETag pairs.
func completion(pairs ...any) string {
	text := "<CompleteMultipartUpload>"
	for i := 0; i < len(pairs); i += 2 {
		text += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>&quot;%s&quot;</ETag></Part>", pairs[i], pairs[i+1])
	}
	return text + "</CompleteMultipartUpload>"
}

// TestPartCopySource: the gateway decodes the source of a part copy twice, so that a key with an escape in it names another object.
func TestPartCopySource(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := newRaw(t, e), e.Bucket(t)
		keys := map[string]string{"a b": "a%20b", "a%20b": "a%2520b", "a+b": "a%2Bb", "å/?": "%C3%A5/%3F"}
		for k := range keys {
			c.must(200, "PUT", b+"/"+k, nil, []byte(k))
		}
		id := start(c, b+"/dst")
		for k, escaped := range keys {
			want := k
			if k == "a%20b" {
				want = "a b"
			}
			r := c.must(200, "PUT", b+"/dst", q("uploadId", id, "partNumber", "1"), nil, "x-amz-copy-source", b+"/"+escaped)
			if !strings.Contains(string(r.body), md5hex([]byte(want))) {
				t.Errorf("part copy of %q: %s, not the bytes of %q", k, r.body, want)
			}
			r = c.must(200, "PUT", b+"/whole", nil, nil, "x-amz-copy-source", b+"/"+escaped)
			if !strings.Contains(string(r.body), md5hex([]byte(k))) {
				t.Errorf("copy of %q: %s", k, r.body)
			}
		}
		c.must(204, "DELETE", b+"/dst", q("uploadId", id), nil)
	})
	s := New(t) // what follows ends a real gateway
	s.PutObject("bkt", "100%", []byte("x"), nil)
	c := newRaw(t, Of(t, s))
	id := start(c, "bkt/dst")
	if r := c.do("PUT", "bkt/dst", q("uploadId", id, "partNumber", "1"), nil, "x-amz-copy-source", "bkt/100%25"); r.err == nil {
		t.Errorf("part copy of a key that does not decode twice: %d", r.status)
	}
	c.must(200, "PUT", "bkt/dst", nil, nil, "x-amz-copy-source", "bkt/100%25")
}
