package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"
	"golang.org/x/sync/errgroup"
)

const (
	copyPartSize = 256 << 20 // bytes a part where a store refuses a whole copy; more when that makes over maxParts
	copyParallel = 8
	maxParts     = 10000
)

// Copy makes a copy of src, of any size, inside the store, and returns it as HEAD shows it. Content type and metadata are the source's unless o.Replace.
// A copy onto itself with Replace changes these and nothing else. ErrChanged when the source is another version (with os.ErrNotExist when it is gone).
//
// It is one request, and the HEAD that o.Brief saves, where the store takes that, as the gateway does for any size; else parts are copied side by side. A Swift large object
// becomes a second manifest on the same segments; Replace would lose its manifest and is errors.ErrUnsupported.
func (c *Client) Copy(ctx context.Context, src Version, bucket, key string, o CopyOptions) (Object, error) {
	r := &request{op: "copy", method: http.MethodPut, bucket: bucket, key: key, slow: true}
	if err := c.checkCopy(r, src); err != nil {
		return Object{}, err
	}
	if src.Large && o.Replace {
		return Object{}, fail(r, fmt.Errorf("%w: new metadata for a Swift large object", errors.ErrUnsupported))
	}
	if src.Large {
		if err := c.unchanged(ctx, r, src); err != nil {
			return Object{}, err
		}
	}
	fenceSource(r, src)
	if o.Replace {
		r.set("X-Amz-Metadata-Directive", "REPLACE")
		r.carry(o.ContentType, o.Meta)
	}
	p, err := c.do(ctx, r)
	switch code(err) {
	case "EntityTooLarge", "InvalidRequest":
		if !src.Large && src.Size > copyPartSize {
			return c.copyByParts(ctx, r, src, o)
		}
	}
	if err != nil {
		return Object{}, sourceError(err)
	}
	if o.Brief {
		if now, ok := toldCopy(src, key, p); ok {
			return now, nil
		}
	}
	return c.verifyCopy(ctx, r, src, p)
}

// toldCopy is the copy as the answer tells it: false unless that names the source's ETag, so that the bytes are the source's. Of a Swift large
// object it names another, and a store that does not know copies answers without any.
func toldCopy(src Version, key string, p *reply) (Object, bool) {
	root, err := parseXML(p.body)
	if err != nil || src.Large || src.ETag == "" || unquote(root.text("ETag")) != src.ETag {
		return Object{}, false
	}
	modified, err := parseTime([]byte(root.text("LastModified")))
	return Object{Key: key, Size: src.Size, ETag: src.ETag, Modified: modified}, err == nil
}

func (c *Client) checkCopy(r *request, src Version) error {
	if err := r.checkKey(); err != nil {
		return err
	}
	return (&request{op: r.op, bucket: src.Bucket, key: src.Key}).checkKey()
}

// fenceSource names the source, and its version in both ways: AWS' own is ignored by Ceph, which listens to another. A large object's is not sent, for
// no condition holds on it.
func fenceSource(r *request, src Version) {
	r.set("X-Amz-Copy-Source", s3utils.EncodePath("/"+src.Bucket+"/"+src.Key))
	if !src.Large && src.ETag != "" {
		r.set("X-Amz-Copy-Source-If-Match", `"`+src.ETag+`"`)
		r.set("X-Amz-Copy-If-Match", `"`+src.ETag+`"`)
	}
}

// sourceError turns the answer that there is no such key, which is the source's, into what it means.
func sourceError(err error) error {
	if code(err) == "NoSuchKey" {
		return as(err, gone())
	}
	return err
}

// unchanged compares src with what HEAD shows now: nil, ErrChanged, or the error of HEAD.
func (c *Client) unchanged(ctx context.Context, r *request, src Version) error {
	now, err := c.Head(ctx, src.Bucket, src.Key)
	if errors.Is(err, os.ErrNotExist) {
		return as(err, gone())
	}
	if err == nil && src.ETag != "" && now.ETag != src.ETag {
		return fail(r, fmt.Errorf("%w: the source's ETag is %s, not %s", ErrChanged, now.ETag, src.ETag))
	}
	return err
}

// verifyCopy looks at what came of a copy, for a server may answer 200 to headers that it does not know.
func (c *Client) verifyCopy(ctx context.Context, r *request, src Version, p *reply) (Object, error) {
	now, err := c.Head(ctx, r.bucket, r.key)
	if err != nil {
		return Object{}, fail(r, err)
	}
	told := ""
	if root, err := parseXML(p.body); err == nil {
		told = unquote(root.text("ETag"))
	}
	sameBytes := now.ETag == src.ETag || src.ETag == "" || src.Large
	if !sameBytes && strings.Contains(src.ETag, "-") {
		sameBytes = now.ETag == told // of a source in parts some stores make a copy in one
	}
	switch {
	case now.Size != src.Size:
		return Object{}, fail(r, fmt.Errorf("%w: the copy has %d bytes, not %d", ErrCorrupt, now.Size, src.Size))
	case !sameBytes:
		return Object{}, fail(r, fmt.Errorf("%w: the copy's ETag is %s, not %s", ErrCorrupt, now.ETag, src.ETag))
	case src.Large && now.Large == NotLarge:
		return Object{}, fail(r, fmt.Errorf("%w: the copy of a Swift large object is none", ErrCorrupt))
	}
	return now, nil
}

