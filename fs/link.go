package fs

import (
	"strconv"
	"time"

	"allasfs/s3"
)

// linkFor is how long a link is valid that asks for nothing else.
const linkFor = 24 * time.Hour

// linkTo is a URL by which anybody may download the object of v's key, for so many seconds as decimal text says, linkFor without; false where there is
// nothing to link to, or the number is no time that a link may have.
func (f *FS) linkTo(v s3.Version, seconds string) (string, bool) {
	valid := linkFor
	if seconds != "" {
		n, err := strconv.ParseInt(seconds, 10, 32)
		if err != nil {
			return "", false
		}
		valid = time.Duration(n) * time.Second
	}
	if v.Key == "" {
		return "", false
	}
	u, err := f.o.Store.Link(v.Bucket, v.Key, valid)
	return u, err == nil
}
