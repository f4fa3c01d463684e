package fakes3

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) listParts(c *call) (*answer, error) {
	n, err := atMost(c, "max-parts")
	if err != nil {
		return nil, err
	}
	marker, _ := strconv.Atoi(c.query.Get("part-number-marker"))
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.permitLocked(c, true)
	if err != nil {
		return nil, err
	}
	u := b.upload(c)
	switch {
	case u == nil && !s.opts.aws:
		return nil, errNoSuchKey
	case u == nil:
		return nil, errNoSuchUpload
	}
	numbers := slices.Sorted(maps.Keys(u.parts))
	i, found := slices.BinarySearch(numbers, marker)
	if found {
		i++
	}
	page := numbers[i:]
	more := len(page) > n
	page = page[:min(n, len(page))]
	d := newXML("ListPartsResult").text("Bucket", b.name).text("Key", u.key).text("UploadId", u.id)
	d.text("StorageClass", "STANDARD").number("PartNumberMarker", int64(marker))
	if more && n > 0 {
		d.number("NextPartNumberMarker", int64(page[len(page)-1]))
	}
	d.number("MaxParts", int64(n)).flag("IsTruncated", more).owner("Owner", b.owner)
	for _, number := range page {
		p := u.parts[number]
		d.open("Part").number("PartNumber", int64(number)).time("LastModified", p.modified)
		d.text("ETag", `"`+p.etag+`"`).number("Size", p.data.size).close("Part")
	}
	return okXML(d, "ListPartsResult"), nil
}

// uploadEntry is one line of a list of uploads: an upload or, with a delimiter, a common prefix.
type uploadEntry struct {
	name string // key or prefix
	u    *upload
}

func (s *Server) listUploads(c *call) (*answer, error) {
	enc := plain
	if s.opts.aws { // the gateway does not know encoding-type here
		enc = s.encoding(c).key
	}
	n, err := atMost(c, "max-uploads")
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.permitLocked(c, true)
	if err != nil {
		return nil, err
	}
	prefix, delimiter := c.query.Get("prefix"), c.query.Get("delimiter")
	keyMarker, idMarker := c.query.Get("key-marker"), c.query.Get("upload-id-marker")
	page := b.uploadEntries(prefix, delimiter, keyMarker, idMarker)
	more := len(page) > n
	page = page[:min(n, len(page))]
	d := newXML("ListMultipartUploadsResult").text("Bucket", b.name).text("Prefix", enc(prefix))
	d.text("KeyMarker", enc(keyMarker)).text("UploadIdMarker", idMarker).number("MaxUploads", int64(n))
	if delimiter != "" {
		d.text("Delimiter", enc(delimiter))
	}
	if s.opts.aws && c.query.Get("encoding-type") == "url" {
		d.text("EncodingType", "url")
	}
	d.flag("IsTruncated", more)
	if more && n > 0 {
		last := page[len(page)-1]
		d.text("NextKeyMarker", enc(last.name))
		if last.u != nil {
			d.text("NextUploadIdMarker", last.u.id)
		}
	}
	for _, e := range page {
		if e.u == nil {
			d.open("CommonPrefixes").text("Prefix", enc(e.name)).close("CommonPrefixes")
			continue
		}
		d.open("Upload").text("Key", enc(e.name)).text("UploadId", e.u.id).owner("Initiator", b.owner).owner("Owner", b.owner)
		d.text("StorageClass", "STANDARD").time("Initiated", e.u.started).close("Upload")
	}
	return okXML(d, "ListMultipartUploadsResult"), nil
}

// uploadEntries returns the uploads after the markers, by key and ID.
func (b *bucket) uploadEntries(prefix, delimiter, keyMarker, idMarker string) []uploadEntry {
	var list []uploadEntry
	rolled := map[string]bool{}
	for _, u := range b.uploads {
		common, found := commonPrefix(u.key, prefix, delimiter)
		switch {
		case !strings.HasPrefix(u.key, prefix):
		case found && common > keyMarker && !rolled[common]:
			rolled[common] = true
			list = append(list, uploadEntry{name: common})
		case !found && (u.key > keyMarker || u.key == keyMarker && idMarker != "" && u.id > idMarker):
			list = append(list, uploadEntry{name: u.key, u: u})
		}
	}
	slices.SortFunc(list, func(x, y uploadEntry) int {
		if c := cmp.Compare(x.name, y.name); c != 0 || x.u == nil || y.u == nil {
			return c
		}
		return cmp.Compare(x.u.id, y.u.id)
	})
	return list
}
