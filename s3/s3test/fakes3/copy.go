package fakes3

import (
	"crypto/md5"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// source finds the object that x-amz-copy-source names. The lock must be held. The slash between bucket and key is told from those in the key before
// anything is decoded: a source with that slash escaped ends a real gateway by a failed assertion.
func (s *Server) source(c *call) (bucket, key string, o *object, err error) {
	raw, _, _ := strings.Cut(c.r.Header.Get("x-amz-copy-source"), "?")
	bucket, key = splitPath(raw)
	bucket, err = url.PathUnescape(bucket)
	key, err2 := url.PathUnescape(key)
	if err != nil || err2 != nil || bucket == "" || key == "" {
		return "", "", nil, errInvalidArgument
	}
	b, err := s.permitBucket(c, bucket, false)
	if err != nil {
		return "", "", nil, err
	}
	if o = b.objects[key]; o == nil {
		return bucket, key, nil, errNoSuchKey
	}
	return bucket, key, o, nil
}

// partSource is source for a part copy, for which the gateway decodes the key twice: it copies from a b where a%20b was meant, and ends by a
// failed assertion where the key does not decode again, which is a cut connection here.
func (s *Server) partSource(c *call) (*object, error) {
	bucket, key, o, err := s.source(c)
	if s.opts.aws || !strings.Contains(key, "%") {
		return o, err
	}
	key, err = url.PathUnescape(key)
	if err != nil {
		cut()
	}
	b, err := s.permitBucket(c, bucket, false)
	if err != nil {
		return nil, err
	}
	if b.objects[key] == nil {
		return nil, errNoSuchKey
	}
	return b.objects[key], nil
}

// checkSource checks the conditions on the source: AWS' headers begin with x-amz-copy-source-if-, the gateway listens to x-amz-copy-if- only.
func (s *Server) checkSource(h http.Header, o *object) error {
	name := "x-amz-copy-"
	if s.opts.aws {
		name = "x-amz-copy-source-"
	}
	date := o.modified.Truncate(time.Second)
	if v := h.Get(name + "if-match"); v != "" && !s.matches(v, o.etag) {
		return errPrecondition
	}
	if v := h.Get(name + "if-none-match"); v != "" && s.matches(v, o.etag) {
		return s.unchanged()
	}
	if t, err := http.ParseTime(h.Get(name + "if-unmodified-since")); err == nil && date.After(t) {
		return errPrecondition
	}
	if t, err := http.ParseTime(h.Get(name + "if-modified-since")); err == nil && !date.After(t) {
		return s.unchanged()
	}
	return nil
}

// unchanged is the error of a copy whose source is not newer: the gateway takes a copy for a GET.
func (s *Server) unchanged() error {
	if s.opts.aws {
		return errPrecondition
	}
	return errNotModified
}

func (s *Server) copyObject(c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.permitLocked(c, true)
	if err != nil {
		return nil, err
	}
	srcBucket, srcKey, src, err := s.source(c)
	if err != nil {
		return nil, err
	}
	replace := strings.EqualFold(c.r.Header.Get("x-amz-metadata-directive"), "REPLACE")
	if srcBucket == c.bucket && srcKey == c.key && !replace {
		return nil, errInvalidRequest
	}
	if err := s.checkSource(c.r.Header, src); err != nil {
		return nil, err
	}
	if s.opts.aws { // the gateway ignores conditions on the destination
		if err := s.checkWrite(c.r.Header, b.objects[c.key]); err != nil {
			return nil, err
		}
	}
	if s.opts.copyLimit > 0 && src.data.size > s.opts.copyLimit {
		return nil, errInvalidRequest
	}
	o := s.copied(c, src, replace)
	if err := s.checkQuota(b, c.key, o); err != nil {
		return nil, err
	}
	o.modified = s.nowLocked()
	b.put(c.key, o)
	etag := o.etag // without quotes, and of a Swift large object not the one that HEAD tells
	if s.opts.aws {
		etag = `"` + etag + `"`
	}
	d := newXML("CopyObjectResult").time("LastModified", o.modified).text("ETag", etag)
	return okXML(d, "CopyObjectResult"), nil
}

// copied makes the object that a copy stores. It shares the source's bytes. Replaced metadata include the manifest of a Swift large object: what
// the gateway stores then is empty.
func (s *Server) copied(c *call, src *object, replace bool) *object {
	o := *src
	o.meta = maps.Clone(src.meta)
	if src.large != nil {
		m := *src.large
		m.listed = 0
		o.large = &m
	}
	if s.opts.aws && strings.Contains(o.etag, "-") { // what came in parts is copied in one
		sum := md5.New()
		_, _ = o.data.WriteTo(sum) // to memory
		o.etag = hex.EncodeToString(sum.Sum(nil))
	}
	if !replace {
		return &o
	}
	o.contentType, o.headers, o.meta = c.r.Header.Get("Content-Type"), c.headers(keptHeaders...), s.userMeta(c.r.Header)
	o.pieces, o.large = 0, nil // it can be appended to no more
	return &o
}

func (s *Server) copyPart(c *call) (*answer, error) {
	number, err := partNumber(c)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.permitLocked(c, true)
	if err != nil {
		return nil, err
	}
	u := b.upload(c)
	if u == nil {
		return nil, errNoSuchUpload
	}
	src, err := s.partSource(c)
	if err != nil {
		return nil, err
	}
	if s.opts.aws { // the gateway ignores conditions here
		if err := s.checkSource(c.r.Header, src); err != nil {
			return nil, err
		}
	}
	data, err := sourceRange(c.r.Header.Get("x-amz-copy-source-range"), src)
	if err != nil {
		return nil, err
	}
	p := part{data: data, etag: etagOf(data), modified: s.nowLocked()}
	u.parts[number] = p
	d := newXML("CopyPartResult").time("LastModified", p.modified).text("ETag", `"`+p.etag+`"`)
	return okXML(d, "CopyPartResult"), nil
}

// sourceRange returns the bytes that a part copy takes. Of a Swift large object the gateway copies none, and says nothing.
func sourceRange(header string, src *object) (blob, error) {
	if src.large != nil {
		return blob{}, nil
	}
	if header == "" {
		return src.data, nil
	}
	off, n, ranged, err := parseRange(header, src.data.size)
	switch {
	case err != nil:
		return blob{}, err
	case !ranged:
		return blob{}, errInvalidArgument
	case pastEnd(header, src.data.size):
		return blob{}, errInvalidRange
	}
	return src.data.slice(off, n), nil
}

// pastEnd reports whether a range names an end beyond size bytes: a GET is cut there, a part copy refused.
func pastEnd(header string, size int64) bool {
	_, last, _ := strings.Cut(header, "-")
	end, err := strconv.ParseInt(last, 10, 64)
	return err == nil && end >= size
}

// etagOf returns the MD5 of all bytes.
func etagOf(b blob) string {
	h := md5.New()
	_, _ = b.WriteTo(h)
	return hex.EncodeToString(h.Sum(nil))
}
