package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
)

// Buckets returns the project's own buckets in the store's order. Buckets that other projects share are never among them. An anonymous user has none.
func (c *Client) Buckets(ctx context.Context) ([]Bucket, error) {
	r := &request{op: "list buckets", method: http.MethodGet}
	var found []Bucket
	err := c.document(ctx, r, "ListAllMyBucketsResult", func(root *node) error {
		found = nil
		for _, n := range root.child("Buckets").all("Bucket") {
			created, err := parseTime([]byte(n.text("CreationDate")))
			if err != nil {
				return err
			}
			found = append(found, Bucket{Name: n.text("Name"), Created: created})
		}
		return nil
	})
	return found, err
}

// Owner returns the store's name of who the client's keys belong to: at a RADOS Gateway its user, which is a project in Allas. "" where the store does not tell.
func (c *Client) Owner(ctx context.Context) (string, error) {
	r := &request{op: "list buckets", method: http.MethodGet}
	var id string
	err := c.document(ctx, r, "ListAllMyBucketsResult", func(root *node) error {
		id = root.child("Owner").text("ID")
		return nil
	})
	return id, err
}

// HeadBucket returns the use of a bucket and the quotas that bind it. os.ErrNotExist when there is none, os.ErrPermission when it is somebody else's.
func (c *Client) HeadBucket(ctx context.Context, bucket string) (Usage, error) {
	r := &request{op: "head bucket", method: http.MethodHead, bucket: bucket}
	if err := r.check(); err != nil {
		return Usage{}, err
	}
	p, err := c.do(ctx, r)
	if errors.Is(err, os.ErrPermission) {
		return Usage{}, c.explain(ctx, r, err)
	}
	if err != nil {
		return Usage{}, err
	}
	return Usage{
		Objects:            number(p.header, "X-Rgw-Object-Count"),
		Bytes:              number(p.header, "X-Rgw-Bytes-Used"),
		QuotaBytes:         number(p.header, "X-Rgw-Quota-User-Size"),
		QuotaObjects:       number(p.header, "X-Rgw-Quota-User-Objects"),
		BucketQuotaBytes:   number(p.header, "X-Rgw-Quota-Bucket-Size"),
		BucketQuotaObjects: number(p.header, "X-Rgw-Quota-Bucket-Objects"),
	}, nil
}

// explain finds out why HEAD of a bucket was forbidden, which its answer has no body to tell: wrong keys and a wrong clock are 403 too.
func (c *Client) explain(ctx context.Context, r *request, err error) error {
	list := &request{op: r.op, method: http.MethodGet, bucket: r.bucket, query: map[string][]string{"list-type": {"2"}, "max-keys": {"1"}}}
	if _, told := c.do(ctx, list); told != nil {
		return told
	}
	return err
}

// MakeBucket makes a bucket. os.ErrExist when the name is taken, by this project or by any other; ErrBadName when the store takes no such name;
// ErrQuota when the project may have no more buckets.
func (c *Client) MakeBucket(ctx context.Context, bucket string) error {
	r := &request{op: "make bucket", method: http.MethodPut, bucket: bucket}
	if err := r.check(); err != nil {
		return err
	}
	// The gateway answers 200 when one's own bucket is made again, so it is asked for first.
	_, err := c.do(ctx, &request{op: r.op, method: http.MethodHead, bucket: bucket})
	if err == nil {
		return &Error{Op: r.op, Bucket: bucket, Err: os.ErrExist}
	}
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) {
		if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusBadRequest {
			return err
		}
	}
	_, err = c.do(ctx, r)
	switch {
	case code(err) == "BucketAlreadyOwnedByYou" && r.tries > 1:
		return nil // made by a try whose answer was lost
	case status(err) == http.StatusConflict:
		return as(err, os.ErrExist)
	}
	return err
}

// RemoveBucket removes an empty bucket. ErrNotEmpty when it holds objects, os.ErrNotExist when there is none.
func (c *Client) RemoveBucket(ctx context.Context, bucket string) error {
	r := &request{op: "remove bucket", method: http.MethodDelete, bucket: bucket}
	if err := r.check(); err != nil {
		return err
	}
	_, err := c.do(ctx, r)
	if errors.Is(err, os.ErrNotExist) && r.tries > 1 {
		return nil // removed by a try whose answer was lost
	}
	return err
}

// document sends r under the retry policy and hands the root of the XML answer to f. An answer that is no such document, or that f refuses, is ErrCorrupt
// and asked for again.
func (c *Client) document(ctx context.Context, r *request, name string, f func(root *node) error) error {
	return c.retry(ctx, r, func() error {
		p, err := c.try(ctx, r)
		if err != nil {
			return err
		}
		root, err := parseXML(p.body)
		if err == nil && root.name != name {
			err = fmt.Errorf("<%s> where <%s> is due", root.name, name)
		}
		if err == nil {
			err = f(root)
		}
		if err != nil {
			return fail(r, fmt.Errorf("%w: %w", ErrCorrupt, err))
		}
		return nil
	})
}
