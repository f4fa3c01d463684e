package fs

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"time"
)

// segmentsSuffix ends the names of the buckets in which Swift clients put the parts of large objects. Whoever changes one breaks a file of another bucket.
const segmentsSuffix = "_segments"

// refusedFor is how long a bucket shows read-only after the store has refused a change of it: then somebody tries again, for rights are given, too.
const refusedFor = 10 * time.Minute

// rights are what is known of the buckets that may be changed; guarded by FS.mu.
type rights struct {
	refused map[string]time.Time // buckets that took no change, and when
	written map[string]bool      // that did: a policy may hold for some of a bucket's keys only, so these are never refused as a whole
	told    map[string]bool      // whose state was recorded
}

// wroteTo learns from the store's answer to a change of a bucket. No lock is held.
func (f *FS) wroteTo(bucket string, refused bool) {
	f.mu.Lock()
	r := &f.rights
	_, was := r.refused[bucket]
	if !refused {
		r.written[bucket] = true
		delete(r.refused, bucket)
	} else if !r.written[bucket] {
		r.refused[bucket] = time.Now()
	}
	_, is := r.refused[bucket]
	tell := is && !r.told[bucket]
	if tell {
		r.told[bucket] = true
	}
	top := f.nodes[RootID]
	if f.o.Bucket == "" {
		top = top.children[bucket]
	}
	n := f.notifier
	f.mu.Unlock()
	if tell {
		f.record("write", bucket, errors.New("the store refused a change: these keys may read the bucket and not write to it. It shows read-only and is tried again after "+refusedFor.String()))
	}
	if is != was && top != nil && n != nil {
		n.ContentChanged(top.id)
	}
}

// isRefused tells whether a bucket took no change lately; needs f.mu.
func (f *FS) isRefused(bucket string) bool {
	at, ok := f.rights.refused[bucket]
	return ok && time.Since(at) < refusedFor
}

// showsReadOnly tells whether a node's permission bits lack those for writing; needs f.mu.
func (f *FS) showsReadOnly(n *node) bool {
	return len(f.rights.refused) > 0 && f.isRefused(f.bucketOf(n))
}

// bucketOf is the bucket that a node lies in, or is, "" for the top of a project and what is detached; needs f.mu.
func (f *FS) bucketOf(n *node) string {
	for n != nil && n.id != RootID {
		if n.parent != nil && n.parent.id == RootID && f.o.Bucket == "" {
			return n.part.Elem
		}
		n = n.parent
	}
	if n == nil {
		return ""
	}
	return f.o.Bucket
}

// writableIn is writable for a change of node id, or of the name nm in it: EROFS in a bucket of segments, os.ErrPermission in one that the store lets nobody
// with these keys change.
func (f *FS) writableIn(id uint64, nm string) error {
	if err := f.writable(); err != nil {
		return err
	}
	f.mu.Lock()
	bucket := f.bucketOf(f.nodes[id])
	if bucket == "" && id == RootID {
		bucket = nm
	}
	refused := f.isRefused(bucket)
	segments := strings.HasSuffix(bucket, segmentsSuffix) && !f.o.Segments
	tell := segments && !f.rights.told[bucket]
	if tell {
		f.rights.told[bucket] = true
	}
	f.mu.Unlock()
	switch {
	case tell:
		f.record("write", bucket, errors.New("a bucket of this name holds the parts of large files of another one, which a change would break, so it is read-only; mount with --segments to change it"))
		fallthrough
	case segments:
		return syscall.EROFS
	case refused:
		return os.ErrPermission
	}
	return nil
}
