package s3

import (
	"cmp"
	"context"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Segments returns where the segments of a dynamic large object lie: its manifest, bucket/prefix as clients quote it, in plain.
func (o Object) Segments() (bucket, prefix string) {
	manifest := o.Manifest
	if plain, err := url.PathUnescape(manifest); err == nil {
		manifest = plain
	}
	bucket, prefix, _ = strings.Cut(strings.TrimPrefix(manifest, "/"), "/")
	return bucket, prefix
}

// declaredSize is the size of the file that was uploaded, which clients write into the name of its segments: name/mtime/size/segment-size/ (Swift), or
// name/mtime/size (rclone before 1.65); false where there is none. The gateway tells the size of the segments that are there.
func (o Object) declaredSize() (size int64, ok bool) {
	_, prefix := o.Segments()
	f := strings.Split(strings.TrimSuffix(prefix, "/"), "/")
	at := func(i int) string { return f[max(len(f)-i, 0)] }
	switch {
	case len(f) >= 4 && isMtime(at(3)):
		size, err := strconv.ParseInt(at(2), 10, 64)
		segment, serr := strconv.ParseInt(at(1), 10, 64)
		return size, err == nil && serr == nil && size > segment && segment > 0
	case len(f) >= 3 && isMtime(at(2)):
		size, err := strconv.ParseInt(at(1), 10, 64)
		return size, err == nil && size > 0 // -1: it was not known
	}
	return 0, false
}

// isMtime tells whether an element of a key is a time with a fraction, as Swift clients write it.
func isMtime(elem string) bool {
	_, err := strconv.ParseFloat(elem, 64)
	return err == nil && strings.Contains(elem, ".")
}

const (
	numberedPages = 10     // of segments that are looked at for a gap
	numberedWidth = 8      // digits of a segment's name, as the Swift client and rclone write them
	numberedMost  = 99_999 // a larger number is a date, or something else
)

// fromZero knows the names that rclone gives to segments whose sizes it does not tell, the first of which is number 0: name/date-time-random since 1.65, and
// before that name/mtime/-1 of what came by a pipe.
var fromZero = regexp.MustCompile(`/(\d{4}-\d\d-\d\d-\d{6}-[^/]+|\d+\.\d+/-1)/?$`)

// numberedSize is the size that a dynamic large object, of which nobody wrote down a size, ought to have by the numbers in the names of its segments: one that
// is missing is taken for as large as the first, so that the size is not what the gateway tells and no read of the object succeeds (checkTotal). It is
// o.Size where none is missing, and where that cannot be told: the names are no numbers, or may not be listed.
func (c *Client) numberedSize(ctx context.Context, o Object) int64 {
	bucket, prefix := o.Segments()
	n := numbers{}
	if fromZero.MatchString(prefix) {
		n.last = -1
	}
	list := ListOptions{Prefix: prefix}
	for range numberedPages {
		page, err := c.List(ctx, bucket, list)
		if err != nil {
			return o.Size
		}
		for _, s := range page.Objects {
			if !n.next(strings.TrimPrefix(s.Key[len(prefix):], "/"), s.Size) {
				return o.Size
			}
		}
		if list.Token = page.Token; list.Token == "" {
			return o.Size + n.missing*max(n.size, 1)
		}
	}
	return o.Size
}

// numbers counts the gaps in a sequence of numbers that begins at 0 or 1: at last+1 if last says so.
type numbers struct {
	last    int64 // number
	missing int64
	size    int64 // of the first segment
}

// next takes the next segment, by name; false when its name is no number.
func (n *numbers) next(name string, size int64) bool {
	i, err := strconv.ParseUint(name, 10, 63)
	if err != nil || len(name) != numberedWidth || i > numberedMost {
		return false
	}
	n.missing += max(int64(i)-n.last-1, 0)
	n.last = int64(i)
	n.size = cmp.Or(n.size, size)
	return true
}