// copyByParts copies src in parts, for stores that refuse to copy so much at once.
func (c *Client) copyByParts(ctx context.Context, r *request, src Version, o CopyOptions) (Object, error) {
	if !o.Replace {
		from, err := c.Head(ctx, src.Bucket, src.Key)
		if err != nil {
			return Object{}, fail(r, err)
		}
		o.ContentType, o.Meta = from.ContentType, from.Meta
	}
	id, err := c.CreateMultipart(ctx, r.bucket, r.key, PutOptions{ContentType: o.ContentType, Meta: o.Meta})
	if err != nil {
		return Object{}, err
	}
	tell := func(open bool) {
		if o.Upload != nil {
			o.Upload(id, open)
		}
	}
	tell(true)
	parts, err := c.copyParts(ctx, r, id, src)
	if err == nil {
		err = c.unchanged(ctx, r, src)
	}
	var made Object
	if err == nil {
		made, err = c.Complete(ctx, r.bucket, r.key, id, parts, PutOptions{})
	}
	if err != nil {
		// The caller's context may be why it failed; the retry policy bounds this call.
		if aerr := c.Abort(context.WithoutCancel(ctx), r.bucket, r.key, id); aerr != nil && !errors.Is(aerr, os.ErrNotExist) {
			return made, errors.Join(err, aerr)
		}
	}
	tell(false)
	return made, err
}

// copyParts copies all of src into the upload id.
func (c *Client) copyParts(ctx context.Context, r *request, id string, src Version) ([]Part, error) {
	size := max(copyPartSize, (src.Size+maxParts-1)/maxParts)
	parts := make([]Part, (src.Size+size-1)/size)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(copyParallel)
	for i := range parts {
		off := int64(i) * size
		g.Go(func() (err error) {
			parts[i], err = c.copyPart(ctx, r.bucket, r.key, id, i+1, src, off, min(size, src.Size-off))
			return err
		})
	}
	return parts, g.Wait()
}

// CopyPart makes a part of n bytes of src from off, inside the store. The gateway ignores conditions here, so src is compared by HEAD afterwards: ErrChanged,
// and the part must not be used. errors.ErrUnsupported where the bytes must be read and sent instead: for a Swift large object, of which the gateway
// answers 200 and copies nothing, and for a source key with a percent sign, see [Version.PartCopyable].
func (c *Client) CopyPart(ctx context.Context, bucket, key, uploadID string, number int, src Version, off, n int64) (Part, error) {
	part, err := c.copyPart(ctx, bucket, key, uploadID, number, src, off, n)
	if err == nil {
		err = c.unchanged(ctx, &request{op: "copy part", bucket: bucket, key: key}, src)
	}
	if err != nil {
		return Part{}, err
	}
	return part, nil
}

// PartCopyable reports whether ranges of v can be copied within the store: [Client.CopyPart] refuses others. Ceph 16 decodes the source's key twice in part copies (not in whole ones): a%41 copies from aA,
// and a% followed by no number ends the gateway's process (an assertion in RGWObjectCtx::set_atomic). It takes ?versionId= in a key for a version, too.
func (v Version) PartCopyable() bool {
	return !v.Large && !strings.Contains(v.Key, "%") && !strings.Contains(v.Key, "?versionId=")
}

// copyPart is CopyPart without the comparison.
func (c *Client) copyPart(ctx context.Context, bucket, key, uploadID string, number int, src Version, off, n int64) (Part, error) {
	r := &request{op: "copy part", method: http.MethodPut, bucket: bucket, key: key, query: partQuery(uploadID, number), slow: true}
	if err := c.checkCopy(r, src); err != nil {
		return Part{}, err
	}
	if off < 0 || n <= 0 || !src.PartCopyable() {
		return Part{}, fail(r, fmt.Errorf("%w: copying %d bytes from %d of %s inside the store", errors.ErrUnsupported, n, off, printable(src.Key)))
	}
	fenceSource(r, src)
	r.set("X-Amz-Copy-Source-Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	var etag string
	err := c.document(ctx, r, "CopyPartResult", func(root *node) error {
		if etag = unquote(root.text("ETag")); etag == "" || etag == emptyMD5 {
			return fmt.Errorf("a part with ETag %q of %d bytes", etag, n)
		}
		return nil
	})
	if err != nil {
		return Part{}, sourceError(err)
	}
	return Part{Number: number, ETag: etag, Size: n}, nil
}
