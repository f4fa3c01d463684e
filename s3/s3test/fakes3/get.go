package fakes3

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// keptHeaders are the headers of a PUT that GET and HEAD give back, besides the Content-Type and the user metadata.
var keptHeaders = []string{"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"}

func (s *Server) headObject(c *call) (*answer, error) { return s.getObject(c) }

func (s *Server) getObject(c *call) (*answer, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.permitLocked(c, false)
	if err != nil {
		return nil, err
	}
	o := b.objects[c.key]
	if o == nil {
		return nil, errNoSuchKey
	}
	if err := s.checkRead(c.r.Header, o); err != nil {
		return nil, err
	}
	seen := s.resolve(o)
	if seen.gone() {
		return nil, errNoSuchKey
	}
	a := s.objectAnswer(o, seen)
	for name := range c.query { // response-content-type and its like: presigned links for browsers
		if h, found := strings.CutPrefix(name, "response-"); found && c.who.id != "" {
			a.header.Set(h, c.query.Get(name))
		}
	}
	if c.whole {
		return a, nil
	}
	return a, a.cutOut(cmp.Or(c.otherRange, c.r.Header.Get("Range")), o, seen)
}

// checkRead checks the conditions of a GET or HEAD. A Swift large object is compared by the ETag that the listing shows.
func (s *Server) checkRead(h http.Header, o *object) error {
	date := o.modified.Truncate(time.Second)
	if v := h.Get("If-Match"); v != "" {
		if !s.matches(v, o.etag) {
			return errPrecondition
		}
	} else if t, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && date.After(t) {
		return errPrecondition
	}
	if v := h.Get("If-None-Match"); v != "" {
		if s.matches(v, o.etag) {
			return errNotModified
		}
	} else if t, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil && !date.After(t) {
		return errNotModified
	}
	return nil
}

// matches compares the value of a condition, quoted or not, with an ETag. The gateway does not know * but for PUT.
func (s *Server) matches(condition, etag string) bool {
	return s.opts.aws && condition == "*" || strings.Trim(condition, `"`) == etag
}

// objectAnswer makes the answer with the headers of an object and its whole body.
func (s *Server) objectAnswer(o *object, seen view) *answer {
	a := ok()
	h := a.header
	h.Set("ETag", `"`+seen.etag+`"`)
	h.Set("Last-Modified", o.modified.Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Type", "binary/octet-stream")
	if o.contentType != "" {
		h.Set("Content-Type", o.contentType)
	}
	for name, v := range o.headers {
		h.Set(name, v)
	}
	for name, v := range o.meta {
		h.Set("x-amz-meta-"+name, v)
	}
	s.kindHeaders(h, o)
	a.body, a.length = seen.read(0, seen.size), seen.size
	return a
}

// kindHeaders tells what kind of object RGW sees.
func (s *Server) kindHeaders(h http.Header, o *object) {
	if s.opts.aws {
		return
	}
	h.Set("x-rgw-object-type", "Normal")
	if o.pieces > 0 {
		h.Set("x-rgw-object-type", "Appendable")
		h.Set("x-rgw-next-append-position", itoa(o.data.size))
	}
	switch o.large.kind() {
	case "DLO":
		h.Set("x-object-manifest", escapeURI(o.large.bucket+"/"+o.large.prefix, '/'))
	case "SLO":
		h.Set("x-object-meta-static-large-object", "True")
	}
}

// cutOut reduces the answer to a range. The Content-Range of a Swift large object begins at 0, as the gateway has it wrong.
func (a *answer) cutOut(header string, o *object, seen view) error {
	off, n, ranged, err := parseRange(header, seen.size)
	if err != nil {
		return err
	}
	if ranged {
		a.status = http.StatusPartialContent
		start := off
		if o.large != nil {
			start = 0
		}
		a.header.Set("Content-Range", "bytes "+itoa(start)+"-"+itoa(off+n-1)+"/"+itoa(seen.size))
		a.length = n
		a.body = seen.read(off, n)
		if o.large.kind() == "DLO" {
			a.extra = seen.beyond(off, n)
		}
	}
	if a.length > 0 && a.body.size == 0 {
		return errNoSuchKey // the first segment that is needed is missing
	}
	return nil
}

// parseRange reads a Range header for an object of size bytes. What is not one range of bytes is ignored.
func parseRange(header string, size int64) (off, n int64, ranged bool, err error) {
	spec, found := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !found || !dash || strings.Contains(spec, ",") {
		return 0, size, false, nil
	}
	if first == "" {
		k, err := strconv.ParseInt(last, 10, 64)
		if err != nil {
			return 0, size, false, nil
		}
		if size == 0 {
			return 0, 0, false, errInvalidRange
		}
		if k == 0 {
			k = size // as the gateway has it
		}
		k = min(k, size)
		return size - k, k, true, nil
	}
	off, err = strconv.ParseInt(first, 10, 64)
	end := size - 1
	if err == nil && last != "" {
		end, err = strconv.ParseInt(last, 10, 64)
	}
	if err != nil {
		return 0, size, false, nil
	}
	if off >= size || end < off {
		return 0, 0, false, errInvalidRange
	}
	return off, min(end, size-1) - off + 1, true, nil
}

// objectTagging answers that an object has no tags.
func (s *Server) objectTagging(c *call) (*answer, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.permitLocked(c, false)
	if err != nil {
		return nil, err
	}
	if b.objects[c.key] == nil {
		return nil, errNoSuchKey
	}
	return okXML(newXML("Tagging").open("TagSet").close("TagSet"), "Tagging"), nil
}
