package fakes3

import (
	"encoding/base64"
	"strconv"
)

// encoding is how names are written in a listing's answer.
type encoding struct {
	key, prefix func(string) string // of entries
	echo        func(string) string // of everything else: what was asked for, markers, tokens
}

func plain(s string) string { return s }

// encoding returns what encoding-type asks for. The gateway leaves all but the entries as they are, markers and tokens too: with control
// characters in them no strict XML parser reads the answer.
func (s *Server) encoding(c *call) encoding {
	if c.query.Get("encoding-type") != "url" {
		return encoding{plain, plain, plain}
	}
	keepSlash := func(s string) string { return escapeURI(s, '/') }
	if s.opts.aws {
		return encoding{keepSlash, keepSlash, keepSlash}
	}
	return encoding{func(s string) string { return escapeURI(s, 0) }, keepSlash, plain}
}

// atMost reads a parameter that limits the entries of a page.
func atMost(c *call, name string) (int, error) {
	v := c.query.Get(name)
	if v == "" {
		return maxListed, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0, errInvalidArgument
	}
	return min(max(n, 0), maxListed), nil
}

func (s *Server) listV2(c *call) (*answer, error) {
	after := c.query.Get("start-after")
	token := c.query.Get("continuation-token")
	if token != "" {
		after = token
		if s.opts.aws {
			raw, err := base64.RawURLEncoding.DecodeString(token)
			if err != nil {
				return nil, errInvalidArgument
			}
			after = string(raw)
		}
	}
	return s.list(c, after, func(d *xmlDoc, enc encoding, page []entry, more bool) {
		d.number("KeyCount", int64(len(page)))
		if c.query.Has("start-after") {
			d.text("StartAfter", enc.echo(c.query.Get("start-after")))
		}
		if token != "" {
			d.text("ContinuationToken", token)
		}
		if more {
			next := page[len(page)-1].name
			if s.opts.aws {
				next = base64.RawURLEncoding.EncodeToString([]byte(next))
			}
			d.text("NextContinuationToken", next)
		}
	})
}

func (s *Server) listV1(c *call) (*answer, error) {
	marker := c.query.Get("marker")
	return s.list(c, marker, func(d *xmlDoc, enc encoding, page []entry, more bool) {
		d.text("Marker", enc.echo(marker))
		if more && (!s.opts.aws || c.query.Get("delimiter") != "") {
			d.text("NextMarker", enc.echo(page[len(page)-1].name))
		}
	})
}

// list answers one page of a bucket; extra writes what the versions of the operation differ in.
func (s *Server) list(c *call, after string, extra func(*xmlDoc, encoding, []entry, bool)) (*answer, error) {
	enc := s.encoding(c)
	n, err := atMost(c, "max-keys")
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.permitLocked(c, false)
	if err != nil {
		return nil, err
	}
	prefix, delimiter := c.query.Get("prefix"), c.query.Get("delimiter")
	page, more := b.walk(prefix, delimiter, after, !s.opts.aws, n)
	d := newXML("ListBucketResult").text("Name", b.name).text("Prefix", enc.echo(prefix))
	if delimiter != "" {
		d.text("Delimiter", enc.echo(delimiter))
	}
	d.number("MaxKeys", int64(n))
	if c.query.Get("encoding-type") == "url" {
		d.text("EncodingType", "url")
	}
	d.flag("IsTruncated", more)
	extra(d, enc, page, more)
	for _, e := range page {
		b.writeEntry(d, enc, e)
	}
	return okXML(d, "ListBucketResult"), nil
}

func (b *bucket) writeEntry(d *xmlDoc, enc encoding, e entry) {
	if e.prefix {
		d.open("CommonPrefixes").text("Prefix", enc.prefix(e.name)).close("CommonPrefixes")
		return
	}
	o := b.objects[e.name]
	d.open("Contents").text("Key", enc.key(e.name)).time("LastModified", o.modified).text("ETag", `"`+o.etag+`"`)
	d.number("Size", o.listedSize()).text("StorageClass", "STANDARD").owner("Owner", b.owner).close("Contents")
}
