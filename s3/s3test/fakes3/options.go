package fakes3

import "time"

// Option changes how a server is started.
type Option func(*options)

type options struct {
	listen           string
	tls              bool
	access, secret   string
	token            string            // session token of the main user; "" = none
	others           map[string]string // secret keys of further users by access key
	aws              bool
	region           string
	trailers         bool  // bodies with trailing checksums are decoded
	copyLimit        int64 // bytes a CopyObject may have; 0 = any
	userQuota        quota
	bucketQuota      quota
	latency          time.Duration
	bandwidth        int64 // bytes/s of all requests together; 0 = no cap
	requestBandwidth int64 // bytes/s of one request; 0 = no cap
}

// quota is a limit of bytes and objects; -1 = none.
type quota struct{ bytes, objects int64 }

func defaults() options {
	return options{
		listen: "127.0.0.1:0", access: "allastest", secret: "allassecret", region: "default", others: map[string]string{},
		userQuota: quota{-1, -1}, bucketQuota: quota{-1, -1},
	}
}

// WithTLS serves HTTPS with a certificate of its own (Server.CACert) for 127.0.0.1, ::1 and localhost.
func WithTLS() Option { return func(o *options) { o.tls = true } }

// WithListen sets the address, 127.0.0.1:0 by default.
func WithListen(addr string) Option { return func(o *options) { o.listen = addr } }

// WithCredentials sets the keys of the main user, allastest and allassecret by default.
func WithCredentials(access, secret string) Option {
	return func(o *options) { o.access, o.secret = access, secret }
}

// WithSessionToken makes the main user's keys temporary ones: requests must carry this token too.
func WithSessionToken(token string) Option { return func(o *options) { o.token = token } }

// WithUser adds another project with its own buckets. Its ID is the access key.
func WithUser(access, secret string) Option {
	return func(o *options) { o.others[access] = secret }
}

// AWS makes the server behave as AWS S3 does where RGW differs: quoted If-Match on PUT, conditions on CompleteMultipartUpload, DELETE,
// CopyObject and UploadPartCopy honoured, the ETag in the answer to a completion, CopyObject limited to 5 GiB, no append, no x-rgw-* headers.
func AWS() Option {
	return func(o *options) {
		o.aws, o.trailers = true, true
		o.region = "us-east-1"
		if o.copyLimit == 0 {
			o.copyLimit = 5 << 30
		}
	}
}

// WithTrailers makes the server know the checksums of the newer AWS SDKs, in headers and after bodies sent in chunks, as later releases of Ceph do.
// Without it the server does as Ceph 16: checksums are not looked at, a body with a signed trailer gets 400
// XAmzContentSHA256Mismatch, and one with an unsigned trailer is stored with its framing, which makes the object worthless.
func WithTrailers() Option { return func(o *options) { o.trailers = true } }

// WithRegion sets the location that a bucket may be made with and is told to be in.
func WithRegion(name string) Option { return func(o *options) { o.region = name } }

// WithCopyLimit refuses a CopyObject of more bytes with 400 InvalidRequest.
func WithCopyLimit(bytes int64) Option { return func(o *options) { o.copyLimit = bytes } }

// WithQuota limits what all buckets of the main user may hold; -1 = no limit. Writes over it get 403 QuotaExceeded.
func WithQuota(bytes, objects int64) Option {
	return func(o *options) { o.userQuota = quota{bytes, objects} }
}

// WithBucketQuota limits what each bucket may hold; -1 = no limit.
func WithBucketQuota(bytes, objects int64) Option {
	return func(o *options) { o.bucketQuota = quota{bytes, objects} }
}

// WithLatency delays the answer to every request.
func WithLatency(d time.Duration) Option { return func(o *options) { o.latency = d } }

// WithBandwidth caps the object bytes a second, up and down, of all requests together.
func WithBandwidth(bytesPerSecond int64) Option {
	return func(o *options) { o.bandwidth = bytesPerSecond }
}

// WithRequestBandwidth caps the object bytes a second of each request by itself.
func WithRequestBandwidth(bytesPerSecond int64) Option {
	return func(o *options) { o.requestBandwidth = bytesPerSecond }
}

// SetQuota changes the limit of WithQuota; -1 = no limit.
func (s *Server) SetQuota(bytes, objects int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.userQuota = quota{bytes, objects}
}

// SetBucketQuota changes the limit of WithBucketQuota; -1 = no limit.
func (s *Server) SetBucketQuota(bytes, objects int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.bucketQuota = quota{bytes, objects}
}
