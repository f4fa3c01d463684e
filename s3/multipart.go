package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
)

// CreateMultipart begins an upload in parts of 5 MiB (but for the last) to 5 GiB, up to 10 000. The condition of o is for [Client.Complete] and has no effect here.
// A try whose answer is lost leaves an upload that [Client.Uploads] lists.
func (c *Client) CreateMultipart(ctx context.Context, bucket, key string, o PutOptions) (uploadID string, err error) {
	r := &request{op: "create upload", method: http.MethodPost, bucket: bucket, key: key, query: url.Values{"uploads": {""}}}
	if err := r.checkKey(); err != nil {
		return "", err
	}
	r.carry(o.ContentType, o.Meta)
	err = c.document(ctx, r, "InitiateMultipartUploadResult", func(root *node) error {
		if uploadID = root.text("UploadId"); uploadID == "" {
			return errors.New("no upload ID")
		}
		return nil
	})
	return uploadID, err
}

// PutPart stores one part, verified like [Client.Put]; a part of the same number is replaced. os.ErrNotExist when there is no such upload.
func (c *Client) PutPart(ctx context.Context, bucket, key, uploadID string, number int, body io.ReaderAt, size int64) (Part, error) {
	r := &request{op: "put part", method: http.MethodPut, bucket: bucket, key: key, query: partQuery(uploadID, number), src: body, size: size}
	if err := r.checkKey(); err != nil {
		return Part{}, err
	}
	p, err := c.send(ctx, r, fence{})
	if err != nil {
		return Part{}, err
	}
	return Part{Number: number, ETag: etagOf(p.header), Size: size}, nil
}

func partQuery(uploadID string, number int) url.Values {
	return url.Values{"uploadId": {uploadID}, "partNumber": {strconv.Itoa(number)}}
}

// Abort ends an upload and frees its parts. An upload that is not there (any more) is no error.
func (c *Client) Abort(ctx context.Context, bucket, key, uploadID string) error {
	r := &request{op: "abort upload", method: http.MethodDelete, bucket: bucket, key: key, query: url.Values{"uploadId": {uploadID}}}
	if err := r.checkKey(); err != nil {
		return err
	}
	if uploadID == "" { // it would be a DELETE of the object
		return fail(r, fmt.Errorf("%w: no upload ID", os.ErrNotExist))
	}
	_, err := c.do(ctx, r)
	if code(err) == "NoSuchUpload" {
		return nil
	}
	return err
}

// Uploads returns the uploads of keys with the prefix that are neither completed nor aborted, everybody's.
func (c *Client) Uploads(ctx context.Context, bucket, prefix string) ([]Upload, error) {
	r := &request{op: "list uploads", method: http.MethodGet, bucket: bucket, query: url.Values{"uploads": {""}}}
	if err := r.check(); err != nil {
		return nil, err
	}
	if prefix != "" {
		r.query.Set("prefix", prefix)
	}
	var found []Upload
	for {
		var page []Upload
		var more bool
		var key, id string
		err := c.document(ctx, r, "ListMultipartUploadsResult", func(root *node) (err error) {
			page, err = uploadsOf(bucket, root)
			more = isTrue(root.text("IsTruncated"))
			key, id = root.text("NextKeyMarker"), root.text("NextUploadIdMarker")
			return err
		})
		if err != nil {
			return nil, err
		}
		found = append(found, page...)
		if !more || len(page) == 0 {
			return found, nil
		}
		if key == "" {
			key, id = page[len(page)-1].Key, page[len(page)-1].ID
		}
		r.query.Set("key-marker", key)
		r.query.Set("upload-id-marker", id)
	}
}

func uploadsOf(bucket string, root *node) ([]Upload, error) {
	var page []Upload
	for _, n := range root.all("Upload") {
		started, err := parseTime([]byte(n.text("Initiated")))
		if err != nil {
			return nil, err
		}
		page = append(page, Upload{Bucket: bucket, Key: n.text("Key"), ID: n.text("UploadId"), Started: started})
	}
	return page, nil
}

// Parts returns the parts of an upload that are stored, by number. os.ErrNotExist when there is no such upload.
func (c *Client) Parts(ctx context.Context, bucket, key, uploadID string) ([]Part, error) {
	r := &request{op: "list parts", method: http.MethodGet, bucket: bucket, key: key, query: url.Values{"uploadId": {uploadID}}}
	if err := r.checkKey(); err != nil {
		return nil, err
	}
	var found []Part
	for {
		var page []Part
		var more bool
		err := c.document(ctx, r, "ListPartsResult", func(root *node) (err error) {
			page, err = partsOf(root)
			more = isTrue(root.text("IsTruncated"))
			return err
		})
		if err != nil {
			return nil, err
		}
		found = append(found, page...)
		if !more || len(page) == 0 {
			return found, nil
		}
		r.query.Set("part-number-marker", strconv.Itoa(page[len(page)-1].Number))
	}
}

func partsOf(root *node) ([]Part, error) {
	var page []Part
	for _, n := range root.all("Part") {
		number, err := strconv.Atoi(n.text("PartNumber"))
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseInt(n.text("Size"), 10, 64)
		if err != nil {
			return nil, err
		}
		page = append(page, Part{Number: number, ETag: unquote(n.text("ETag")), Size: size})
	}
	return page, nil
}
