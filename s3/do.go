package s3

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

const (
	slowFactor  = 10      // how many times longer than StallTimeout an answer may take that the gateway works for: copies, completions
	expectFrom  = 8 << 20 // bytes of a body from which the gateway is asked first (Expect), so that a refusal costs no transfer
	answerLimit = 1 << 26 // bytes of an XML answer that are read at most
)

// request is one S3 request, sent as often as the retry policy says.
type request struct {
	op          string // for errors and logs
	method      string
	bucket, key string // key "" = the bucket; bucket "" = the service
	query       url.Values
	header      http.Header
	src         io.ReaderAt // the body, nil = none
	size        int64       // bytes of the body
	slow        bool        // the answer may take minutes
	alone       bool        // the connection is not used again

	// explain looks closer at the error of a try before the retry policy does; nil = no need.
	explain func(error) error

	keys  *Keys  // with which the last try was signed
	tries int    // made so far: any but the last may have had its effect without our knowing
	sum   string // MD5 of the body in hexadecimal; "" = no try has sent it to its end
}

// again is a copy of r to be sent beside it; r must have no body.
func (r *request) again() *request {
	c := *r
	c.header = r.header.Clone()
	return &c
}

// check refuses what would address something else than was meant: an empty key is the bucket, an empty bucket the service, a slash in a bucket's name a key.
// It refuses keys that are not UTF-8 too, as the gateway does (400).
func (r *request) check() error {
	if r.bucket == "" || r.bucket == "." || r.bucket == ".." || strings.ContainsAny(r.bucket, "/\x00") || !utf8.ValidString(r.bucket) {
		return fail(r, fmt.Errorf("%w: bucket %q", ErrBadName, r.bucket))
	}
	return nil
}

func (r *request) checkKey() error {
	if err := r.check(); err != nil {
		return err
	}
	if r.key == "" || !utf8.ValidString(r.key) {
		return fail(r, fmt.Errorf("%w: key %q", ErrBadName, r.key))
	}
	return nil
}

