package fs

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"allasfs/s3"
)

// segmentsSuffix ends the names of the buckets in which Swift clients put the parts of large objects. Whoever changes one breaks a file of another bucket.
const segmentsSuffix = "_segments"

// refusedFor is how long another project's bucket shows read-only after the store has refused a change of it: rights are given, too.
const refusedFor = 10 * time.Minute

// rights are what is known of the buckets that may be changed; guarded by FS.mu.
type rights struct {
	refused map[string]time.Time // buckets of others that took no change, and when
	trusted map[string]bool      // that did, for a policy may hold for some of a bucket's keys only, and the project's own: never refused as a whole
	asking  map[string]bool      // whose owner is being asked for
	told    map[string]bool      // whose state was recorded
}

// wroteTo learns from the store's answer to a change of a bucket. No lock is held.
func (f *FS) wroteTo(bucket string, refused bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &f.rights
	switch {
	case !refused:
		r.trusted[bucket] = true
		if _, was := r.refused[bucket]; was {
			delete(r.refused, bucket)
			f.spawn(func() { f.rightsChanged(bucket) })
		}
	case r.trusted[bucket] || r.asking[bucket]:
	default:
		r.asking[bucket] = true
		f.spawn(func() { f.judgeRefusal(f.ctx, bucket) })
	}
}

// judgeRefusal decides what the refusal of a change says of a bucket: of the project's own, nothing, for its members may change everything.
func (f *FS) judgeRefusal(ctx context.Context, bucket string) {
	own, err := f.o.Store.Buckets(ctx)
	is := func(b s3.Bucket) bool { return b.Name == bucket }
	f.mu.Lock()
	r := &f.rights
	delete(r.asking, bucket)
	if err == nil && slices.ContainsFunc(own, is) {
		r.trusted[bucket] = true
	}
	if err != nil || r.trusted[bucket] {
		f.mu.Unlock()
		return
	}
	r.refused[bucket] = time.Now()
	tell := !r.told[bucket]
	r.told[bucket] = true
	f.mu.Unlock()
	if tell {
		f.record("write", bucket, errors.New("the store refused a change of this bucket of another project: these keys may read it and not write to it. It shows read-only and is tried again after "+refusedFor.String()))
	}
	f.rightsChanged(bucket)
}

// rightsChanged tells the kernel that the permission bits of a bucket's directory are others now.
func (f *FS) rightsChanged(bucket string) {
	f.mu.Lock()
	top := f.nodes[RootID]
	if f.o.Bucket == "" {
		top = top.children[bucket]
	}
	f.mu.Unlock()
	if top != nil {
		f.notifyContent(top.id)
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
