package s3test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

func TestRefused(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		b := e.Bucket(t)
		path := b + "/k"
		good := newRaw(t, e)
		good.must(200, "PUT", path, nil, []byte("x"))
		for name, x := range map[string]struct {
			change func(*Endpoint)
			code   string
		}{
			"wrong secret": {func(e *Endpoint) { e.SecretKey += "x" }, "SignatureDoesNotMatch"},
			"unknown key":  {func(e *Endpoint) { e.AccessKey = "nobody" }, "InvalidAccessKeyId"},
		} {
			other := e
			x.change(&other)
			if r := newRaw(t, other).do("GET", path, nil, nil); r.status != 403 || r.code() != x.code {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		}
		if r := good.send(good.request("GET", path, nil, nil)); r.status != 403 || r.code() != "AccessDenied" {
			t.Errorf("anonymous: %d %s", r.status, r.body)
		}
		if r := good.send(good.request("GET", "", nil, nil)); r.status != 200 || !strings.Contains(string(r.body), "<ID>anonymous</ID>") {
			t.Errorf("anonymous list of buckets: %d %s", r.status, r.body)
		}
		req := good.request("PUT", path, nil, []byte("sent"))
		req.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64))
		if r := good.send(signer.SignV4(*req, e.AccessKey, e.SecretKey, "", "us-east-1")); r.status != 400 || r.code() != "XAmzContentSHA256Mismatch" {
			t.Errorf("other payload than signed: %d %s", r.status, r.body)
		}
		req = good.request("GET", path, nil, nil)
		req.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		req = signer.SignV4(*req, e.AccessKey, e.SecretKey, "", "us-east-1")
		req.URL.RawQuery = "uploadId=1" // not what was signed
		if r := good.send(req); r.status != 403 || r.code() != "SignatureDoesNotMatch" {
			t.Errorf("changed after signing: %d %s", r.status, r.body)
		}
		if r := good.do("PUT", path, nil, []byte("x"), "Content-MD5", "rL0Y20zC+Fzt72VPzMSk2A=="); r.status != 400 || r.code() != "BadDigest" {
			t.Errorf("wrong MD5: %d %s", r.status, r.body)
		}
		if r := good.must(200, "GET", path, nil, nil); string(r.body) != "x" {
			t.Errorf("a refused request changed the object to %q", r.body)
		}
	})
}

