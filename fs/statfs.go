package fs

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"allasfs/s3"
)

// Space is what statfs(2) shows of the project; -1 = no limit told.
type Space struct {
	Bytes, QuotaBytes     int64
	Objects, QuotaObjects int64
}

// spaceCache keeps the answer, which costs a request a bucket.
type spaceCache struct {
	at    time.Time
	space Space
}

// spaceTTL is how long use and quota are trusted: the gateway itself counts with a delay.
const spaceTTL = time.Minute

// Statfs returns the project's use and quota; of a single bucket's mount whose project cannot be listed, that bucket's.
func (f *FS) Statfs(ctx context.Context, id uint64) (Space, error) {
	f.mu.Lock()
	c := f.space
	f.mu.Unlock()
	if time.Since(c.at) < spaceTTL {
		return c.space, nil
	}
	s, err := f.askSpace(ctx)
	if err != nil {
		return Space{}, err
	}
	f.mu.Lock()
	f.space = spaceCache{time.Now(), s}
	f.mu.Unlock()
	return s, nil
}

func (f *FS) askSpace(ctx context.Context) (Space, error) {
	buckets, err := f.o.Store.Buckets(ctx)
	if err != nil && f.o.Bucket == "" {
		return Space{}, err
	}
	mine := f.o.Bucket == ""
	for _, b := range buckets {
		mine = mine || b.Name == f.o.Bucket
	}
	if !mine {
		u, err := f.o.Store.HeadBucket(ctx, f.o.Bucket)
		return Space{u.Bytes, u.BucketQuotaBytes, u.Objects, u.BucketQuotaObjects}, err
	}
	total := Space{QuotaBytes: -1, QuotaObjects: -1}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(maxRequests)
	for _, b := range buckets {
		g.Go(func() error {
			u, err := f.o.Store.HeadBucket(gctx, b.Name)
			if isNotExist(err) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			total.add(u)
			return err
		})
	}
	return total, g.Wait()
}

func (s *Space) add(u s3.Usage) {
	s.Bytes += max(u.Bytes, 0)
	s.Objects += max(u.Objects, 0)
	s.QuotaBytes = max(s.QuotaBytes, u.QuotaBytes)
	s.QuotaObjects = max(s.QuotaObjects, u.QuotaObjects)
}
