package fs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"allasfs/cache"
	"allasfs/s3"
)

// leftAttrs are attributes that an earlier mount had no time to send.
type leftAttrs struct {
	f    *FS
	kept *cache.Intent
	note attrNote
	by   *node // has them now, with what was set here since, and sends both; guarded by FS.mu
	toldOnce

	mu   sync.Mutex // held over local I/O, and taken before FS.mu
	over bool       // the journal has forgotten them
}

// leftAttrs are the attributes that kept tells of; nil where they are of a file of another file system. moves are the renames that a crash cut short.
func (f *FS) leftAttrs(kept *cache.Intent, moves []moveIntent) *leftAttrs {
	a := &leftAttrs{f: f, kept: kept}
	if err := json.Unmarshal(kept.Data(), &a.note); err != nil || !f.o.Group.claimAttrs(f, a) {
		return nil
	}
	for _, m := range moves {
		a.follow(m)
	}
	return a
}

// follow writes down where a rename brings, or has brought, the file: once the rename is ended nothing else tells.
func (l *leftAttrs) follow(m moveIntent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to := l.note.MovedTo
	if to == nil {
		to = &objectName{l.note.Bucket, l.note.Key}
	}
	if to.Bucket == m.Bucket && strings.HasPrefix(to.Key, m.Prefix) {
		l.keep(func(n *attrNote) { n.MovedTo = &objectName{m.ToBucket, m.ToPrefix + to.Key[len(m.Prefix):]} })
	}
}

// keep changes the note; needs l.mu.
func (l *leftAttrs) keep(change func(*attrNote)) {
	if l.over {
		return
	}
	l.f.mu.Lock()
	change(&l.note)
	l.f.mu.Unlock()
	b, err := json.Marshal(l.note)
	if err == nil {
		err = l.kept.Set(b)
	}
	if err != nil {
		l.f.log.Warn("the journal cannot be written: another crash would lose attributes that were set", "path", l.path(), "err", err)
	}
}

func (l *leftAttrs) path() string { return l.note.Bucket + "/" + l.note.Key }

// names are those that the file may have.
func (l *leftAttrs) names() []objectName {
	names := []objectName{{l.note.Bucket, l.note.Key}}
	if l.note.MovedTo != nil {
		names = append(names, *l.note.MovedTo)
	}
	return names
}

// ask implements leftIntent.
func (l *leftAttrs) ask(ctx context.Context) error {
	if l.isTaken() {
		return nil
	}
	_, err := l.f.o.Store.Head(ctx, l.note.Bucket, l.note.Key)
	if isNotExist(err) {
		return nil
	}
	return err
}

// resume implements leftIntent.
func (l *leftAttrs) resume(ctx context.Context) (over bool) {
	over, _ = l.try(ctx) // it is told
	return over
}

// try brings them to the store, if the version that they were set on is still there; over: it is not to be tried again. The tree's gate is held whole.
func (l *leftAttrs) try(ctx context.Context) (over bool, err error) {
	if l.isTaken() {
		return true, nil
	}
	err = l.send(ctx)
	if err != nil && (ctx.Err() != nil || !l.failed(err)) {
		return false, err
	}
	for _, at := range l.names() {
		l.f.changedBehind(at.Bucket, isKey(at.Key))
	}
	if err == nil {
		l.end()
	}
	return true, err
}

// syncLeft sends the attributes that an earlier mount left of files at and below a path of the mount, "" = all.
func (f *FS) syncLeft(ctx context.Context, path string) error {
	var left []*leftAttrs
	f.mu.Lock()
	for l := range f.left {
		if p, shown := f.pathOfKey(l.note.Bucket, l.note.Key); path == "" || shown && isBelow(p, path) {
			left = append(left, l)
		}
	}
	f.mu.Unlock()
	if len(left) == 0 {
		return nil
	}
	if err := inParallel(left, func(l *leftAttrs) error { return l.ask(ctx) }); err != nil {
		return err // nobody is to wait at the gate for a store that is away
	}
	if err := f.tree.Acquire(ctx, whole); err != nil {
		return err
	}
	defer f.tree.Release(whole)
	return inParallel(left, func(l *leftAttrs) error { _, err := l.try(ctx); return err })
}

// failed implements leftIntent.
func (l *leftAttrs) failed(err error) (over bool) {
	if l.isTaken() {
		return true
	}
	if !isFinal(err) || isUnexplained(err) {
		if time.Since(l.firstTry()) < resumeWithin {
			l.tell(l.f, "set attributes", l.path(), err)
			return false
		}
	}
	_ = l.f.record("set attributes", l.path(), fmt.Errorf("what was set before the daemon ended is given up (%s): %w", l.note.words(), err)) // nobody waits for it
	l.end()
	return true
}

