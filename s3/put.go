package s3

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Put stores size bytes of body as one object. body is read by ReadAt from 0, once a try, and not any more after Put has returned. The answer's ETag
// is compared with the MD5 of what was sent; other bytes are sent over, then ErrCorrupt.
//
// os.ErrExist (IfNoneMatch) and ErrChanged (IfMatch; with os.ErrNotExist when it is gone) when the condition does not hold; ErrQuota; ErrTooLarge
// (5 GiB is the most in one request); ErrTimeout when the store does not answer, and then the object may be stored or not.
// The Object's Modified is the answer's, to the second; a listing may show a little earlier.
func (c *Client) Put(ctx context.Context, bucket, key string, body io.ReaderAt, size int64, o PutOptions) (Object, error) {
	r := &request{op: "put", method: http.MethodPut, bucket: bucket, key: key, src: body, size: size}
	if err := r.checkKey(); err != nil {
		return Object{}, err
	}
	r.carry(o.ContentType, o.Meta)
	p, err := c.send(ctx, r, fenceOf(o))
	if err != nil {
		return Object{}, err
	}
	return Object{Key: key, Size: size, ETag: etagOf(p.header), Modified: date(p.header), ContentType: o.ContentType, Meta: o.Meta, headed: true}, nil
}

// send sends r's body until the store answers with its MD5. Under a fence, wrong bytes of ours are replaced and nothing else.
func (c *Client) send(ctx context.Context, r *request, f fence) (*reply, error) {
	wrong := func(err error) error { return err }
	for try := 1; ; try++ {
		p, err := c.fenced(ctx, r, f, func() string { return r.sum })
		if err != nil {
			return nil, wrong(err)
		}
		etag := etagOf(p.header)
		if etag == p.sum {
			return p, nil
		}
		if try == corruptTries {
			return nil, storedWrong{fail(r, fmt.Errorf("%w: ETag %q is not the MD5 of what was sent, %q", ErrCorrupt, printable(etag), p.sum)), etag}
		}
		c.log.Warn("s3: the store has other bytes than were sent, sending again", "op", r.op, "bucket", r.bucket, "key", r.key, "etag", etag, "md5", p.sum)
		if f.create || f.match != "" {
			f = fence{match: etag}
			wrong = func(err error) error { return storedWrong{err, etag} }
		}
	}
}
