package fs

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"syscall"

	"allasfs/cache"
	"allasfs/s3"
)

// adoptDrafts takes up what a crash left: closed drafts are sent in the background under the condition that they had, others wait for
// `allasfs recover`. Drafts of other stores are left alone.
func (f *FS) adoptDrafts() {
	var mine []*cache.Draft
	for _, d := range f.o.Cache.Drafts() {
		if d.Target().Store != f.o.Name || !f.o.Group.claim(f, d) {
			continue
		}
		mine = append(mine, d)
		f.mu.Lock()
		f.orphans.add(d)
		f.mu.Unlock()
		f.openOrigin(d)
	}
	f.newestGoes(mine)
	for _, d := range mine {
		if state, _ := d.State(); state != cache.StateClosed || f.o.ReadOnly {
			f.abortLeft(d)
			f.log.Warn("a file that was not sent is kept: see allasfs recover", "bucket", d.Target().Bucket, "key", d.Target().Key)
			continue
		}
		f.mu.Lock()
		f.enqueueLeft(d)
		f.mu.Unlock()
	}
}

// newestGoes lets only the newest of several closed drafts of one key go out; drafts come in the order in which they were made. A crash came between the close of
// that and the moment at which the older ones were superseded.
func (f *FS) newestGoes(drafts []*cache.Draft) {
	if f.o.ReadOnly {
		return
	}
	closed := make(map[cache.Target][]*cache.Draft)
	others := make(map[cache.Target][]*cache.Draft)
	for _, d := range drafts {
		t := d.Target()
		if state, _ := d.State(); state == cache.StateClosed {
			closed[t] = append(closed[t], d)
		} else {
			others[t] = append(others[t], d)
		}
	}
	for t, all := range closed {
		older, newest := all[:len(all)-1], all[len(all)-1]
		f.inherit(f.ctx, newest, append(others[t], older...), true)
		for _, d := range older {
			if err := f.supersedeOne(f.ctx, d); err != nil {
				f.log.Error("journal of a draft", "key", d.Target().Key, "err", err)
			}
		}
	}
}

// closedOrphans are the drafts without a node that ought to be in the store.
func (f *FS) closedOrphans() []*cache.Draft {
	if f.o.ReadOnly {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*cache.Draft
	for _, d := range f.orphans.byID {
		if state, _ := d.State(); state == cache.StateClosed {
			out = append(out, d)
		}
	}
	return out
}

// startResend sends a draft that no node holds in the background, or finds the sending that is under way. asked: a person wants it, whatever its state.
func (f *FS) startResend(d *cache.Draft, cond s3.PutOptions, asked bool) *sendOp {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op := f.resends[d.ID()]; op != nil {
		return op
	}
	op := &sendOp{done: make(chan struct{}), again: failedBefore(d)}
	f.resends[d.ID()] = op
	f.spawn(func() {
		err := f.sendOrphan(f.ctx, d, cond, asked)
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.resends, d.ID())
		op.err = err
		f.sendingEnded(err)
		close(op.done)
	})
	return op
}

// resend is startResend that waits; ctx ends only the waiting.
func (f *FS) resend(ctx context.Context, d *cache.Draft, cond s3.PutOptions, asked bool) error {
	op := f.startResend(d, cond, asked)
	if err := op.wait(ctx); err != nil {
		return err
	}
	return op.err
}

// sendOrphan sends a draft that no node holds, unless it was dropped or superseded since it was its turn.
func (f *FS) sendOrphan(ctx context.Context, d *cache.Draft, cond s3.PutOptions, asked bool) error {
	if err := f.tree.Acquire(ctx, 1); err != nil {
		return err
	}
	defer f.tree.Release(1)
	if !f.orphanGoes(d, asked) {
		return nil
	}
	t := d.Target()
	path := t.Bucket + "/" + t.Key
	left := d.Upload()
	var o s3.Object
	var before bool
	err := f.completeAttrs(ctx, d)
	if err == nil {
		var changed bool
		if _, changed, err = f.baseNow(ctx, d); changed {
			cond = condition(d.Base())
		}
	}
	if err == nil && !cond.IfNoneMatch {
		err = f.beforeGone(ctx, t.Bucket, t.Key, d)
	}
	if err == nil {
		o, before, err = f.storeOnce(ctx, d, path, cond)
	}
	if asked := left.ETag != ""; left.ID != "" && !before && ctx.Err() == nil && (!asked || err == nil) { // else the store may be completing it still
		f.endLeft(ctx, d, left)
	}
	if err != nil {
		state, why := d.State()
		kept := state == cache.StateConflict // which it stays
		if isConflict(err) || isNotExist(err) {
			state, err = cache.StateConflict, errStale{err}
		}
		if kept {
			why = alsoFailed(why, reason(err))
		} else {
			why = reason(err)
		}
		f.record("upload", path, errors.Join(err, d.SetState(state, why)))
		return err
	}
	v := o.Version(t.Bucket)
	v.Key = t.Key
	f.log.Info("a file that an earlier mount had left was sent", "bucket", t.Bucket, "key", t.Key)
	f.orphanSent(d, o)
	if err := d.Commit(f.cacheID(v)); err != nil {
		return d.Discard()
	}
	return nil
}

// alsoFailed is why a draft is kept that somebody tried to send in vain: it tells still what is wrong with its bytes.
func alsoFailed(before, why string) string {
	const again = "; tried again: "
	first, _, _ := strings.Cut(before, again)
	if first == "" {
		return why
	}
	return first + again + why
}

