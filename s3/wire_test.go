package s3_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// tap records the requests that pass.
type tap struct {
	http.RoundTripper
	mu   sync.Mutex
	seen []*http.Request
}

func (w *tap) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.seen = append(w.seen, r)
	w.mu.Unlock()
	return w.RoundTripper.RoundTrip(r)
}

func TestWire(t *testing.T) {
	for name, o := range map[string][]s3test.Option{"http": nil, "https": {s3test.WithTLS()}} {
		t.Run(name, func(t *testing.T) {
			e := s3test.Of(t, s3test.New(t, o...))
			w := &tap{}
			b := bench{client(t, e, func(c *s3.Config) {
				c.Wrap = func(rt http.RoundTripper) http.RoundTripper { w.RoundTripper = rt; return w }
			}), e, e.Bucket(t)}
			v := b.put(t, "k", random(2<<20), s3.PutOptions{}).Version(b.bucket)
			b.put(t, "empty", nil, s3.PutOptions{})
			b.read(t, v, 0, 100)
			if _, err := b.List(t.Context(), b.bucket, s3.ListOptions{}); err != nil {
				t.Fatal(err)
			}
			testWire(t, w.seen, e.Server.Log(), b.bucket)
			if n := e.Server.Connections(); n != 1 {
				t.Errorf("%d connections for requests one after the other, want 1", n)
			}
		})
	}
}

func testWire(t *testing.T, seen []*http.Request, log []s3test.Record, bucket string) {
	t.Helper()
	if len(seen) != 4 || len(log) != 4 {
		t.Fatalf("%d requests, of which %d came; want 4", len(seen), len(log))
	}
	for i, r := range seen {
		if !strings.HasPrefix(r.URL.Path, "/"+bucket) {
			t.Errorf("%s %s is not path style", r.Method, r.URL)
		}
		if got := r.Header.Get("X-Amz-Content-Sha256"); got != "UNSIGNED-PAYLOAD" {
			t.Errorf("%s: payload hash %q", r.Method, got)
		}
		if !strings.Contains(r.Header.Get("Authorization"), "/regionOne/s3/") {
			t.Errorf("%s: signed as %q", r.Method, r.Header.Get("Authorization"))
		}
		for name := range log[i].Header {
			if strings.HasPrefix(name, "X-Amz-Checksum") || name == "X-Amz-Trailer" || name == "Transfer-Encoding" || name == "X-Amz-Sdk-Checksum-Algorithm" {
				t.Errorf("%s has header %s", r.Method, name)
			}
		}
	}
	if seen[1].ContentLength != 0 || len(seen[1].TransferEncoding) != 0 {
		t.Errorf("empty PUT: length %d, encoding %v", seen[1].ContentLength, seen[1].TransferEncoding)
	}
}

func TestSecretsStayInside(t *testing.T) {
	cfg := s3.Config{Endpoint: "https://example.org", AccessKey: "key", SecretKey: "verysecretvalue", SessionToken: "secrettoken"}
	c, err := s3.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", cfg)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", cfg, cfg, cfg, cfg), fmt.Sprintf("%+v %#v", c, c), log.String()} {
		if strings.Contains(text, "secretvalue") || strings.Contains(text, "secrettoken") {
			t.Errorf("a secret in %s", text)
		}
	}
}

func TestEndpoints(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"https://a3s.fi": true, "https://a3s.fi/": true, "http://127.0.0.1:7480": true,
		"a3s.fi": false, "": false, "ftp://a3s.fi": false, "https://": false, "https://a3s.fi/path": false, "https://user:pw@a3s.fi": false,
	} {
		c, err := s3.New(s3.Config{Endpoint: endpoint})
		if (err == nil) != ok {
			t.Errorf("%q: %v", endpoint, err)
		}
		if err == nil && c.Endpoint() != strings.TrimRight(endpoint, "/") {
			t.Errorf("%q became %q", endpoint, c.Endpoint())
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("a password in %v", err)
		}
	}
	if _, err := s3.New(s3.Config{Endpoint: "https://a3s.fi", AccessKey: "half"}); err == nil {
		t.Error("half a key pair is taken")
	}
	if _, err := s3.New(s3.Config{Endpoint: "https://a3s.fi", CAFile: "/nonexistent"}); err == nil {
		t.Error("a missing CA file is taken")
	}
}

// AWS wants quotes around If-Match and honours it on completions; it refuses big copies.
func TestOtherDialect(t *testing.T) {
	e := s3test.Of(t, s3test.New(t, s3test.AWS()))
	for name, test := range map[string]func(*testing.T, bench){
		"conditions": testConditions, "multipart": testMultipart, "multipart conditions": testMultipartConditions, "part copy": testCopyPart,
		"copy": testCopy, "copy conditions": testCopyConditions, "buckets": testBuckets, "names": testNames, "missing": testMissing,
	} {
		t.Run(name, func(t *testing.T) { test(t, bench{client(t, e, nil), e, e.Bucket(t)}) })
	}
}

func TestIfMatchFormIsFoundOnce(t *testing.T) {
	for name, o := range map[string][]s3test.Option{"bare": nil, "quoted": {s3test.AWS()}} {
		t.Run(name, func(t *testing.T) {
			b, server := faulty(t, o...)
			etag := b.put(t, "k", []byte("0"), s3.PutOptions{}).ETag
			for i := range 5 {
				if i == 1 {
					server.ResetCounts()
				}
				etag = b.put(t, "k", []byte{byte(i)}, s3.PutOptions{IfMatch: etag}).ETag
			}
			if n := server.Count(); n != 4 {
				t.Errorf("%d requests for 4 writes after the first, want 4", n)
			}
		})
	}
}

func TestCopyByParts(t *testing.T) {
	server := s3test.New(t, s3test.WithCopyLimit(256<<20))
	e := s3test.Of(t, server)
	b := bench{client(t, e, nil), e, e.Bucket(t)}
	const size = 600 << 20
	etag := server.PutRepeated(b.bucket, "big", random(1000), size)
	src := b.head(t, "big")
	if src.ETag != etag {
		t.Fatalf("head %+v, want ETag %s", src, etag)
	}
	src.Meta = nil
	c, err := b.Copy(t.Context(), src.Version(b.bucket), b.bucket, "copy", s3.CopyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Size != size || server.Count("UploadPartCopy") != 3 || server.Uploads(b.bucket) != 0 {
		t.Errorf("%+v by %v, %d uploads left", c, server.Counts(), server.Uploads(b.bucket))
	}
	for _, off := range []int64{0, 256<<20 - 50, size - 100} {
		if !bytes.Equal(b.read(t, c.Version(b.bucket), off, 100), b.read(t, src.Version(b.bucket), off, 100)) {
			t.Errorf("other bytes at %d", off)
		}
	}
	stale := src.Version(b.bucket)
	stale.ETag = "0123456789abcdef0123456789abcdef-9"
	_, err = b.Copy(t.Context(), stale, b.bucket, "copy2", s3.CopyOptions{})
	wantIs(t, err, s3.ErrChanged)
	if n := server.Uploads(b.bucket); n != 0 {
		t.Errorf("%d uploads left", n)
	}
}