func TestPresigned(t *testing.T) {
	Each(t, func(t *testing.T, e Endpoint) {
		c, b := e.Client(t), e.Bucket(t)
		plain := newRaw(t, e)
		put, err := c.PresignedPutObject(t.Context(), b, "a key+", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		fetch := func(method, url string, body string) reply {
			req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			return plain.send(req)
		}
		if r := fetch("PUT", put.String(), "by link"); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		get, err := c.PresignedGetObject(t.Context(), b, "a key+", time.Hour, map[string][]string{"response-content-type": {"text/z"}})
		if err != nil {
			t.Fatal(err)
		}
		if r := fetch("GET", get.String(), ""); string(r.body) != "by link" || r.header.Get("Content-Type") != "text/z" {
			t.Errorf("%d %q %v", r.status, r.body, r.header)
		}
		if r := fetch("GET", strings.Replace(get.String(), "Expires=3600", "Expires=7200", 1), ""); r.status != 403 || r.code() != "SignatureDoesNotMatch" {
			t.Errorf("longer than signed: %d %s", r.status, r.body)
		}
		if e.Server != nil {
			e.Server.SetClockOffset(2 * time.Hour)
			if r := fetch("GET", get.String(), ""); r.status != 403 || r.code() != "AccessDenied" {
				t.Errorf("expired: %d %s", r.status, r.body)
			}
		}
	})
}

func TestClockAndToken(t *testing.T) {
	s := New(t, WithSessionToken("the token"))
	c := newRaw(t, Of(t, s))
	if r := c.do("GET", "", nil, nil); r.code() != "InvalidAccessKeyId" {
		t.Errorf("without the token: %d %s", r.status, r.body)
	}
	if r := c.do("GET", "", nil, nil, "X-Amz-Security-Token", "the token"); r.status != 200 {
		t.Errorf("with the token: %d %s", r.status, r.body)
	}
	s.SetClockOffset(-16 * time.Minute)
	r := c.do("GET", "", nil, nil, "X-Amz-Security-Token", "the token")
	if r.status != 403 || r.code() != "RequestTimeTooSkewed" {
		t.Errorf("skewed: %d %s", r.status, r.body)
	}
	if at, err := http.ParseTime(r.header.Get("Date")); err != nil || time.Since(at) < 15*time.Minute {
		t.Errorf("the answer's date is not the server's: %s", r.header.Get("Date"))
	}
}

func TestPublic(t *testing.T) {
	s := New(t)
	s.PutObject("open", "k", []byte("x"), nil)
	s.SetPublic("open", true)
	c := newRaw(t, Of(t, s))
	for path, want := range map[string]int{"open": 200, "open/k": 200, "open/none": 404} {
		if r := c.send(c.request("GET", path, nil, nil)); r.status != want {
			t.Errorf("GET %s: %d %s", path, r.status, r.body)
		}
	}
	if r := c.send(c.request("PUT", "open/k", nil, []byte("y"))); r.status != 403 {
		t.Errorf("anonymous PUT: %d", r.status)
	}
}

// TestChunkedBodies sends what minio-go signs piece by piece over plain HTTP.
func TestChunkedBodies(t *testing.T) {
	for name, options := range map[string][]Option{"rgw": nil, "trailers": {WithTrailers()}} {
		t.Run(name, func(t *testing.T) {
			e := Of(t, New(t, options...))
			b := e.Bucket(t)
			core := minio.Core{Client: e.Client(t)}
			for _, size := range []int{0, 1, 64 << 10, 200_000} {
				data := bytes.Repeat([]byte("x"), size)
				if _, err := core.PutObject(t.Context(), b, "k", bytes.NewReader(data), int64(size), "", "", minio.PutObjectOptions{}); err != nil {
					t.Fatal(err)
				}
				if o, _ := e.Server.Object(b, "k"); !bytes.Equal(o.Data, data) {
					t.Errorf("%d bytes became %d", size, len(o.Data))
				}
			}
			for _, rec := range e.Server.Log() {
				if rec.Op == "PutObject" && !strings.HasPrefix(rec.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
					t.Errorf("not sent in chunks: %v", rec.Header)
				}
			}
		})
	}
}

func TestTrailer(t *testing.T) {
	const framed = "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"
	send := func(s *Server, body string) reply {
		c := newRaw(t, Of(t, s))
		s.MakeBucket("bkt")
		req := c.request("PUT", "bkt/k", nil, []byte(body), "x-amz-decoded-content-length", "3", "Content-Encoding", "aws-chunked",
			"x-amz-trailer", "x-amz-checksum-crc32", "X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		return c.send(signer.SignV4(*req, s.AccessKey, s.SecretKey, "", "us-east-1"))
	}
	s := New(t, WithTrailers())
	if r := send(s, framed); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if o, _ := s.Object("bkt", "k"); string(o.Data) != "abc" {
		t.Errorf("stored %q", o.Data)
	}
	if r := send(s, strings.Replace(framed, "abc", "abd", 1)); r.status != 400 || r.code() != "BadDigest" {
		t.Errorf("wrong checksum: %d %s", r.status, r.body)
	}
	old := New(t)
	if r := send(old, framed); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if o, _ := old.Object("bkt", "k"); string(o.Data) != framed {
		t.Errorf("Ceph 16 stores the framing; here is %q", o.Data)
	}
}

// TestTLS sends what minio-go sends over HTTPS.
func TestTLS(t *testing.T) {
	e := Of(t, New(t, WithTLS()))
	b, c := e.Bucket(t), e.Client(t)
	for _, body := range []string{"", "data"} {
		if _, err := c.PutObject(t.Context(), b, "k", strings.NewReader(body), int64(len(body)), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		o, err := c.GetObject(t.Context(), b, "k", minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if have, err := io.ReadAll(o); err != nil || string(have) != body {
			t.Errorf("%q %v", have, err)
		}
	}
	bad := e
	bad.SecretKey = "wrong"
	if r := newRaw(t, bad).do("GET", b, nil, nil); r.code() != "SignatureDoesNotMatch" {
		t.Errorf("%d %s", r.status, r.body)
	}
	e.CAFile = ""
	if r := newRaw(t, e).do("GET", b, nil, nil); r.err == nil {
		t.Error("a client that does not know the certificate got an answer")
	}
}