// reason is why a draft was not sent, in the words that are kept with it.
func reason(err error) string {
	if errors.Is(err, context.Canceled) {
		return "the mount ended before it was sent"
	}
	return plain(err)
}

// sentBefore tells whether the object that is there is the draft itself: its sending had ended when the crash came, and nobody noted it.
func (f *FS) sentBefore(ctx context.Context, d *cache.Draft) (s3.Object, bool) {
	t := d.Target()
	h, err := f.o.Store.Head(ctx, t.Bucket, t.Key)
	if err != nil || h.Size != d.Size() {
		return s3.Object{}, false
	}
	if src, ok := wholeCopy(d); ok && h.ETag == src.ETag {
		return h, true
	}
	if etag := d.Upload().ETag; etag != "" && h.ETag == etag {
		return h, true
	}
	etag, err := f.etagOf(ctx, d)
	return h, err == nil && etag == h.ETag
}

// etagOf is the ETag that the store gives a draft's bytes when they are sent as plan would have them.
func (f *FS) etagOf(ctx context.Context, d *cache.Draft) (string, error) {
	body, done := f.bodyOf(ctx, d, &upload{})
	defer done()
	base := baseVersion(d)
	parts := plan(d.Pieces(), d.Size(), base.ETag != "" && base.PartCopyable())
	all := md5.New()
	for _, p := range parts {
		sum := md5.New()
		if _, err := io.Copy(sum, io.NewSectionReader(body, p.off, p.n)); err != nil {
			return "", err
		}
		if len(parts) == 1 && !p.copy {
			return hex.EncodeToString(sum.Sum(nil)), nil
		}
		all.Write(sum.Sum(nil))
	}
	return fmt.Sprintf("%x-%d", all.Sum(nil), len(parts)), nil
}

// kept finds a draft that Status shows: one that no node holds, or that of a file which could not be sent.
func (f *FS) kept(id string) (*cache.Draft, *node, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.resends[id] != nil {
		return nil, nil, fmt.Errorf("the file is being sent now: %w", syscall.EBUSY)
	}
	if d := f.orphans.byID[id]; d != nil {
		return d, nil, nil
	}
	for _, n := range f.nodes {
		if n.draft != nil && n.draft.ID() == id && !n.unlinked {
			return n.draft, n, nil
		}
	}
	return nil, nil, fmt.Errorf("no kept file %q: %w", id, os.ErrNotExist)
}

// RecoverSend sends a kept draft; with force over whatever version is there now, else only over the one that it was made from (ESTALE).
func (f *FS) RecoverSend(ctx context.Context, id string, force bool) error {
	if err := f.writable(); err != nil {
		return err
	}
	d, n, err := f.kept(id)
	if err != nil {
		return err
	}
	if n != nil {
		return f.sendAsItIs(ctx, n)
	}
	cond := condition(d.Base())
	if force {
		if cond, err = f.conditionNow(ctx, d); err != nil {
			return err
		}
	}
	return f.resend(ctx, d, cond, true)
}

// sendAsItIs is flush for a person who has seen what is wrong with the file.
func (f *FS) sendAsItIs(ctx context.Context, n *node) error {
	if err := f.exclusively(ctx, n, func() error { f.regain(n, 0, math.MaxInt64); return nil }); err != nil {
		return err
	}
	return f.flush(ctx, n)
}

// conditionNow lets a draft replace the version that is there now. Bytes that it takes from the version that it was made from are fetched first.
func (f *FS) conditionNow(ctx context.Context, d *cache.Draft) (s3.PutOptions, error) {
	if err := f.withoutBase(ctx, d); err != nil {
		return s3.PutOptions{}, err
	}
	t := d.Target()
	h, err := f.o.Store.Head(ctx, t.Bucket, t.Key)
	if err != nil && !isNotExist(err) {
		return s3.PutOptions{}, err
	}
	if h.Large != s3.NotLarge {
		return s3.PutOptions{}, nil
	}
	return s3.PutOptions{IfNoneMatch: err != nil, IfMatch: h.ETag}, nil
}

// RecoverSave copies a kept draft's bytes to a new local file; the draft stays. The file has its name when it is whole and on the disk, and after an error nothing is left.
// os.ErrExist when the name is taken.
func (f *FS) RecoverSave(ctx context.Context, id, file string) error {
	d, _, err := f.kept(id)
	if err != nil {
		return err
	}
	body, done := f.bodyOf(ctx, d, &upload{})
	defer done()
	return saveNew(file, PartOfSave(d.ID()), io.NewSectionReader(body, 0, d.Size()))
}

// RecoverDrop discards a kept draft. Of a file that could not be sent the store's version shows again, if there is one.
func (f *FS) RecoverDrop(ctx context.Context, id string) error {
	d, n, err := f.kept(id)
	if err != nil {
		return err
	}
	if n != nil {
		return f.exclusively(ctx, n, func() error { return f.dropChanges(n, d) })
	}
	f.mu.Lock()
	f.orphans.remove(d)
	f.mu.Unlock()
	return d.Discard()
}

// dropChanges takes a node's draft away; n's gate is held whole. The node goes, so that nothing remembers the bytes.
func (f *FS) dropChanges(n *node, d *cache.Draft) error {
	f.mu.Lock()
	parent, nm := n.parent, n.name
	if n.draft != d || parent == nil {
		f.mu.Unlock()
		return nil // sent or removed meanwhile
	}
	n.draft = nil
	delete(f.torn, n)
	f.leave(n)
	pid := parent.id
	f.mu.Unlock()
	f.notifyEntry(pid, nm)
	f.dropEarly(d)
	return d.Discard()
}
