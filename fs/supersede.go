package fs

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"allasfs/cache"
	"allasfs/s3"
)

// supersede keeps for `allasfs recover` what an earlier mount left to be sent to a key of which something newer is to be stored, or whose file is to be
// removed or renamed: sent later, it would bring back bytes that are older than that. What is on its way already is waited for. Needs nothing but the
// tree's gate, shared. undo lets them go out again, for when the key stays as it is.
func (f *FS) supersede(ctx context.Context, bucket, key string) (undo func(), err error) {
	f.mu.Lock()
	var old []waiting
	for _, d := range f.waitingFor(bucket, key) {
		_, why := d.State()
		old = append(old, waiting{d, why, f.behind[d]})
	}
	f.mu.Unlock()
	undo = func() { f.letGo(old) }
	for _, o := range old {
		if err := f.supersedeOne(ctx, o.d); err != nil {
			undo()
			return func() {}, err
		}
	}
	return undo, nil
}

// waiting is a draft that waits to be sent and that no node holds.
type waiting struct {
	d      *cache.Draft
	why    string // it had not been sent before
	behind *node  // the file that it waits for; nil = none
}

// supersededWhy is why what an earlier mount left is not sent any more.
const supersededWhy = "a file of this name was written, removed or renamed after this was written"

// supersedeOne sees that a draft is not sent any more. A sending that failed at this moment may have written down the state that it found before.
func (f *FS) supersedeOne(ctx context.Context, d *cache.Draft) error {
	for {
		err := d.SetState(cache.StateConflict, supersededWhy)
		gone := errors.Is(err, os.ErrClosed)
		if err != nil && !gone {
			return err
		}
		f.mu.Lock() // who begins from now on finds the state
		op := f.resends[d.ID()]
		going := op != nil && op.going
		f.mu.Unlock()
		if going {
			if err := op.wait(ctx); err != nil {
				return err
			}
		}
		if state, _ := d.State(); gone || state != cache.StateClosed {
			f.mu.Lock()
			delete(f.behind, d)
			f.mu.Unlock()
			return nil
		}
	}
}

// olderStays is supersede for a file that is not going to be sent by itself, but was closed, as draft d; nothing is waited for. It is durable.
func (f *FS) olderStays(d *cache.Draft) error {
	for _, o := range f.leftFor(d.Target().Bucket, d.Target().Key) {
		err := o.SetState(cache.StateConflict, supersededWhy)
		if err == nil {
			err = o.Persist()
		}
		if err != nil && !errors.Is(err, os.ErrClosed) {
			return err
		}
	}
	return nil
}

// supersedeBoth is supersede for the two names of a rename.
func (f *FS) supersedeBoth(ctx context.Context, from, to spot) (undo func(), err error) {
	first, err := f.supersede(ctx, from.at.bucket, from.key)
	if err != nil {
		return first, err
	}
	second, err := f.supersede(ctx, to.at.bucket, to.key)
	if err != nil {
		first()
		return second, err
	}
	return func() { first(); second() }, nil
}

// leftFor are the drafts that wait to be sent to a key and that no node holds.
func (f *FS) leftFor(bucket, key string) []*cache.Draft {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waitingFor(bucket, key)
}

// keptFor are the drafts of a key that no node holds, whatever becomes of them.
func (f *FS) keptFor(bucket, key string) []*cache.Draft {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.orphans.of(bucket, key)
}

// waitingFor is leftFor that needs f.mu.
func (f *FS) waitingFor(bucket, key string) (left []*cache.Draft) {
	for _, d := range f.orphans.of(bucket, key) {
		if state, _ := d.State(); state == cache.StateClosed {
			left = append(left, d)
		}
	}
	return left
}

// letGo takes back what supersede did.
func (f *FS) letGo(all []waiting) {
	for _, w := range all {
		err := w.d.SetState(cache.StateClosed, w.why)
		if err != nil && !errors.Is(err, os.ErrClosed) {
			f.log.Error("journal of a draft", "bucket", w.d.Target().Bucket, "key", w.d.Target().Key, "err", err)
		}
		f.mu.Lock()
		if f.orphans.holds(w.d) {
			if w.behind != nil {
				f.behind[w.d] = w.behind
			}
			f.enqueueLeft(w.d)
		}
		f.mu.Unlock()
	}
}

// orphanGoes tells whether a draft that no node holds is still to be sent, which a person may have asked for, and that supersede has to wait for it now.
func (f *FS) orphanGoes(d *cache.Draft, asked bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	state, _ := d.State()
	if !f.orphans.holds(d) || !asked && (state != cache.StateClosed || f.isBehind(d)) {
		return false
	}
	if op := f.resends[d.ID()]; op != nil {
		op.going = true
	}
	return true
}

// goingTo is the sending of a draft that no node holds to a key, if one is under way that cannot be overtaken any more; needs f.mu.
func (f *FS) goingTo(bucket, key string) *sendOp {
	if len(f.resends) == 0 {
		return nil
	}
	for _, d := range f.orphans.of(bucket, key) {
		if op := f.resends[d.ID()]; op != nil && op.going {
			return op
		}
	}
	return nil
}

