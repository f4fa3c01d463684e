package s3test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Endpoint is a server that a test can talk to, embedded or real.
type Endpoint struct {
	Name      string // embedded or gateway
	URL       string // with scheme
	AccessKey string
	SecretKey string
	CAFile    string  // PEM to trust, "" = none needed
	Server    *Server // nil on a real gateway
}

// Each runs f as a subtest on the embedded server and, when ALLASFS_TEST_GATEWAY (its URL), ALLASFS_TEST_ACCESS_KEY and ALLASFS_TEST_SECRET_KEY
// are set, on that real gateway. With ALLASFS_TEST_REQUIRE_GATEWAY=1 the test fails where no gateway is named.
func Each(t *testing.T, f func(t *testing.T, e Endpoint)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { f(t, Of(t, New(t))) })
	gateway, ok := Gateway()
	if !ok {
		if os.Getenv("ALLASFS_TEST_REQUIRE_GATEWAY") == "1" {
			t.Error("ALLASFS_TEST_REQUIRE_GATEWAY is set, and ALLASFS_TEST_GATEWAY, _ACCESS_KEY or _SECRET_KEY is not")
		}
		return
	}
	t.Run("gateway", func(t *testing.T) { f(t, gateway) })
}

// Gateway returns the real gateway that the environment names; false if it names none.
func Gateway() (Endpoint, bool) {
	e := Endpoint{
		Name:      "gateway",
		URL:       strings.TrimRight(os.Getenv("ALLASFS_TEST_GATEWAY"), "/"),
		AccessKey: os.Getenv("ALLASFS_TEST_ACCESS_KEY"),
		SecretKey: os.Getenv("ALLASFS_TEST_SECRET_KEY"),
	}
	return e, e.URL != "" && e.AccessKey != "" && e.SecretKey != ""
}

// Of returns the endpoint of an embedded server.
func Of(t testing.TB, s *Server) Endpoint {
	t.Helper()
	e := Endpoint{Name: "embedded", URL: s.URL, AccessKey: s.AccessKey, SecretKey: s.SecretKey, Server: s}
	if s.CACert != nil {
		e.CAFile = filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(e.CAFile, s.CACert, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// Client returns a plain minio-go client of the endpoint: the other program that a test compares with.
func (e Endpoint) Client(t testing.TB) *minio.Client {
	t.Helper()
	u, err := url.Parse(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	tr := http.DefaultTransport.(*http.Transport).Clone()
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
	c, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(e.AccessKey, e.SecretKey, ""), Secure: u.Scheme == "https",
		Region: "us-east-1", BucketLookup: minio.BucketLookupPath, Transport: tr,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Bucket makes an empty bucket with a name of its own and returns the name. It is emptied and removed when the test ends. On the embedded
// server that takes no request: nothing is counted, and no fault that is set stands in the way.
func (e Endpoint) Bucket(t testing.TB) string {
	t.Helper()
	name := "allasfs-test-" + strings.ToLower(rand.Text()[:12])
	if e.Server != nil {
		e.Server.MakeBucket(name)
		t.Cleanup(func() { _ = e.Server.RemoveBucket(name) }) // the test may have removed it
		return name
	}
	c := e.Client(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.MakeBucket(ctx, name, minio.MakeBucketOptions{}); err != nil {
		t.Fatalf("make bucket %s: %v", name, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if err := removeBucket(ctx, c, name); err != nil {
			t.Errorf("clean up bucket %s: %v", name, err)
		}
	})
	return name
}

// removeBucket removes a bucket of the gateway, what it holds, and its unfinished uploads. A missing bucket is no error.
func removeBucket(ctx context.Context, c *minio.Client, name string) error {
	exists, err := c.BucketExists(ctx, name)
	if err != nil || !exists {
		return err
	}
	for u := range c.ListIncompleteUploads(ctx, name, "", true) {
		if u.Err != nil {
			return u.Err
		}
		if err := c.RemoveIncompleteUpload(ctx, name, u.Key); err != nil {
			return err
		}
	}
	for o := range c.ListObjects(ctx, name, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		// One by one: keys with control characters cannot be named in a bulk deletion's XML.
		if err := c.RemoveObject(ctx, name, o.Key, minio.RemoveObjectOptions{}); err != nil {
			return err
		}
	}
	return c.RemoveBucket(ctx, name)
}
