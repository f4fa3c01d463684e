package fakes3

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// etagOfNothing is the MD5 of no bytes, which the listing shows for every Swift large object.
const etagOfNothing = "d41d8cd98f00b204e9800998ecf8427e"

// manifest tells where the bytes of a Swift large object are.
type manifest struct {
	bucket, prefix string    // of a DLO: its bytes are all objects that begin so, in key order, as they are at each read
	segments       []segment // of an SLO: its bytes are these objects
	static         bool      // SLO
	listed         int64     // size in a listing: of the manifest's text, 0 for a DLO and for copies
}

type segment struct {
	bucket, key string
	size        int64
	etag        string
}

func (m *manifest) kind() string {
	switch {
	case m == nil:
		return ""
	case m.static:
		return "SLO"
	}
	return "DLO"
}

// view is an object as HEAD and GET show it.
type view struct {
	pieces []piece
	size   int64  // as told
	etag   string // as told
}

// piece is a run of an object's bytes.
type piece struct {
	data    blob
	size    int64
	missing bool // a segment of an SLO that is gone
}

func (v *view) add(p piece) {
	v.pieces = append(v.pieces, p)
	v.size += p.size
}

// read returns the bytes [off, off+n) up to the first that is missing.
func (v view) read(off, n int64) blob {
	var out blob
	for _, p := range v.pieces {
		if off >= p.size {
			off -= p.size
			continue
		}
		if n <= 0 || p.missing {
			break
		}
		part := p.data.slice(off, n)
		out = join(out, part)
		off, n = 0, n-part.size
	}
	return out
}

// gone reports that not even a HEAD finds the object: its first segment is missing.
func (v view) gone() bool { return len(v.pieces) > 0 && v.pieces[0].missing }

// resolve gathers the bytes of an object. The lock must be held.
func (s *Server) resolve(o *object) view {
	switch {
	case o.large == nil:
		return view{pieces: []piece{{data: o.data, size: o.data.size}}, size: o.data.size, etag: o.etag}
	case o.large.static:
		return s.resolveSLO(o.large)
	}
	return s.resolveDLO(o.large)
}

func (s *Server) resolveDLO(m *manifest) view {
	sum, v := md5.New(), view{}
	if b := s.buckets[m.bucket]; b != nil {
		for i := b.from(m.prefix); i < len(b.keys) && strings.HasPrefix(b.keys[i], m.prefix); i++ {
			o := b.objects[b.keys[i]]
			v.add(piece{data: o.data, size: o.data.size})
			_, _ = io.WriteString(sum, o.etag)
		}
	}
	v.etag = hex.EncodeToString(sum.Sum(nil))
	return v
}

func (s *Server) resolveSLO(m *manifest) view {
	sum, v := md5.New(), view{}
	for _, seg := range m.segments {
		p := piece{size: seg.size, missing: true}
		if b := s.buckets[seg.bucket]; b != nil && b.objects[seg.key] != nil {
			p.data, p.missing = b.objects[seg.key].data, false
		}
		v.add(p)
		_, _ = io.WriteString(sum, seg.etag)
	}
	v.etag = hex.EncodeToString(sum.Sum(nil))
	return v
}

// PutDLO stores a dynamic large object as Swift's client does: the segments as segmentPrefix00000000 and so on in segmentBucket, and
// under key an empty object whose manifest names that prefix.
func (s *Server) PutDLO(bucket, key, segmentBucket, segmentPrefix string, segments ...[]byte) {
	for i, data := range segments {
		s.PutObject(segmentBucket, fmt.Sprintf("%s%08d", segmentPrefix, i), data, nil)
	}
	s.store(bucket, key, &object{etag: etagOfNothing, large: &manifest{bucket: segmentBucket, prefix: segmentPrefix}})
}

// PutSLO stores a static large object: the segments named as PutDLO names them, and under key a manifest that lists them.
func (s *Server) PutSLO(bucket, key, segmentBucket, segmentPrefix string, segments ...[]byte) {
	m := &manifest{static: true}
	for i, data := range segments {
		name := fmt.Sprintf("%s%08d", segmentPrefix, i)
		etag := s.PutObject(segmentBucket, name, data, nil)
		m.segments = append(m.segments, segment{bucket: segmentBucket, key: name, size: int64(len(data)), etag: etag})
		m.listed += int64(len(name)+len(segmentBucket)) + 77 // about what a line of the manifest takes
	}
	s.store(bucket, key, &object{etag: etagOfNothing, large: m})
}