// stayBehind lets what waits to be sent to n's key wait until n, which has got a draft, is sent and it is superseded, or n's changes are dropped and it goes. Sent
// between the two it would be another version than the one that n's draft was made from. Needs f.mu.
func (f *FS) stayBehind(n *node) {
	if n.parent == nil || len(f.orphans.byID) == 0 {
		return
	}
	for _, d := range f.waitingFor(f.keyOf(n)) {
		f.behind[d] = n
	}
}

// isBehind tells whether a draft that no node holds waits for a file that is being changed; needs f.mu.
func (f *FS) isBehind(d *cache.Draft) bool {
	n := f.behind[d]
	if n == nil {
		return false
	}
	if n.draft != nil && n.parent != nil && !n.unlinked {
		if bucket, key := f.keyOf(n); bucket == d.Target().Bucket && key == d.Target().Key {
			return true
		}
	}
	delete(f.behind, d)
	return false
}

// leftArrives waits until nothing that an earlier mount left is on its way to a key.
func (f *FS) leftArrives(ctx context.Context, bucket, key string) error {
	for {
		f.mu.Lock()
		op := f.goingTo(bucket, key)
		f.mu.Unlock()
		if op == nil {
			return nil
		}
		if err := op.wait(ctx); err != nil {
			return err
		}
	}
}

// leftOfNodeArrives is leftArrives for a file of which there is no draft yet.
func (f *FS) leftOfNodeArrives(ctx context.Context, n *node) error {
	f.mu.Lock()
	if n.draft != nil || n.parent == nil {
		f.mu.Unlock()
		return nil
	}
	bucket, key := f.keyOf(n)
	f.mu.Unlock()
	return f.leftArrives(ctx, bucket, key)
}

// wait returns when the sending has ended, or ctx.
func (op *sendOp) wait(ctx context.Context) error {
	select {
	case <-op.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leftFirst sends what an earlier mount left for a key before somebody changes it here. One that cannot be sent is superseded by what is written now.
func (f *FS) leftFirst(ctx context.Context, bucket, key string) {
	for _, d := range f.leftFor(bucket, key) {
		if err := f.resend(ctx, d, condition(d.Base()), false); err != nil {
			f.log.Warn("a file is changed before what an earlier mount left of it could be sent", "bucket", bucket, "key", key, "err", err)
		}
	}
}

// leftOfNode is leftFirst for a file that is about to be opened for writing; after it the node may not be the key's any more.
func (f *FS) leftOfNode(ctx context.Context, id uint64) {
	f.mu.Lock()
	n := f.nodes[id]
	if n == nil || n.kind == kindDir || n.parent == nil || len(f.orphans.byID) == 0 {
		f.mu.Unlock()
		return
	}
	bucket, key := f.keyOf(n)
	f.mu.Unlock()
	f.leftFirst(ctx, bucket, key)
}

// leftOfName is leftFirst for a name that is about to be made.
func (f *FS) leftOfName(ctx context.Context, parent uint64, nm string) {
	f.mu.Lock()
	d, err := f.directory(parent)
	if err != nil || len(f.orphans.byID) == 0 {
		f.mu.Unlock()
		return
	}
	p := f.placeOf(d)
	f.mu.Unlock()
	if part, err := childFor(p, nm); err == nil {
		f.leftFirst(ctx, p.bucket, p.list()+part.Elem)
	}
}

// orphanSent takes a draft, which the store has now, out of those that no node holds, and lets the next lookup of its key see what was sent to it.
func (f *FS) orphanSent(d *cache.Draft, o s3.Object) {
	t := d.Target()
	path, shown := f.pathOfKey(t.Bucket, t.Key)
	f.mu.Lock()
	f.orphans.remove(d)
	f.sentFiles, f.sentBytes = f.sentFiles+1, f.sentBytes+d.Size()
	f.leftSent[objectName{t.Bucket, t.Key}] = time.Now()
	var newer *cache.Draft // a person had it sent while that waited
	if f.isBehind(d) {
		newer = f.behind[d].draft
	}
	delete(f.behind, d)
	dir, nm := f.knownDir(path)
	if !shown || dir == nil {
		f.mu.Unlock()
		return
	}
	delete(dir.changes, nm)
	dir.listing = nil
	f.spoil(dir)
	if c := dir.children[nm]; c != nil && c.kind != kindDir && c.draft == nil && !c.attrsUnsent {
		f.leave(c)
	}
	pid := dir.id
	f.mu.Unlock()
	if newer != nil {
		f.addPerhaps(newer, []cache.Perhaps{{ETag: o.ETag, Other: true}})
	}
	f.notifyEntry(pid, nm)
}

// knownDir is the directory that a path lies in, nil = not known yet, and the name that it has there; needs f.mu.
func (f *FS) knownDir(path string) (dir *node, nm string) {
	dir, nm = f.nodes[RootID], path
	for dir != nil {
		el, rest, deeper := strings.Cut(nm, "/")
		if !deeper {
			break
		}
		dir, nm = dir.children[el], rest
	}
	return dir, nm
}
