package fs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"allasfs/cache"
	"allasfs/s3"
)

// beforeGone brings the bytes of an object that is about to go, or to be replaced, to the drafts that take some from there: copies of it, and what is kept for
// `allasfs recover` and was made from it. by is the draft that replaces it where no node holds that, else nil. What another client replaced before cannot be had,
// and is no error here; what finds no room is one: then the object stays. (Below a directory that is renamed kept drafts follow their versions: retargetLeft.)
func (f *FS) beforeGone(ctx context.Context, bucket, key string, by *cache.Draft) error {
	if err := f.settleCopies(ctx, bucket, isKey(key)); err != nil {
		return err
	}
	for _, d := range f.keptFor(bucket, key) {
		if d == by {
			continue
		}
		err := f.withoutBase(ctx, d)
		switch {
		case err == nil, errors.Is(err, os.ErrClosed): // sent or dropped meanwhile
		case errors.Is(err, s3.ErrChanged), isNotExist(err):
			f.log.Warn("a kept file misses bytes of the version that it was made from: another client changed that", "bucket", bucket, "key", key, "err", err)
		default:
			return fmt.Errorf("a kept file, see allasfs recover, takes bytes of the version that is to go: %w", err)
		}
	}
	return nil
}