// firstTry is the time of the first try that failed: now, if there was none.
func (l *leftAttrs) firstTry() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.note.Tried.IsZero() {
		l.keep(func(n *attrNote) { n.Tried = time.Now().UTC() })
	}
	return l.note.Tried
}

func (l *leftAttrs) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.f.mu.Lock()
	delete(l.f.left, l)
	l.f.mu.Unlock()
	if !l.over {
		l.over = true
		l.f.dropNote(l.kept)
	}
}

// isTaken tells that they are not to be sent: they are over, or go with newer ones.
func (l *leftAttrs) isTaken() bool {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	_, waits := l.f.left[l]
	return l.by != nil || !waits
}

// takeLeft makes attributes that an earlier mount left of n's version n's own, before others are set here or bytes are written: sent by themselves later, they would
// come over the newer ones.
func (f *FS) takeLeft(n *node) {
	f.mu.Lock()
	if len(f.left) == 0 || n.kind == kindDir || n.parent == nil || n.draft != nil || !n.obj.exists || n.obj.large {
		f.mu.Unlock()
		return
	}
	bucket, key := f.keyOf(n)
	var took []*leftAttrs
	for l := range f.left {
		if l.by == nil && l.note.ETag == n.obj.etag && slices.Contains(l.names(), objectName{bucket, key}) {
			n.at = n.at.with(l.note.attrs())
			l.by = n
			took = append(took, l)
		}
	}
	if len(took) > 0 {
		n.attrsSeq++
		f.sendLater(n)
	}
	f.mu.Unlock()
	if len(took) == 0 {
		return
	}
	f.noteAttrs(n)
	for _, l := range took {
		l.end()
	}
}

// dropLeft forgets attributes that an earlier mount left of a version that was removed here: nobody is to be told that they could not be set.
func (f *FS) dropLeft(v s3.Version) {
	var gone []*leftAttrs
	f.mu.Lock()
	for l := range f.left {
		if names := l.names(); l.note.ETag == v.ETag && len(names) == 1 && names[0] == (objectName{v.Bucket, v.Key}) {
			gone = append(gone, l)
		}
	}
	f.mu.Unlock()
	for _, l := range gone {
		l.end()
	}
}

// leftPaths are the files of attributes that an earlier mount left and that are to be sent yet; needs f.mu.
func (f *FS) leftPaths() (paths []string) {
	for l := range f.left {
		if path, shown := f.pathOfKey(l.note.Bucket, l.note.Key); shown {
			paths = append(paths, path)
		}
	}
	return paths
}

// isUnexplained tells a refusal for which the store gave no reason, as it does to each HEAD: the keys may be the reason, and may be renewed.
func isUnexplained(err error) bool {
	e, ok := errors.AsType[*s3.Error](err)
	return ok && e.Code == "" && errors.Is(err, os.ErrPermission)
}

// words are the attributes that the note tells of, for who has to set them again.
func (a attrNote) words() string {
	var all []string
	if a.Mode != nil {
		all = append(all, fmt.Sprintf("mode %04o", *a.Mode))
	}
	if a.Owner != nil {
		all = append(all, fmt.Sprintf("owner %d:%d", a.Owner[0], a.Owner[1]))
	}
	if !a.Mtime.IsZero() {
		all = append(all, "mtime "+a.Mtime.UTC().Format(time.RFC3339Nano))
	}
	for _, name := range slices.Sorted(maps.Keys(a.User)) {
		if v := a.User[name]; v == nil {
			all = append(all, "no "+name)
		} else {
			all = append(all, fmt.Sprintf("%s=%q", name, *v))
		}
	}
	return strings.Join(all, ", ")
}

// send is an error also where no name has the version any more.
func (l *leftAttrs) send(ctx context.Context) error {
	var errs []error
	had := false
	for _, at := range l.names() {
		has, err := l.sendTo(ctx, at)
		had = had || has
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil || had {
		return err
	}
	return errStale{fmt.Errorf("the version that they were set on: %w", os.ErrNotExist)}
}

// sendTo does nothing where another version is, or none; has tells that it is this one.
func (l *leftAttrs) sendTo(ctx context.Context, at objectName) (has bool, err error) {
	h, err := l.f.o.Store.Head(ctx, at.Bucket, at.Key)
	if isNotExist(err) {
		return false, nil
	}
	if err != nil || h.ETag != l.note.ETag {
		return false, err
	}
	_, err = l.f.replaceAttrs(ctx, h.Version(at.Bucket), attrsOf(h).with(l.note.attrs()))
	return true, err
}
