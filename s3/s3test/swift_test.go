package s3test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// placeLarge stores data in segments under b/dlo and b/slo, through Swift's API on a real gateway.
func placeLarge(t *testing.T, e Endpoint, b string, segments ...[]byte) {
	t.Helper()
	if e.Server != nil {
		e.Server.PutDLO(b, "dlo", b, ".seg/dlo/", segments...)
		e.Server.PutSLO(b, "slo", b, ".seg/slo/", segments...)
		return
	}
	auth := os.Getenv("ALLASFS_TEST_SWIFT_AUTH")
	if auth == "" {
		t.Skip("ALLASFS_TEST_SWIFT_AUTH names no Swift login")
	}
	c := newRaw(t, e)
	req, err := http.NewRequestWithContext(t.Context(), "GET", auth, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-User", os.Getenv("ALLASFS_TEST_SWIFT_USER"))
	req.Header.Set("X-Auth-Key", os.Getenv("ALLASFS_TEST_SWIFT_KEY"))
	login := c.send(req)
	put := func(name string, body []byte, header ...string) {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", login.header.Get("X-Storage-Url")+"/"+b+"/"+name, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Auth-Token", login.header.Get("X-Auth-Token"))
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		if r := c.send(req); r.status != 201 {
			t.Fatalf("swift PUT %s: %d %s %v", name, r.status, r.body, r.err)
		}
	}
	type line struct {
		Path string `json:"path"`
		ETag string `json:"etag"`
		Size int    `json:"size_bytes"`
	}
	var manifest []line
	for i, data := range segments {
		put(fmt.Sprintf(".seg/dlo/%08d", i), data)
		name := fmt.Sprintf(".seg/slo/%08d", i)
		put(name, data)
		manifest = append(manifest, line{"/" + b + "/" + name, md5hex(data), len(data)})
	}
	put("dlo", nil, "X-Object-Manifest", b+"/.seg/dlo/")
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	put("slo?multipart-manifest=put", text)
}

const etagOfNothing = "d41d8cd98f00b204e9800998ecf8427e"

func TestSwiftLargeObjects(t *testing.T) {
	segments := [][]byte{[]byte("AAAAAAAAAA"), []byte("BBBBBBBBBB"), []byte("CCCCC")}
	whole := string(bytes.Join(segments, nil))
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := newRaw(t, e), e.Bucket(t)
		placeLarge(t, e, b, segments...)
		l, _ := c.list(b, q("delimiter", "/"))
		for _, o := range l.Contents {
			if strings.Trim(o.ETag, `"`) != etagOfNothing || (o.Key == "dlo") != (o.Size == 0) || o.Size == int64(len(whole)) {
				t.Errorf("listed: %+v", o)
			}
		}
		etag := md5hex([]byte(md5hex(segments[0]) + md5hex(segments[1]) + md5hex(segments[2])))
		for _, k := range []string{"dlo", "slo"} {
			checkLarge(t, c, b+"/"+k, k, whole, etag)
			checkLargeCopy(t, c, b, k, whole, etag)
		}
	})
}

// checkLarge checks how a large object looks by HEAD and GET.
func checkLarge(t *testing.T, c *raw, path, kind, whole, etag string) {
	t.Helper()
	for _, method := range []string{"HEAD", "GET"} {
		r := c.must(200, method, path, nil, nil)
		if r.header.Get("Content-Length") != fmt.Sprint(len(whole)) || r.etag() != etag {
			t.Errorf("%s %s: %v, want ETag %s", method, kind, r.header, etag)
		}
		if method == "GET" && string(r.body) != whole {
			t.Errorf("%s: %q", kind, r.body)
		}
		if kind == "slo" && r.header.Get("x-object-meta-static-large-object") != "True" || kind == "dlo" && !strings.HasSuffix(r.header.Get("x-object-manifest"), "/.seg/dlo/") {
			t.Errorf("%s: what tells it is missing: %v", kind, r.header)
		}
		c.must(412, method, path, nil, nil, "If-Match", etag)
		c.must(200, method, path, nil, nil, "If-None-Match", etag)
	}
	r := c.must(206, "GET", path, nil, nil, "Range", "bytes=8-21", "If-Match", etagOfNothing, "Connection", "close") // see TestOverrun
	if string(r.body) != whole[8:22] || r.header.Get("Content-Range") != "bytes 0-21/25" {                           // the start is wrong, on the gateway as well
		t.Errorf("%s: range %q, %s", kind, r.body, r.header.Get("Content-Range"))
	}
	c.must(416, "GET", path, nil, nil, "Range", "bytes=25-")
}

