package fakes3

import (
	"cmp"
	"slices"
	"time"
)

// user owns buckets; its ID is its access key.
type user struct{ id, secret, token string }

// object is one version of what is stored under a key. It is never changed, only replaced.
type object struct {
	data        blob
	etag        string // without quotes
	modified    time.Time
	contentType string            // "" = none was sent
	headers     map[string]string // further headers that are kept: Cache-Control, …
	meta        map[string]string // user metadata by lower-case name without x-amz-meta-
	pieces      int               // of appending; 0 = not appendable
	large       *manifest         // Swift large object; nil = none
}

// listedSize returns the size that a listing shows: a Swift large object's is that of its manifest.
func (o *object) listedSize() int64 {
	if o.large != nil {
		return o.large.listed
	}
	return o.data.size
}

// bucket holds the objects of one bucket; the server's lock guards it.
type bucket struct {
	name, owner string
	created     time.Time
	public      bool // anonymous clients may read
	objects     map[string]*object
	keys        []string // of objects, sorted by bytes
	bytes       int64    // of all objects
	uploads     map[string]*upload
}

func newBucket(name, owner string, now time.Time) *bucket {
	return &bucket{name: name, owner: owner, created: now, objects: map[string]*object{}, uploads: map[string]*upload{}}
}

// put stores o under key in place of what was there.
func (b *bucket) put(key string, o *object) {
	old, exists := b.objects[key]
	if exists {
		b.bytes -= old.listedSize()
	} else if n := len(b.keys); n == 0 || b.keys[n-1] < key {
		b.keys = append(b.keys, key) // in order, as bulk loads come: no search, no move
	} else {
		i, _ := slices.BinarySearch(b.keys, key)
		b.keys = slices.Insert(b.keys, i, key)
	}
	b.objects[key] = o
	b.bytes += o.listedSize()
}

// remove deletes a key; a missing one is left missing.
func (b *bucket) remove(key string) {
	old, exists := b.objects[key]
	if !exists {
		return
	}
	b.bytes -= old.listedSize()
	delete(b.objects, key)
	i, _ := slices.BinarySearch(b.keys, key)
	b.keys = slices.Delete(b.keys, i, i+1)
}

// bucketsOf returns a user's buckets by name. The lock must be held.
func (s *Server) bucketsOf(owner string) []*bucket {
	var own []*bucket
	for _, b := range s.buckets {
		if b.owner == owner {
			own = append(own, b)
		}
	}
	slices.SortFunc(own, func(x, y *bucket) int { return cmp.Compare(x.name, y.name) })
	return own
}

// checkQuota reports whether the bucket and its owner may hold o under key as well. The lock must be held.
func (s *Server) checkQuota(b *bucket, key string, o *object) error {
	more, one := o.data.size, int64(1)
	if old := b.objects[key]; old != nil {
		more, one = more-old.data.size, 0
	}
	bytes, objects := b.used()
	if s.opts.bucketQuota.exceeded(bytes, objects, more, one) {
		return errQuotaExceeded
	}
	if b.owner != s.AccessKey {
		return nil
	}
	bytes, objects = s.used(b.owner)
	if s.opts.userQuota.exceeded(bytes, objects, more, one) {
		return errQuotaExceeded
	}
	return nil
}

// used returns what the bucket holds, the parts of unfinished uploads included, as the gateway counts them.
func (b *bucket) used() (bytes, objects int64) {
	bytes, objects = b.bytes, int64(len(b.keys))
	for _, u := range b.uploads {
		objects += int64(len(u.parts)) + 1
		for _, p := range u.parts {
			bytes += p.data.size
		}
	}
	return bytes, objects
}

// used returns what the user's buckets hold. The lock must be held.
func (s *Server) used(owner string) (bytes, objects int64) {
	for _, b := range s.buckets {
		if b.owner == owner {
			n, count := b.used()
			bytes, objects = bytes+n, objects+count
		}
	}
	return bytes, objects
}

// exceeded reports whether more bytes and objects do not fit; what makes a bucket smaller always does.
func (q quota) exceeded(bytes, objects, more, one int64) bool {
	return q.bytes >= 0 && more > 0 && bytes+more > q.bytes || q.objects >= 0 && one > 0 && objects+one > q.objects
}
