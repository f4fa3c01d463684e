package fakes3

import (
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// newObject makes an object with what the headers of a request say of it.
func (s *Server) newObject(c *call, data blob, etag string) *object {
	return &object{
		data: data, etag: etag, contentType: c.r.Header.Get("Content-Type"),
		headers: c.headers(keptHeaders...), meta: s.userMeta(c.r.Header),
	}
}

// userMeta returns the user metadata of a request. The gateway turns underscores into dashes.
func (s *Server) userMeta(h http.Header) map[string]string {
	meta := map[string]string{}
	for name, values := range h {
		name, found := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-")
		if !found {
			continue
		}
		if !s.opts.aws {
			name = strings.ReplaceAll(name, "_", "-")
		}
		meta[name] = strings.Join(values, ",")
	}
	return meta
}

func (s *Server) putObject(c *call) (*answer, error) {
	if err := s.permit(c, true); err != nil {
		return nil, err
	}
	data, sum, err := c.up.data()
	if err != nil {
		return nil, err
	}
	o := s.newObject(c, newBlob(data), hex.EncodeToString(sum[:]))
	if c.up.inChunks() {
		o.headers = withoutChunked(o.headers)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.permitLocked(c, true) // again: it may be gone by now
	if err != nil {
		return nil, err
	}
	if err := s.checkWrite(c.r.Header, b.objects[c.key]); err != nil {
		return nil, err
	}
	if err := s.checkQuota(b, c.key, o); err != nil {
		return nil, err
	}
	o.modified = s.nowLocked()
	b.put(c.key, o)
	a := ok()
	a.header.Set("ETag", `"`+o.etag+`"`)
	return a, nil
}

// withoutChunked takes the coding of the request itself out of the headers to keep.
func withoutChunked(headers map[string]string) map[string]string {
	v := headers["content-encoding"]
	if v == "" {
		return headers
	}
	v = strings.Trim(strings.ReplaceAll(v, "aws-chunked", ""), ", ")
	if v == "" {
		delete(headers, "content-encoding")
	} else {
		headers["content-encoding"] = v
	}
	return headers
}

// checkWrite checks the conditions of a write against what is there now (nil = nothing). The gateway knows If-Match without quotes only.
func (s *Server) checkWrite(h http.Header, old *object) error {
	if v := h.Get("If-None-Match"); v != "" && old != nil && (v == "*" || s.matches(v, old.etag)) {
		return errPrecondition
	}
	v := h.Get("If-Match")
	switch {
	case v == "":
		return nil
	case old == nil && s.opts.aws:
		return errNoSuchKey
	case old == nil:
		return errPrecondition
	case v == "*", s.opts.aws && s.matches(v, old.etag), v == old.etag:
		return nil
	}
	return errPrecondition
}

// appendObject is the gateway's PUT key?append&position=N.
func (s *Server) appendObject(c *call) (*answer, error) {
	if err := s.permit(c, true); err != nil {
		return nil, err
	}
	position, err := strconv.ParseInt(c.query.Get("position"), 10, 64)
	if err != nil || position < 0 {
		return nil, errInvalidArgument
	}
	data, sum, err := c.up.data()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.permitLocked(c, true)
	if err != nil {
		return nil, err
	}
	old := b.objects[c.key]
	o := s.newObject(c, newBlob(data), "")
	o.headers = withoutChunked(o.headers)
	if old != nil {
		next := *old
		next.data = join(old.data, o.data)
		o = &next
	}
	switch {
	case old != nil && old.pieces == 0:
		return nil, fail(409, "ObjectNotAppendable")
	case position != o.data.size-int64(len(data)):
		return nil, fail(409, "PositionNotEqualToLength")
	}
	if err := s.checkQuota(b, c.key, o); err != nil {
		return nil, err
	}
	o.etag, o.pieces = appendedETag(old, sum)
	o.modified = s.nowLocked()
	b.put(c.key, o)
	a := ok()
	a.header.Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
	a.header.Set("x-rgw-next-append-position", itoa(o.data.size))
	return a, nil
}

// appendedETag chains the piece's MD5 to the ETag there was; pieces is how many there are now.
func appendedETag(old *object, sum [md5.Size]byte) (etag string, pieces int) {
	h := md5.New()
	pieces = 1
	if old != nil {
		_, _ = h.Write([]byte(old.etag))
		pieces = old.pieces + 1
	}
	_, _ = h.Write(sum[:])
	return hex.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(pieces), pieces
}