// checkLargeCopy checks that a copy is another manifest, and that a copy with new metadata or by parts has no bytes.
func checkLargeCopy(t *testing.T, c *raw, b, kind, whole, etag string) {
	t.Helper()
	src := "/" + b + "/" + kind
	c.must(412, "PUT", b+"/copy", nil, nil, "x-amz-copy-source", src, "x-amz-copy-if-match", etag)
	r := c.must(200, "PUT", b+"/copy", nil, nil, "x-amz-copy-source", src, "x-amz-copy-if-match", etagOfNothing)
	if !strings.Contains(string(r.body), "<ETag>"+etagOfNothing+"</ETag>") {
		t.Errorf("copy answers %s", r.body)
	}
	checkLarge(t, c, b+"/copy", kind, whole, etag)
	l, _ := c.list(b, q("prefix", "copy"))
	if len(l.Contents) != 1 || l.Contents[0].Size != 0 {
		t.Errorf("copy listed: %+v", l)
	}
	c.must(200, "PUT", b+"/copy", nil, nil, "x-amz-copy-source", b+"/copy", "x-amz-metadata-directive", "REPLACE")
	if r := c.must(200, "GET", b+"/copy", nil, nil); len(r.body) != 0 || r.etag() != etagOfNothing {
		t.Errorf("copy onto itself with REPLACE: %q %v", r.body, r.header)
	}
	id := start(c, b+"/parts")
	r = c.must(200, "PUT", b+"/parts", q("uploadId", id, "partNumber", "1"), nil, "x-amz-copy-source", src, "x-amz-copy-source-range", "bytes=0-9")
	if !strings.Contains(string(r.body), etagOfNothing) {
		t.Errorf("part copy answers %s", r.body)
	}
	c.must(204, "DELETE", b+"/parts", q("uploadId", id), nil)
}

// TestOverrun: after a range of a DLO that ends within a segment comes one byte more than announced.
func TestOverrun(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := newRaw(t, e), e.Bucket(t)
		placeLarge(t, e, b, []byte("AAAAAAAAAA"), []byte("BBBBBBBBBB"), []byte("CCCCC"))
		for span, extra := range map[string]string{"8-21": "C", "8-19": "", "0-4": "A", "5-9": "", "20-22": "C", "0-24": "", "3-": ""} {
			for _, k := range []string{"dlo", "slo"} { // in this order: only the first overruns
				req := sign(c.request("GET", b+"/"+k, nil, nil, "Range", "bytes="+span, "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), e)
				conn, err := net.Dial("tcp", req.URL.Host)
				if err != nil {
					t.Fatal(err)
				}
				if err := req.Write(conn); err != nil {
					t.Fatal(err)
				}
				_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				in := bufio.NewReader(conn)
				resp, err := http.ReadResponse(in, req)
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.Copy(io.Discard, resp.Body)
				more, _ := io.ReadAll(in) // until the deadline
				if k == "slo" {
					extra = ""
				}
				if err != nil || string(more) != extra {
					t.Errorf("%s %s: %q after the body, %v", k, span, more, err)
				}
				_ = conn.Close()
			}
		}
		if e.Server == nil {
			return
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(e.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for range 3 { // the connection stays in use
			req := sign(c.request("GET", b+"/dlo", nil, nil, "Range", "bytes=0-4", "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), e)
			if err := req.Write(conn); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(in, req)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "AAAAA" {
				t.Errorf("%q %v", body, err)
			}
			if extra, err := in.ReadByte(); err != nil || extra != 'A' {
				t.Errorf("%q %v", extra, err)
			}
		}
	})
}

func TestMissingSegment(t *testing.T) {
	s := New(t) // a real gateway takes a minute to end the short body
	segments := [][]byte{[]byte("AAAAAAAAAA"), []byte("BBBBBBBBBB"), []byte("CCCCC")}
	s.PutDLO("bkt", "dlo", "segs", "d/", segments...)
	s.PutSLO("bkt", "slo", "segs", "s/", segments...)
	s.Delete("segs", "d/00000001")
	s.Delete("segs", "s/00000001")
	c := newRaw(t, Of(t, s))
	if r := c.must(200, "GET", "bkt/dlo", nil, nil); string(r.body) != "AAAAAAAAAACCCCC" {
		t.Errorf("DLO: %q", r.body)
	}
	if r := c.must(200, "HEAD", "bkt/slo", nil, nil); r.header.Get("Content-Length") != "25" {
		t.Errorf("SLO: %v", r.header)
	}
	if r := c.do("GET", "bkt/slo", nil, nil); r.err == nil || string(r.body) != "AAAAAAAAAA" {
		t.Errorf("SLO: %q %v", r.body, r.err)
	}
	c.must(404, "GET", "bkt/slo", nil, nil, "Range", "bytes=12-15")
	if r := c.must(206, "GET", "bkt/slo", nil, nil, "Range", "bytes=20-21"); string(r.body) != "CC" {
		t.Errorf("behind the gap: %q", r.body)
	}
	s.Delete("segs", "s/00000000")
	c.must(404, "HEAD", "bkt/slo", nil, nil)
}
