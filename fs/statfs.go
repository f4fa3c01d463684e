package fs

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"allasfs/s3"
)

// Space is what statfs(2) shows of the project, or of one bucket; -1 = no limit told.
type Space struct {
	Bytes        int64 `json:"bytes"`
	QuotaBytes   int64 `json:"quota_bytes"`
	Objects      int64 `json:"objects"`
	QuotaObjects int64 `json:"quota_objects"`
}

// spaceCache keeps the answers, which cost a request a bucket.
type spaceCache struct {
	at       time.Time
	space    Space                // of the project
	buckets  map[string]bucketUse // those of the project, and others that were asked about
	warnings []SpaceWarning       // as of the last answers
}

// bucketUse is what was told of one bucket, and when.
type bucketUse struct {
	at    time.Time
	use   s3.Usage
	owned bool // it is the project's, so the project's quota binds it too
}

// spaceTTL is how long use and quota are trusted: the gateway itself counts with a delay.
const spaceTTL = time.Minute

// Statfs returns, at the top, the project's use and quota; of a single bucket's mount whose project cannot be listed, that bucket's. Of a node within one
// of the top's buckets it returns that bucket's use, and with it what fits in beside that, by the bucket's quota and by the project's. Of a bucket of the
// project that costs no request beside those for the project.
func (f *FS) Statfs(ctx context.Context, id uint64) (Space, error) {
	bucket := f.bucketBelowTop(id)
	project, err := f.projectSpace(ctx)
	if bucket == "" {
		return project, err
	}
	if err != nil {
		project = Space{QuotaBytes: -1, QuotaObjects: -1}
	}
	b, err := f.useOf(ctx, bucket)
	if err != nil {
		return Space{}, err
	}
	return b.within(project), nil
}

// bucketBelowTop is the bucket that a node is in, "" when the mount shows but one or the node is the top, or gone.
func (f *FS) bucketBelowTop(id uint64) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[id]
	if f.o.Bucket != "" || n == nil || n.id == RootID {
		return ""
	}
	if n.kind != kindDir {
		if n = n.parent; n == nil {
			return ""
		}
	}
	if b := f.placeOf(n).bucket; b != nowhere {
		return b
	}
	return ""
}

func (f *FS) projectSpace(ctx context.Context) (Space, error) {
	f.mu.Lock()
	c := f.space
	f.mu.Unlock()
	if time.Since(c.at) < spaceTTL {
		return c.space, nil
	}
	return f.askSpace(ctx)
}

// useOf is what a bucket holds, asked for unless it was told lately.
func (f *FS) useOf(ctx context.Context, bucket string) (bucketUse, error) {
	f.mu.Lock()
	b, ok := f.space.buckets[bucket]
	f.mu.Unlock()
	if ok && time.Since(b.at) < spaceTTL {
		return b, nil
	}
	u, err := f.o.Store.HeadBucket(ctx, bucket)
	if err != nil {
		return bucketUse{}, err
	}
	b = bucketUse{at: time.Now(), use: u}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.space.buckets == nil {
		f.space.buckets = make(map[string]bucketUse)
	}
	f.space.buckets[bucket] = b
	return b, nil
}

// within is a bucket's use, and as its quota that with what fits in beside it.
func (b bucketUse) within(project Space) Space {
	s := Space{Bytes: max(b.use.Bytes, 0), Objects: max(b.use.Objects, 0), QuotaBytes: b.use.BucketQuotaBytes, QuotaObjects: b.use.BucketQuotaObjects}
	if b.owned {
		s.QuotaBytes = least(s.QuotaBytes, s.Bytes, project.QuotaBytes, project.Bytes)
		s.QuotaObjects = least(s.QuotaObjects, s.Objects, project.QuotaObjects, project.Objects)
	}
	return s
}

// least is the smaller one of a bucket's quota and of what it has with what the project may still have; a quota below 0 is none.
func least(quota, used, projectQuota, projectUsed int64) int64 {
	if projectQuota < 0 {
		return quota
	}
	q := used + max(projectQuota-projectUsed, 0)
	if quota < 0 {
		return q
	}
	return min(quota, q)
}

// askSpace asks what the project may have, and its buckets hold; where the project's buckets cannot be listed, of the mount's one alone.
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
		if err != nil {
			return Space{}, err
		}
		s := Space{u.Bytes, u.BucketQuotaBytes, u.Objects, u.BucketQuotaObjects}
		f.spaceTold(s, map[string]bucketUse{f.o.Bucket: {at: time.Now(), use: u}})
		return s, nil
	}
	total, told, err := f.askBuckets(ctx, buckets)
	if err != nil {
		return Space{}, err
	}
	f.spaceTold(total, told)
	return total, nil
}

// askBuckets asks about the project's buckets, side by side; one that is gone meanwhile is left out.
func (f *FS) askBuckets(ctx context.Context, buckets []s3.Bucket) (Space, map[string]bucketUse, error) {
	total := Space{QuotaBytes: -1, QuotaObjects: -1}
	told := make(map[string]bucketUse, len(buckets))
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxRequests)
	for _, b := range buckets {
		g.Go(func() error {
			u, err := f.o.Store.HeadBucket(ctx, b.Name)
			if isNotExist(err) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			total.add(u)
			told[b.Name] = bucketUse{at: time.Now(), use: u, owned: true}
			return err
		})
	}
	return total, told, g.Wait()
}

// spaceTold keeps what the store said of the project and its buckets.
func (f *FS) spaceTold(project Space, buckets map[string]bucketUse) {
	now := f.limitsNear(project, buckets)
	f.mu.Lock()
	was := f.space.warnings
	f.space = spaceCache{time.Now(), project, buckets, now}
	f.mu.Unlock()
	f.logLimitsNear(was, now)
}

func (s *Space) add(u s3.Usage) {
	s.Bytes += max(u.Bytes, 0)
	s.Objects += max(u.Objects, 0)
	s.QuotaBytes = max(s.QuotaBytes, u.QuotaBytes)
	s.QuotaObjects = max(s.QuotaObjects, u.QuotaObjects)
}
