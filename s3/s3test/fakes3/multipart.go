package fakes3

import (
	"cmp"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxParts    = 10_000
	minPartSize = 5 << 20 // of all but the last
)

// upload is a multipart upload that is neither completed nor aborted.
type upload struct {
	id, key string
	started time.Time
	object  *object // what the request that began it says of the object
	parts   map[int]part
}

type part struct {
	data     blob
	etag     string
	modified time.Time
}

// upload returns the upload that a call names, nil if there is none for that key.
func (b *bucket) upload(c *call) *upload {
	u := b.uploads[c.query.Get("uploadId")]
	if u == nil || u.key != c.key {
		return nil
	}
	return u
}

func partNumber(c *call) (int, error) {
	n, err := strconv.Atoi(c.query.Get("partNumber"))
	if err != nil || n < 1 || n > maxParts {
		return 0, errInvalidArgument
	}
	return n, nil
}

func (s *Server) createUpload(c *call) (*answer, error) {
	if _, _, err := c.up.data(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.permitLocked(c, true)
	if err != nil {
		return nil, err
	}
	u := &upload{
		id: "2~" + rand.Text(), key: c.key, started: s.nowLocked(),
		object: s.newObject(c, blob{}, ""), parts: map[int]part{},
	}
	b.uploads[u.id] = u
	d := newXML("InitiateMultipartUploadResult").text("Bucket", b.name).text("Key", c.key).text("UploadId", u.id)
	return okXML(d, "InitiateMultipartUploadResult"), nil
}

func (s *Server) putPart(c *call) (*answer, error) {
	number, err := partNumber(c)
	if err != nil {
		return nil, err
	}
	if err := s.permit(c, true); err != nil {
		return nil, err
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
	u := b.upload(c)
	if u == nil {
		return nil, errNoSuchUpload
	}
	if err := s.checkQuota(b, "", &object{data: newBlob(data)}); err != nil {
		return nil, err
	}
	p := part{data: newBlob(data), etag: hex.EncodeToString(sum[:]), modified: s.nowLocked()}
	u.parts[number] = p
	a := ok()
	a.header.Set("ETag", `"`+p.etag+`"`)
	return a, nil
}

// completion is the body of CompleteMultipartUpload.
type completion struct {
	Parts []listedPart `xml:"Part"`
}

type listedPart struct {
	PartNumber int
	ETag       string
}

func (s *Server) completeUpload(c *call) (*answer, error) {
	body, _, err := c.up.data()
	if err != nil {
		return nil, err
	}
	var list completion
	if xml.Unmarshal(body, &list) != nil || len(list.Parts) == 0 {
		return nil, errMalformedXML
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.permitLocked(c, true)
	if err != nil {
		return nil, err
	}
	u := b.upload(c)
	if u == nil {
		return s.completedBefore(c, b, list)
	}
	if s.opts.aws { // the gateway ignores conditions here
		if err := s.checkWrite(c.r.Header, b.objects[c.key]); err != nil {
			return nil, err
		}
	}
	if !s.opts.aws {
		list.sort()
	}
	o, err := u.assemble(list)
	if err != nil {
		return nil, err
	}
	if !s.opts.aws && len(list.Parts) != len(u.parts) {
		return nil, fail(400, "InvalidPart") // the gateway wants all that were uploaded
	}
	o.modified = s.nowLocked()
	b.put(c.key, o)
	delete(b.uploads, u.id)
	if s.opts.aws {
		return completed(c, `"`+o.etag+`"`), nil
	}
	return completed(c, ""), nil // the gateway tells no ETag
}

// completedBefore answers a completion that was carried out already: the object there has the ETag that these parts make.
func (s *Server) completedBefore(c *call, b *bucket, list completion) (*answer, error) {
	o := b.objects[c.key]
	etag, err := list.etag()
	switch {
	case o != nil && err == nil && etag == o.etag:
		return completed(c, etag), nil
	case s.opts.aws:
		return nil, errNoSuchUpload
	}
	return nil, &apiError{status: 500, code: "InternalError", message: "This multipart completion is already in progress"}
}

// sort puts the parts in order, each number once, as the gateway takes them.
func (l *completion) sort() {
	slices.SortStableFunc(l.Parts, func(x, y listedPart) int { return cmp.Compare(x.PartNumber, y.PartNumber) })
	l.Parts = slices.CompactFunc(l.Parts, func(x, y listedPart) bool { return x.PartNumber == y.PartNumber })
}

func completed(c *call, etag string) *answer {
	d := newXML("CompleteMultipartUploadResult").text("Location", "http://"+c.r.Host+escapeURI(c.r.URL.Path, '/'))
	d.text("Bucket", c.bucket).text("Key", c.key).text("ETag", etag)
	return okXML(d, "CompleteMultipartUploadResult")
}

// etag returns md5(md5s)-N of the parts listed.
func (l completion) etag() (string, error) {
	sum := md5.New()
	for _, p := range l.Parts {
		raw, err := hex.DecodeString(strings.Trim(p.ETag, `"`))
		if err != nil {
			return "", fail(400, "InvalidPart")
		}
		_, _ = sum.Write(raw)
	}
	return hex.EncodeToString(sum.Sum(nil)) + "-" + strconv.Itoa(len(l.Parts)), nil
}

// assemble makes the object of the parts listed, which must be there, in order, and large enough.
func (u *upload) assemble(list completion) (*object, error) {
	o := *u.object
	last := 0
	var blobs []blob
	for i, l := range list.Parts {
		p, exists := u.parts[l.PartNumber]
		switch {
		case l.PartNumber <= last:
			return nil, fail(400, "InvalidPartOrder")
		case !exists:
			return nil, fail(400, "InvalidPart")
		case i < len(list.Parts)-1 && p.data.size < minPartSize:
			return nil, fail(400, "EntityTooSmall")
		case p.etag != strings.Trim(l.ETag, `"`):
			return nil, fail(400, "InvalidPart")
		}
		last = l.PartNumber
		blobs = append(blobs, p.data)
	}
	o.data = join(blobs...)
	var err error
	o.etag, err = list.etag()
	return &o, err
}

func (s *Server) abortUpload(c *call) (*answer, error) {
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
	delete(b.uploads, u.id)
	return noContent(), nil
}
