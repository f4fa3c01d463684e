package fakes3

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"time"
)

// The methods of this file reach the store without a request: another client, as a test sees it. They are not counted and know no faults.

// Object is what the server holds under a key.
type Object struct {
	Data        []byte // the bytes a GET would bring
	ETag        string // without quotes
	ContentType string
	Meta        map[string]string // user metadata, lower-case names without x-amz-meta-
	Modified    time.Time
	Appendable  bool
	Large       string // "", "DLO" or "SLO"
}

// MakeBucket makes an empty bucket of the main user; one that exists stays as it is.
func (s *Server) MakeBucket(name string) { s.MakeBucketFor(s.AccessKey, name) }

// MakeBucketFor makes an empty bucket of the user with that access key (see WithUser).
func (s *Server) MakeBucketFor(access, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeBucket(access, name)
}

func (s *Server) makeBucket(owner, name string) *bucket {
	b := s.buckets[name]
	if b == nil {
		b = newBucket(name, owner, s.nowLocked())
		s.buckets[name] = b
	}
	return b
}

// SetPublic lets everybody, anonymous clients too, list the bucket and read its objects. A bucket that is missing is made.
func (s *Server) SetPublic(name string, public bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeBucket(s.AccessKey, name).public = public
}

// PutObject stores an object and returns its ETag; meta is user metadata with lower-case names, "content-type" among them sets the
// Content-Type. A bucket that is missing is made; quotas do not bind. The server keeps data: it must not change any more.
func (s *Server) PutObject(bucket, key string, data []byte, meta map[string]string) string {
	sum := md5.Sum(data)
	o := &object{data: newBlob(data), etag: hex.EncodeToString(sum[:])}
	o.meta = maps.Clone(meta)
	o.contentType = o.meta["content-type"]
	delete(o.meta, "content-type")
	s.store(bucket, key, o)
	return o.etag
}

// PutRepeated stores an object of size bytes made of pattern over and over, and returns its ETag, which is that of a multipart upload: an object of many
// gigabytes takes next to no memory.
func (s *Server) PutRepeated(bucket, key string, pattern []byte, size int64) string {
	sum := md5.Sum(pattern)
	data := repeated(pattern, size)
	o := &object{data: data, etag: hex.EncodeToString(sum[:]) + "-" + itoa(int64(len(data.parts)))}
	s.store(bucket, key, o)
	return o.etag
}

func (s *Server) store(bucket, key string, o *object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.modified = s.nowLocked()
	s.makeBucket(s.AccessKey, bucket).put(key, o)
}

// SetModified changes the date of an object; a missing one is left alone.
func (s *Server) SetModified(bucket, key string, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil || b.objects[key] == nil {
		return
	}
	o := *b.objects[key]
	o.modified = t.UTC()
	b.put(key, &o)
}

// Object returns what is stored under a key, or an error that is os.ErrNotExist.
func (s *Server) Object(bucket, key string) (Object, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.buckets[bucket]
	if b == nil || b.objects[key] == nil {
		return Object{}, &os.PathError{Op: "object", Path: bucket + "/" + key, Err: os.ErrNotExist}
	}
	o := b.objects[key]
	seen := s.resolve(o)
	return Object{
		Data: seen.read(0, seen.size).bytes(), ETag: seen.etag, ContentType: o.contentType, Meta: maps.Clone(o.meta), Modified: o.modified,
		Appendable: o.pieces > 0, Large: o.large.kind(),
	}, nil
}

// Delete removes an object; a missing one is no error.
func (s *Server) Delete(bucket, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.buckets[bucket]; b != nil {
		b.remove(key)
	}
}

// Keys returns the keys of a bucket in S3's order, or nil where there is no such bucket.
func (s *Server) Keys(bucket string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.buckets[bucket]
	if b == nil {
		return nil
	}
	return append([]string{}, b.keys...)
}

// Buckets returns the names of all buckets of the main user, sorted.
func (s *Server) Buckets() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	for _, b := range s.bucketsOf(s.AccessKey) {
		names = append(names, b.name)
	}
	return names
}

// Uploads returns the number of multipart uploads of a bucket that were neither completed nor aborted.
func (s *Server) Uploads(bucket string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b := s.buckets[bucket]; b != nil {
		return len(b.uploads)
	}
	return 0
}

// RemoveBucket removes a bucket and all that it holds.
func (s *Server) RemoveBucket(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[name] == nil {
		return errors.New("fakes3: no bucket " + name)
	}
	delete(s.buckets, name)
	return nil
}
