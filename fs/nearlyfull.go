package fs

import (
	"cmp"
	"slices"
	"time"
)

// SpaceWarning tells of a limit of which 90 % and more are used.
type SpaceWarning struct {
	Bucket string `json:"bucket"` // "" = it is the project's limit
	What   string `json:"what"`   // bytes or objects
	Used   int64  `json:"used"`
	Limit  int64  `json:"limit"`
}

const (
	nearlyFull    = 0.9         // of a limit
	bucketObjects = 500_000     // of a bucket whose quota of objects is not told: Allas takes no more, and asks not to come near
	spaceFirst    = time.Minute // after the mount began
	spaceEvery    = time.Hour
)

// limitsNear lists the limits of the project, and of the buckets that the mount shows, that are nearly reached.
func (f *FS) limitsNear(project Space, buckets map[string]bucketUse) []SpaceWarning {
	all, owned := []SpaceWarning{}, false
	look := func(bucket, what string, used, limit int64) {
		if limit > 0 && float64(used) >= nearlyFull*float64(limit) {
			all = append(all, SpaceWarning{bucket, what, used, limit})
		}
	}
	for name, b := range buckets {
		if f.o.Bucket != "" && name != f.o.Bucket {
			continue
		}
		objects := b.use.BucketQuotaObjects
		if objects <= 0 {
			objects = bucketObjects
		}
		look(name, "bytes", b.use.Bytes, b.use.BucketQuotaBytes)
		look(name, "objects", b.use.Objects, objects)
		owned = owned || b.owned
	}
	if owned { // else nothing is known of the project
		look("", "bytes", project.Bytes, project.QuotaBytes)
		look("", "objects", project.Objects, project.QuotaObjects)
	}
	slices.SortFunc(all, func(a, b SpaceWarning) int {
		return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.What, b.What))
	})
	return all
}

// logLimitsNear logs the limits that are nearly reached now and were not before.
func (f *FS) logLimitsNear(was, now []SpaceWarning) {
	for _, w := range now {
		if slices.ContainsFunc(was, func(x SpaceWarning) bool { return x.Bucket == w.Bucket && x.What == w.What }) {
			continue
		}
		whose := w.Bucket
		if whose == "" {
			whose = "the project"
		}
		f.log.Warn("nearly full", "whose", whose, "what", w.What, "used", w.Used, "limit", w.Limit)
	}
}

// watchSpace asks now and then how full the project is, so that somebody is told in time also where no program calls statfs(2).
func (f *FS) watchSpace() {
	next := spaceFirst
	for {
		select {
		case <-time.After(next):
			next = spaceEvery
		case <-f.ctx.Done():
			return
		}
		if _, err := f.projectSpace(f.ctx); err != nil && f.ctx.Err() == nil {
			f.log.Debug("ask how full the project is", "err", err)
		}
	}
}
