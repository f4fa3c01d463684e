package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"
)

const (
	opDeleteMany = "delete many"

	deleteKeys     = 1000      // a request
	deleteBytes    = 900 << 10 // of a request's body: the gateway reads 1 MiB at most
	deleteParallel = 8
)

// Delete removes an object. A missing key is no error. It is not fenced: the gateway ignores conditions here. Of a Swift large object the segments stay.
func (c *Client) Delete(ctx context.Context, bucket, key string) error {
	r := &request{op: "delete", method: http.MethodDelete, bucket: bucket, key: key}
	if err := r.checkKey(); err != nil {
		return err
	}
	_, err := c.do(ctx, r)
	if status(err) == http.StatusNotFound && code(err) != "NoSuchBucket" {
		return nil
	}
	return err
}

// DeleteMany removes objects, a thousand a request. failed holds the keys that are still there, each with its reason; missing keys are not among them.
// err is one of these reasons, nil if all are gone.
func (c *Client) DeleteMany(ctx context.Context, bucket string, keys []string) (failed map[string]error, err error) {
	d := &deletion{client: c, bucket: bucket, failed: map[string]error{}}
	if err := (&request{op: opDeleteMany, bucket: bucket}).check(); err != nil {
		return nil, err
	}
	var g errgroup.Group
	g.SetLimit(deleteParallel)
	var batch []string
	size := 0
	flush := func() {
		if some := batch; len(some) > 0 {
			g.Go(func() error { d.many(ctx, some); return nil })
		}
		batch, size = nil, 0
	}
	for _, key := range keys {
		if !inXML(key) {
			g.Go(func() error { d.note(key, c.Delete(ctx, bucket, key)); return nil })
			continue
		}
		n := 6*len(key) + 32 // at most
		if len(batch) == deleteKeys || size+n > deleteBytes {
			flush()
		}
		batch, size = append(batch, key), size+n
	}
	flush()
	_ = g.Wait() // the errors are in d
	return d.failed, d.first
}

// deletion gathers what could not be removed.
type deletion struct {
	client *Client
	bucket string

	mu     sync.Mutex
	failed map[string]error
	first  error
}

func (d *deletion) note(key string, err error) {
	if err == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed[key] = err
	if d.first == nil {
		d.first = err
	}
}

// many removes keys by one request.
func (d *deletion) many(ctx context.Context, keys []string) {
	r := &request{op: opDeleteMany, method: http.MethodPost, bucket: d.bucket, query: url.Values{"delete": {""}}, slow: true}
	body := deleteXML(keys)
	sum := md5.Sum(body)
	r.setBody(body)
	r.set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	r.set("Content-Type", "application/xml")
	var refused []*node
	err := d.client.document(ctx, r, "DeleteResult", func(root *node) error {
		refused = root.all("Error")
		return nil
	})
	if err != nil {
		for _, key := range keys {
			d.note(key, err)
		}
	}
	for _, n := range refused {
		e := &Error{Op: r.op, Bucket: d.bucket, Key: n.text("Key"), Code: n.text("Code")}
		switch e.Err = byCode(e.Code); {
		case e.Code == "NoSuchKey" || e.Code == "NoSuchVersion":
			continue
		case e.Err == nil && e.Code == "AccessDenied":
			e.Err = byStatus(http.StatusForbidden)
		case e.Err == nil:
			e.Err = fmt.Errorf("%w: %s", errRefused, printable(e.Code))
		}
		d.note(e.Key, e)
	}
}

func deleteXML(keys []string) []byte {
	var b bytes.Buffer
	b.WriteString("<Delete><Quiet>true</Quiet>")
	for _, key := range keys {
		b.WriteString("<Object><Key>")
		_ = xml.EscapeText(&b, []byte(key)) // to memory
		b.WriteString("</Key></Object>")
	}
	b.WriteString("</Delete>")
	return b.Bytes()
}

// inXML reports whether an XML document can hold s, by the table of XML 1.0.
func inXML(s string) bool {
	if s == "" || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return true
}
