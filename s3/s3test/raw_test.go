package s3test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// raw sends single requests as a test writes them, signed, where a client library would choose the headers itself.
type raw struct {
	t      testing.TB
	e      Endpoint
	client *http.Client
}

func newRaw(t testing.TB, e Endpoint) *raw {
	tr := &http.Transport{}
	if e.CAFile != "" {
		pem, err := os.ReadFile(e.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		tr.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &raw{t: t, e: e, client: &http.Client{Transport: tr}}
}

type reply struct {
	status int
	header http.Header
	body   []byte
	err    error // of the connection or of reading the body
}

// code returns the code of an error document.
func (r reply) code() string {
	var e struct{ Code string }
	_ = xml.Unmarshal(r.body, &e)
	return e.Code
}

// etag returns the ETag header without quotes.
func (r reply) etag() string { return strings.Trim(r.header.Get("ETag"), `"`) }

// request builds a request; path is bucket/key, not escaped; headers are name, value pairs.
func (c *raw) request(method, path string, query url.Values, body []byte, headers ...string) *http.Request {
	c.t.Helper()
	u, err := url.Parse(c.e.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	u.Path = "/" + path
	u.RawPath = "/" + strings.ReplaceAll(url.PathEscape(path), "%2F", "/")
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	req, err := http.NewRequestWithContext(c.t.Context(), method, u.String(), bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// do sends a signed request.
func (c *raw) do(method, path string, query url.Values, body []byte, headers ...string) reply {
	c.t.Helper()
	req := c.request(method, path, query, body, headers...)
	req.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	return c.send(signer.SignV4(*req, c.e.AccessKey, c.e.SecretKey, "", "us-east-1"))
}

func (c *raw) send(req *http.Request) reply {
	c.t.Helper()
	resp, err := c.client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{status: resp.StatusCode, header: resp.Header, body: body, err: err}
}

// must sends a signed request and fails the test unless it is answered with that status.
func (c *raw) must(status int, method, path string, query url.Values, body []byte, headers ...string) reply {
	c.t.Helper()
	r := c.do(method, path, query, body, headers...)
	if r.err != nil || r.status != status {
		c.t.Fatalf("%s %s?%s %q: %d %s %v, want %d", method, path, query.Encode(), headers, r.status, r.body, r.err, status)
	}
	return r
}

// q makes a query of name, value pairs.
func q(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// sign signs a request with the endpoint's keys.
func sign(req *http.Request, e Endpoint) *http.Request {
	return signer.SignV4(*req, e.AccessKey, e.SecretKey, "", "us-east-1")
}