// set adds a header if value is not empty.
func (r *request) set(name, value string) {
	if value == "" {
		return
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(name, value)
}

// setBody makes b the body.
func (r *request) setBody(b []byte) { r.src, r.size = bytes.NewReader(b), int64(len(b)) }

// build makes the signed HTTP request of one try, body being nil where there is none.
func (c *Client) build(ctx context.Context, r *request, body *payload) *http.Request {
	req, keys := c.sign(c.unsigned(ctx, r, body))
	r.keys = keys
	if req.ContentLength >= expectFrom {
		req.Header.Set("Expect", "100-continue") // unsigned: a proxy may take it away
	}
	return req
}

// unsigned is build without the signature.
func (c *Client) unsigned(ctx context.Context, r *request, body *payload) *http.Request {
	u := *c.base
	u.Path = "/"
	if r.bucket != "" {
		u.Path += r.bucket
	}
	if r.key != "" {
		u.Path += "/" + r.key
	}
	u.RawPath = s3utils.EncodePath(u.Path)
	u.RawQuery = r.query.Encode()
	req := (&http.Request{
		Method: r.method, URL: &u, Host: u.Host, Header: http.Header{"User-Agent": {"allasfs"}},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, // NoBody sends Content-Length: 0 where a length is due
	}).WithContext(ctx)
	req.Close = r.alone
	for name, values := range r.header {
		req.Header[name] = values
	}
	if r.size > 0 {
		req.Body, req.ContentLength = body, r.size
	}
	return req
}

// answer is the response to one try. Its body is watched: see [watchdog]. Close it.
type answer struct {
	*http.Response
	watch *watchdog
	count *operationMeter
}

// Read reads the body. A stall ends it with ErrTimeout.
func (a *answer) Read(p []byte) (int, error) {
	a.watch.begin()
	n, err := a.Body.Read(p)
	a.watch.end()
	a.count.received.Add(int64(n))
	if err != nil && err != io.EOF {
		if a.watch.parent.Err() == nil {
			a.count.broken.Add(1)
		}
		err = a.watch.cause(err)
	}
	return n, err
}

// Close ends the try; a body that was not read to its end costs the connection.
func (a *answer) Close() error {
	err := a.Body.Close()
	a.watch.stop()
	return err
}

// once sends r once and returns the answer to it if that is a success, else an *Error.
func (c *Client) once(ctx context.Context, r *request) (*answer, error) {
	if err := c.afterDeletes(ctx, r); err != nil {
		return nil, err
	}
	patience := c.stall
	if r.slow {
		patience *= slowFactor
	}
	w := newWatchdog(ctx, patience)
	body := newPayload(r.src, r.size, w, &c.sums)
	count := c.meter.of(r.op)
	body.sent = &count.sent
	if r.tries > 0 {
		count.retries.Add(1)
	}
	begin := time.Now()
	w.begin()
	resp, err := c.rt.RoundTrip(c.build(w.ctx, r, body))
	w.end()
	r.tries++
	if err != nil {
		err = cmp.Or(r.sent(body), w.cause(err))
		w.stop()
		count.failed(ctx, err)
		c.trace(ctx, r, nil, err, time.Since(begin))
		return nil, fail(r, err)
	}
	count.answered(resp.StatusCode, time.Since(begin))
	c.trace(ctx, r, resp, nil, time.Since(begin))
	c.reached.Store(true)
	w.setLimit(c.stall)
	a := &answer{resp, w, count}
	if resp.StatusCode/100 == 2 {
		_ = r.sent(body) // a body that could not be read has no such answer
		c.writeNews.note(r, nil)
		return a, nil
	}
	// The transport may still be sending. The body is let go of after the reason is read: its end would close the connection.
	text, err := io.ReadAll(io.LimitReader(a, 1<<16))
	_ = r.sent(body)
	_ = a.Close()
	if err != nil { // a status without its reason: a 403 may be a full quota as well as a forbidden key
		return nil, fail(r, fmt.Errorf("%s, and the reason was cut off: %w", resp.Status, err))
	}
	e := answered(r, resp, text)
	c.busy.note(e)
	c.writeNews.note(r, e)
	return nil, e
}

// sent ends the sending of body and keeps its MD5. It returns why the caller's bytes could not be read, if that was so.
func (r *request) sent(body *payload) error {
	sum, err := body.detach()
	r.sum = cmp.Or(sum, r.sum)
	return err
}

// reply is an answer that was read to its end.
type reply struct {
	header http.Header
	body   []byte
	sum    string // MD5 of the body that was sent, in hexadecimal
}

// do sends r under the retry policy.
func (c *Client) do(ctx context.Context, r *request) (p *reply, err error) {
	err = c.retry(ctx, r, func() error {
		p, err = c.try(ctx, r)
		if err != nil && r.explain != nil {
			err = r.explain(err)
		}
		return err
	})
	return p, err
}

// try sends r once and reads the whole answer. An error in the body of a 200, as long operations have it, is an error.
func (c *Client) try(ctx context.Context, r *request) (*reply, error) {
	a, err := c.once(ctx, r)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	body, err := readBody(a)
	if err != nil {
		return nil, fail(r, err)
	}
	if r.slow && errorInside(body) {
		e := answered(r, a.Response, body)
		if e.Err == errRefused || e.Code == "" {
			e.Err = errBusy
		}
		return nil, e
	}
	return &reply{header: a.Header, body: body, sum: r.sum}, nil
}

func readBody(a *answer) ([]byte, error) {
	if a.Request.Method == http.MethodHead {
		return nil, nil // its Content-Length is that of the object
	}
	if a.ContentLength > answerLimit {
		return nil, fmt.Errorf("%w: an answer of %d bytes", ErrCorrupt, a.ContentLength)
	}
	size := max(a.ContentLength, 0)
	if size == 0 {
		size = 4096
	}
	b := make([]byte, 0, size+1)
	for {
		n, err := a.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		if len(b) > answerLimit {
			return nil, fmt.Errorf("%w: an answer of over %d bytes", ErrCorrupt, answerLimit)
		}
		if len(b) == cap(b) {
			b = append(b, make([]byte, len(b))...)[:len(b)]
		}
	}
}

// errorInside reports whether an answer with a good status is an error all the same.
func errorInside(body []byte) bool {
	root, err := parseXML(body)
	return err == nil && root.name == "Error"
}
