package fs

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"allasfs/cache"
	"allasfs/s3"
)

// Parts of an upload that is not wanted any more are billed until it is aborted. An abort that fails is kept in the journal and tried again, by later mounts too, until
// the store has answered it.

const (
	abortKind   = "abort"          // marks an abortNote among what the journal keeps
	abortUnsure = time.Hour        // an upload that the store may be completing is aborted that long after it was left: then it is completed, or never will be
	abortWithin = 10 * time.Second // one try
)

// abortNote is an upload that is to be aborted.
type abortNote struct {
	Kind   string    `json:"kind"`
	Store  string    `json:"store"`
	Bucket string    `json:"bucket"`
	Key    string    `json:"key"`
	ID     string    `json:"id"`
	Due    time.Time `json:"due"` // not before
}

// leftUpload is an abortNote that is in the journal.
type leftUpload struct {
	abortNote
	kept *cache.Intent
	toldOnce
}

// aborts are the uploads that are to be aborted yet; guarded by FS.mu.
type aborts struct {
	left    []*leftUpload
	running bool // somebody tries them
}

// abort drops an upload that is not wanted, even when ctx ended; what fails is tried again later.
func (f *FS) abort(ctx context.Context, t cache.Target, id string) {
	if err := f.tryAbort(ctx, t.Bucket, t.Key, id); err != nil {
		f.log.Warn("abort a multipart upload", "bucket", t.Bucket, "key", t.Key, "err", err)
		f.abortLater(t, id, 0)
		return
	}
	if l := f.takeAbort(id); l != nil {
		f.forgetAbort(l)
	}
}

// takeAbort takes an upload out of those that are to be aborted; nil when it is none of them.
func (f *FS) takeAbort(id string) *leftUpload {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.aborts.left, func(l *leftUpload) bool { return l.ID == id })
	if i < 0 {
		return nil
	}
	l := f.aborts.left[i]
	f.aborts.left = slices.Delete(f.aborts.left, i, i+1)
	return l
}

// abortLater drops an upload after a time, or later.
func (f *FS) abortLater(t cache.Target, id string, after time.Duration) {
	l := f.takeAbort(id)
	if l == nil {
		l = f.newAbort(t, id)
	}
	f.abortKept(l, after)
}

func (f *FS) newAbort(t cache.Target, id string) *leftUpload {
	return &leftUpload{abortNote: abortNote{Kind: abortKind, Store: f.o.Name, Bucket: t.Bucket, Key: t.Key, ID: id}}
}

// abortKept is abortLater for one that nobody tries yet.
func (f *FS) abortKept(l *leftUpload, after time.Duration) {
	f.keepAbort(l, after)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aborts.left = append(f.aborts.left, l)
	f.runAborts(f.o.ResumeAfter)
}

// keepAbort lets a mount that finds it in the journal abort an upload, after that time.
func (f *FS) keepAbort(l *leftUpload, after time.Duration) {
	l.Due = time.Now().Add(after)
	b, err := json.Marshal(l.abortNote)
	switch {
	case err != nil:
	case l.kept == nil:
		l.kept, err = f.o.Cache.NewIntent(b)
	default:
		err = l.kept.Set(b)
	}
	if err != nil {
		f.log.Warn("the journal cannot be written: after a crash an upload would stay in the store", "bucket", l.Bucket, "key", l.Key, "id", l.ID, "err", err)
	}
}

// copyObject is s3.Client.Copy. What a crash leaves of a copy that is made in parts, or its failure, is aborted.
func (f *FS) copyObject(ctx context.Context, src s3.Version, bucket, key string, o s3.CopyOptions) (s3.Object, error) {
	var under *leftUpload
	o.Upload = func(id string, open bool) {
		if !open {
			f.forgetAbort(under)
			under = nil
			return
		}
		under = f.newAbort(cache.Target{Bucket: bucket, Key: key}, id)
		f.keepAbort(under, abortUnsure)
	}
	made, err := f.o.Store.Copy(ctx, src, bucket, key, o)
	if under != nil {
		f.abortKept(under, 0)
	}
	return made, err
}

// tryAbort aborts an upload; one that is not there is no error.
func (f *FS) tryAbort(ctx context.Context, bucket, key, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortWithin)
	defer cancel()
	err := f.o.Store.Abort(ctx, bucket, key, id)
	if isNotExist(err) {
		return nil
	}
	return err
}

// leftAbort takes up what kept tells of, unless it is another file system's.
func (f *FS) leftAbort(kept *cache.Intent) {
	l := &leftUpload{kept: kept}
	if err := json.Unmarshal(kept.Data(), &l.abortNote); err != nil || !f.o.Group.claimAbort(f, l) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(f.aborts.left, func(o *leftUpload) bool { return o.ID == l.ID }) {
		return // noted as the drafts were taken up
	}
	f.aborts.left = append(f.aborts.left, l)
	f.runAborts(0)
}

// runAborts sees that aborts are tried, the first time after that time; needs f.mu.
func (f *FS) runAborts(first time.Duration) {
	if f.aborts.running || f.ended {
		return
	}
	f.aborts.running = true
	f.spawn(func() { f.doAborts(first) })
}

// doAborts tries, after longer and longer times, until none is left or the mount ends.
func (f *FS) doAborts(wait time.Duration) {
	for f.someAborts() {
		select {
		case <-time.After(wait):
		case <-f.ctx.Done():
			return
		}
		f.mu.Lock()
		all := f.aborts.left
		f.aborts.left = nil
		f.mu.Unlock()
		for _, l := range all {
			if !f.abortNow(l) {
				f.mu.Lock()
				f.aborts.left = append(f.aborts.left, l)
				f.mu.Unlock()
			}
		}
		wait = max(f.o.ResumeAfter, min(2*wait, resumeMost*f.o.ResumeAfter))
	}
}

// someAborts tells whether any is left; if none is, doAborts has to be begun anew for the next one.
func (f *FS) someAborts() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aborts.running = len(f.aborts.left) > 0
	return f.aborts.running
}

// abortNow is one try; true when there is no other to come.
func (f *FS) abortNow(l *leftUpload) (over bool) {
	if time.Now().Before(l.Due) {
		return false
	}
	if err := f.tryAbort(f.ctx, l.Bucket, l.Key, l.ID); err != nil {
		if f.ctx.Err() == nil {
			l.tell(f, "abort an upload", l.Bucket+"/"+l.Key, err)
		}
		return false
	}
	f.forgetAbort(l)
	return true
}

// forgetAbort takes an upload that is gone out of the journal.
func (f *FS) forgetAbort(l *leftUpload) {
	if l.kept == nil {
		return
	}
	if err := l.kept.Drop(); err != nil {
		f.log.Error("the journal of an upload", "bucket", l.Bucket, "key", l.Key, "err", err)
	}
}

// endLeft aborts left, the upload of d that an earlier sending or an earlier mount had begun, and forgets it.
func (f *FS) endLeft(ctx context.Context, d *cache.Draft, left cache.Upload) {
	f.abort(ctx, cache.Target{Bucket: left.Bucket, Key: left.Key}, left.ID)
	if d.Upload().ID == left.ID {
		f.noteUpload(d, cache.Upload{})
	}
}
