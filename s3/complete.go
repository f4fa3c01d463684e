package s3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
)

// Complete makes the object of an upload out of parts and returns it as HEAD shows it.
//
// The gateway ignores conditions here, so the key is compared with o.IfNoneMatch or o.IfMatch by a HEAD just before: os.ErrExist, ErrChanged. (Those that honour
// If-None-Match get it.) Afterwards HEAD must show the ETag that the parts make, for the gateway's answer has none: ErrChanged when another object is there.
// When the upload is gone and HEAD shows that ETag, an earlier call has made it: success.
func (c *Client) Complete(ctx context.Context, bucket, key, uploadID string, parts []Part, o PutOptions) (Object, error) {
	r := &request{op: "complete upload", method: http.MethodPost, bucket: bucket, key: key, query: url.Values{"uploadId": {uploadID}}, slow: true}
	if err := r.checkKey(); err != nil {
		return Object{}, err
	}
	parts = slices.SortedFunc(slices.Values(parts), func(a, b Part) int { return cmp.Compare(a.Number, b.Number) })
	want, err := WholeETag(parts)
	if err != nil {
		return Object{}, fail(r, err)
	}
	if done, err := c.before(ctx, r, uploadID, want, fenceOf(o)); err != nil || done.ETag != "" {
		return done, err
	}
	r.setBody(completeXML(parts))
	r.explain = func(err error) error { return c.uploadLost(ctx, r, uploadID, err) }
	r.set("Content-Type", "application/xml")
	p, err := c.fenced(ctx, r, fence{create: o.IfNoneMatch}, func() string { return want })
	if err != nil && code(err) != "NoSuchUpload" {
		return Object{}, err
	}
	now, headErr := c.Head(ctx, bucket, key)
	if err != nil && (headErr != nil || now.ETag != want) {
		return Object{}, err // no such upload, and it did not become the object
	}
	if headErr != nil {
		return Object{}, as(headErr, cmp.Or(wasGone(headErr), headErr))
	}
	return now, fail(r, c.compare(now, parts, want, p))
}

// uploadLost finds out whether err, the answer to a completion, means that there is no such upload: the gateway calls that an internal error (500), and
// says that there is no such key when asked for its parts.
func (c *Client) uploadLost(ctx context.Context, r *request, uploadID string, err error) error {
	if code(err) != "InternalError" {
		return err
	}
	parts := &request{op: r.op, method: http.MethodGet, bucket: r.bucket, key: r.key, query: url.Values{"uploadId": {uploadID}, "max-parts": {"1"}}}
	if _, told := c.try(ctx, parts); status(told) == http.StatusNotFound && code(told) != "NoSuchBucket" {
		return noUpload(told)
	}
	return err
}

// noUpload gives err, a 404, the code that a store has for a missing upload.
func noUpload(err error) error {
	err = as(err, os.ErrNotExist)
	if e, ok := errors.AsType[*Error](err); ok {
		e.Code = "NoSuchUpload"
	}
	return err
}

// before compares the key with the condition. It returns the object if an earlier Complete of the same parts has made it already.
func (c *Client) before(ctx context.Context, r *request, uploadID, want string, f fence) (Object, error) {
	if !f.create && f.match == "" {
		return Object{}, nil
	}
	now, err := c.Head(ctx, r.bucket, r.key)
	missing := errors.Is(err, os.ErrNotExist)
	switch {
	case err != nil && !missing:
		return Object{}, err
	case f.create && missing, f.match != "" && !missing && now.ETag == f.match:
		return Object{}, nil
	case !missing && now.ETag == want:
		return now, c.Abort(ctx, r.bucket, r.key, uploadID)
	case f.create:
		return Object{}, fail(r, os.ErrExist)
	case missing:
		return Object{}, fail(r, gone())
	}
	return Object{}, fail(r, ErrChanged)
}

// compare checks the finished object against its parts. The answer's own ETag is believed too, for stores that make another one.
func (c *Client) compare(now Object, parts []Part, want string, p *reply) error {
	var size int64
	for _, part := range parts {
		size += part.Size
	}
	told := ""
	if p != nil {
		told = etagOf(p.header)
		if root, err := parseXML(p.body); err == nil {
			told = cmp.Or(unquote(root.text("ETag")), told)
		}
	}
	if now.ETag != want && (told == "" || now.ETag != told) {
		return fmt.Errorf("%w: ETag %s after the upload, not %s", ErrChanged, now.ETag, want)
	}
	if now.Size != size {
		return fmt.Errorf("%w: %d bytes after an upload of %d", ErrCorrupt, now.Size, size)
	}
	return nil
}

// wasGone is the cause when an object that was just made is not there.
func wasGone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return gone()
	}
	return nil
}

// WholeETag is the ETag that Complete makes an object of parts have: the MD5 of their MD5s, in the order given, and their number. ErrCorrupt when a part
// has no MD5.
func WholeETag(parts []Part) (string, error) {
	if len(parts) == 0 {
		return "", fmt.Errorf("%w: no parts", errRefused)
	}
	h := md5.New()
	for _, p := range parts {
		sum, err := hex.DecodeString(p.ETag)
		if err != nil || len(sum) != md5.Size {
			return "", fmt.Errorf("%w: part %d has ETag %q", ErrCorrupt, p.Number, p.ETag)
		}
		h.Write(sum)
	}
	return hex.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts)), nil
}

// completeXML lists parts without a byte to spare: the gateway reads 1 MiB at most, and 10 000 parts are 0.9.
func completeXML(parts []Part) []byte {
	var b bytes.Buffer
	b.WriteString("<CompleteMultipartUpload>")
	for _, p := range parts {
		b.WriteString("<Part><PartNumber>" + strconv.Itoa(p.Number) + "</PartNumber><ETag>" + p.ETag + "</ETag></Part>")
	}
	b.WriteString("</CompleteMultipartUpload>")
	return b.Bytes()
}
