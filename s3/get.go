package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// shortTries is how often an answer that ends before its time, without one new byte, is asked for again: a Swift large object whose segment
// is missing ends early each time.
const shortTries = 4

// Get returns n bytes of v from off: exactly those, or an error. It returns when the store has answered; ctx governs the reading as well. A body that
// breaks or stalls is asked for again from where it broke. The reader must be closed; it is not for concurrent use.
//
// ErrChanged when the object is another version by now (with os.ErrNotExist when it is gone); io.ErrUnexpectedEOF when the store has fewer
// bytes than v says. n == 0 costs no request.
func (c *Client) Get(ctx context.Context, v Version, off, n int64) (io.ReadCloser, error) {
	// To a range of a dynamic large object the gateway sends one byte more than it announces, which the next answer on that connection would begin with.
	r := &request{op: "get", method: http.MethodGet, bucket: v.Bucket, key: v.Key, alone: v.Large}
	if err := r.checkKey(); err != nil {
		return nil, err
	}
	if off < 0 || n < 0 {
		return nil, fail(r, fmt.Errorf("%w: %d bytes from %d", errors.ErrUnsupported, n, off))
	}
	g := &reader{ctx: ctx, client: c, request: r, version: v, off: off, end: off + n, backoff: backoff{client: c, request: r}}
	if err := g.connect(); err != nil {
		return nil, err
	}
	return g, nil
}

// reader is a Get under way.
type reader struct {
	ctx      context.Context // the caller's, for the requests that reading makes
	client   *Client
	request  *request
	version  Version
	off, end int64   // what is still to come
	answer   *answer // nil = none under way
	free     func()  // what the answer holds beside itself
	backoff  backoff
	err      error // final
}

// Read implements io.Reader. At the end it returns io.EOF, never earlier.
func (g *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for g.err == nil {
		if err := g.connect(); err != nil {
			g.err = err
			break
		}
		if g.off == g.end {
			return 0, io.EOF
		}
		n, err := g.answer.Read(p[:min(int64(len(p)), g.end-g.off)])
		g.off += int64(n)
		if err != nil || g.off == g.end {
			g.disconnect()
		}
		if n > 0 {
			g.backoff.progress()
			return n, nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			g.err = g.again(err)
		}
	}
	return 0, g.err
}

// Close ends the reading. Bytes that were not read cost the connection.
func (g *reader) Close() error {
	g.disconnect()
	if g.err == nil {
		g.err = fail(g.request, errClosed)
	}
	return nil
}

var errClosed = errors.New("read after close")

func (g *reader) disconnect() {
	if g.answer != nil {
		_ = g.answer.Close()
		g.free()
		g.answer = nil
	}
}

// connect makes sure that an answer is under way if bytes are still to come, under the retry policy.
func (g *reader) connect() error {
	for g.answer == nil && g.off < g.end {
		err := g.open()
		if err == nil {
			return nil
		}
		if err = g.again(err); err != nil {
			return err
		}
	}
	return nil
}

// again waits before another try, or returns the final error.
func (g *reader) again(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) && g.backoff.tries+1 >= shortTries {
		return fail(g.request, err)
	}
	return g.backoff.next(g.ctx, err)
}

// open makes one try for the bytes that are still to come.
func (g *reader) open() error {
	r := g.request
	r.set("Range", "bytes="+strconv.FormatInt(g.off, 10)+"-"+strconv.FormatInt(g.end-1, 10))
	if !g.version.Large && g.version.ETag != "" {
		r.set("If-Match", `"`+g.version.ETag+`"`)
	}
	a, free, err := g.client.get(g.ctx, r)
	if err != nil {
		free()
	}
	switch {
	case err == nil:
	case code(err) == "NoSuchBucket":
		return err
	case status(err) == http.StatusNotFound && g.version.Large:
		return g.segmentMissing(err)
	case status(err) == http.StatusNotFound:
		return as(err, gone())
	default:
		return err
	}
	if err := g.check(a); err != nil {
		_ = a.Close()
		free()
		return fail(r, err)
	}
	g.answer, g.free = a, free
	return nil
}

// segmentMissing finds out whether err, a 404 for a large object, is about the object or about one of its segments.
func (g *reader) segmentMissing(err error) error {
	now, headErr := g.client.Head(g.ctx, g.version.Bucket, g.version.Key)
	switch {
	case headErr == nil && now.ETag == g.version.ETag:
		return as(err, fmt.Errorf("%w: a segment of the large object is missing", io.ErrUnexpectedEOF))
	case headErr == nil:
		return as(err, ErrChanged)
	}
	return as(err, gone())
}

// check compares an answer with what was asked for, for not every server honours what it is asked.
func (g *reader) check(a *answer) error {
	etag := etagOf(a.Header)
	if g.version.ETag == "" {
		g.version.ETag = etag
	}
	if etag != g.version.ETag {
		return fmt.Errorf("%w: its ETag is %s, not %s", ErrChanged, etag, g.version.ETag)
	}
	want := g.end - g.off
	whole := a.StatusCode == http.StatusOK && g.off == 0
	switch {
	case a.StatusCode != http.StatusPartialContent && !whole:
		return fmt.Errorf("%w: the store ignores ranges", errors.ErrUnsupported)
	case a.ContentLength >= 0 && a.ContentLength < want:
		return fmt.Errorf("%w: %d bytes from %d, not %d", io.ErrUnexpectedEOF, a.ContentLength, g.off, want)
	case a.ContentLength > want && !whole:
		return fmt.Errorf("%w: %d bytes from %d, not %d", ErrCorrupt, a.ContentLength, g.off, want)
	case g.version.Large: // the gateway tells a wrong start of its ranges
		return checkTotal(a, g.version.Size)
	case whole:
		return nil
	}
	return checkRange(a.Header.Get("Content-Range"), g.off, g.end)
}

// checkTotal compares the whole size that an answer tells with the one that a large object ought to have: when a segment is missing, what lies
// behind it has moved; when there are more, it is another version.
func checkTotal(a *answer, want int64) error {
	_, total, ranged := strings.Cut(a.Header.Get("Content-Range"), "/")
	have, err := strconv.ParseInt(total, 10, 64)
	if !ranged {
		have, err = a.ContentLength, nil
	}
	switch {
	case err != nil || have < 0 || have == want:
		return nil
	case have > want:
		return fmt.Errorf("%w: the segments of the large object have %d bytes in all, not %d", ErrChanged, have, want)
	}
	return fmt.Errorf("%w: the segments of the large object have %d bytes in all, not %d: some are missing", io.ErrUnexpectedEOF, have, want)
}

// checkRange compares a Content-Range (bytes 0-99/1000) with the range asked for.
func checkRange(got string, off, end int64) error {
	span, _, _ := strings.Cut(got, "/")
	if want := fmt.Sprintf("bytes %d-%d", off, end-1); span != want {
		return fmt.Errorf("%w: range %q, not %q", ErrCorrupt, printable(got), want)
	}
	return nil
}
