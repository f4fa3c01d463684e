package fs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"allasfs/cache"
	"allasfs/s3"
)

// beforeGone brings the bytes of objects that are about to go, or to be replaced, to the drafts that take some from there: copies of them, and what is kept for
// `allasfs recover` and was made from them. by is the draft that replaces them where no node holds it, else nil. What another client replaced before cannot be had,
// and is no error here; what finds no room is one: then the objects stay. (Below a directory that is renamed kept drafts follow their versions: retargetLeft.)
func (f *FS) beforeGone(ctx context.Context, bucket string, match func(key string) bool, by *cache.Draft) error {
	if err := f.settleCopies(ctx, bucket, match); err != nil {
		return err
	}
	f.mu.Lock()
	var kept []*cache.Draft
	for _, d := range f.orphans {
		if t := d.Target(); d != by && t.Bucket == bucket && match(t.Key) {
			kept = append(kept, d)
		}
	}
	f.mu.Unlock()
	for _, d := range kept {
		err := f.withoutBase(ctx, d)
		switch {
		case err == nil, errors.Is(err, os.ErrClosed): // sent or dropped meanwhile
		case errors.Is(err, s3.ErrChanged), isNotExist(err):
			f.log.Warn("a kept file misses bytes of the version that it was made from: another client changed that", "bucket", bucket, "key", d.Target().Key, "err", err)
		default:
			return fmt.Errorf("a kept file, see allasfs recover, takes bytes of the version that is to go: %w", err)
		}
	}
	return nil
}
