// Package s3test starts S3 servers for tests: the embedded one of [fakes3], and, through [Each], a real RADOS Gateway as well.
//
//	s := s3test.New(t)
//	s.PutObject("bucket", "key", []byte("data"), nil)
//	… requests to s.URL with s.AccessKey and s.SecretKey …
//	if n := s.Count("GetObject"); n != 1 { … }
package s3test

import (
	"testing"
	"time"

	"allasfs/s3/s3test/fakes3"
)

// The types of the embedded server, so that tests need this one import.
type (
	Server  = fakes3.Server
	Option  = fakes3.Option
	Request = fakes3.Request
	Fault   = fakes3.Fault
	Record  = fakes3.Record
	Object  = fakes3.Object
)

// New starts an embedded server that is closed when the test ends. It behaves as RGW unless the options say otherwise.
func New(t testing.TB, o ...Option) *Server {
	t.Helper()
	s, err := Start(o...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Start starts an embedded server outside a test; the caller closes it.
func Start(o ...Option) (*Server, error) { return fakes3.Start(o...) }

// WithTLS serves HTTPS; see [fakes3.WithTLS].
func WithTLS() Option { return fakes3.WithTLS() }

// WithCredentials sets the main user's keys.
func WithCredentials(access, secret string) Option { return fakes3.WithCredentials(access, secret) }

// WithSessionToken makes the main user's keys temporary ones.
func WithSessionToken(token string) Option { return fakes3.WithSessionToken(token) }

// WithUser adds another project with its own buckets.
func WithUser(access, secret string) Option { return fakes3.WithUser(access, secret) }

// WithQuota limits all buckets of the main user together; -1 = no limit.
func WithQuota(bytes, objects int64) Option { return fakes3.WithQuota(bytes, objects) }

// WithBucketQuota limits each bucket; -1 = no limit.
func WithBucketQuota(bytes, objects int64) Option { return fakes3.WithBucketQuota(bytes, objects) }

// WithCopyLimit refuses a CopyObject of more bytes.
func WithCopyLimit(bytes int64) Option { return fakes3.WithCopyLimit(bytes) }

// WithRegion sets the location of buckets.
func WithRegion(name string) Option { return fakes3.WithRegion(name) }

// WithLatency delays every answer.
func WithLatency(d time.Duration) Option { return fakes3.WithLatency(d) }

// WithBandwidth caps the bytes a second of all requests together.
func WithBandwidth(bytesPerSecond int64) Option { return fakes3.WithBandwidth(bytesPerSecond) }

// WithRequestBandwidth caps the bytes a second of each request.
func WithRequestBandwidth(bytesPerSecond int64) Option {
	return fakes3.WithRequestBandwidth(bytesPerSecond)
}

// AWS makes the server behave as AWS S3 where RGW differs; see [fakes3.AWS].
func AWS() Option { return fakes3.AWS() }

// WithTrailers makes the server know the checksums of the newer AWS SDKs; see [fakes3.WithTrailers].
func WithTrailers() Option { return fakes3.WithTrailers() }
