package s3

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const metaPrefix = "x-amz-meta-"

// Head returns everything that the store tells of an object without its bytes; Size and ETag are true for Swift large objects too.
// os.ErrNotExist when there is no such key or bucket (an answer to HEAD does not tell which).
func (c *Client) Head(ctx context.Context, bucket, key string) (Object, error) {
	r := &request{op: "head", method: http.MethodHead, bucket: bucket, key: key}
	if err := r.checkKey(); err != nil {
		return Object{}, err
	}
	p, err := c.do(ctx, r)
	if err != nil {
		return Object{}, err
	}
	o := headed(key, p.header)
	if _, declared := o.declaredSize(); o.Large == DLO && !declared {
		o.Size = c.numberedSize(ctx, o)
	}
	return o, nil
}

// headed reads an object from the header of an answer to HEAD.
func headed(key string, h http.Header) Object {
	o := Object{Key: key, Size: number(h, "Content-Length"), ETag: etagOf(h), ContentType: h.Get("Content-Type"), headed: true}
	o.Modified, _ = http.ParseTime(h.Get("Last-Modified")) // none: the zero time
	if class := h.Get("X-Amz-Storage-Class"); class != "STANDARD" {
		o.StorageClass = class
	}
	o.Appendable = h.Get("X-Rgw-Object-Type") == "Appendable"
	o.Manifest = h.Get("X-Object-Manifest")
	switch {
	case o.Manifest != "":
		o.Large = DLO
		if size, ok := o.declaredSize(); ok {
			o.Size = max(o.Size, size) // more than was uploaded is what segments have added since
		}
	case isTrue(h.Get("X-Object-Meta-Static-Large-Object")), isTrue(h.Get("X-Static-Large-Object")):
		o.Large = SLO
	}
	for name, values := range h {
		if name = strings.ToLower(name); strings.HasPrefix(name, metaPrefix) {
			if o.Meta == nil {
				o.Meta = map[string]string{}
			}
			o.Meta[name[len(metaPrefix):]] = strings.Join(values, ",")
		}
	}
	return o
}

// carry sets what an object is to carry.
func (r *request) carry(contentType string, meta map[string]string) {
	r.set("Content-Type", contentType)
	for name, value := range meta {
		if value == "" {
			continue // not every store keeps an empty value
		}
		r.set(metaPrefix+name, value)
	}
}

func isTrue(s string) bool { return strings.EqualFold(s, "true") }

// etagOf returns the ETag of an answer without quotes.
func etagOf(h http.Header) string { return strings.Trim(h.Get("Etag"), `"`) }

// number returns a header's number, -1 if there is none.
func number(h http.Header, name string) int64 {
	n, err := strconv.ParseInt(h.Get(name), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// date returns the store's time in an answer, to the second.
func date(h http.Header) time.Time {
	t, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Now().Truncate(time.Second)
	}
	return t
}
