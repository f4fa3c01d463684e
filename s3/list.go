package s3

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// List returns one page of a bucket's listing. os.ErrNotExist when there is no such bucket; a prefix without keys is an empty page.
// Sizes and ETags of Swift large objects are not true in a listing: see [Object.MaybeLarge].
func (c *Client) List(ctx context.Context, bucket string, o ListOptions) (*Page, error) {
	r := &request{op: "list", method: http.MethodGet, bucket: bucket, query: listQuery(o)}
	if err := r.check(); err != nil {
		return nil, err
	}
	var page *Page
	err := c.retry(ctx, r, func() error {
		p, err := c.try(ctx, r)
		if err != nil {
			return err
		}
		page, err = scanPage(p.body)
		return fail(r, err)
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

func listQuery(o ListOptions) url.Values {
	if o.MaxKeys <= 0 {
		o.MaxKeys = 1000
	}
	q := url.Values{"list-type": {"2"}, "encoding-type": {"url"}, "max-keys": {strconv.Itoa(o.MaxKeys)}}
	if o.Token != "" {
		o.StartAfter = ""
	}
	for name, value := range map[string]string{
		"prefix": o.Prefix, "delimiter": o.Delimiter, "start-after": o.StartAfter, "continuation-token": o.Token,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}
