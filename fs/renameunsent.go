package fs

import (
	"context"
	"errors"
	"syscall"

	"allasfs/cache"
)

// renameUnsent moves a file of which the store has nothing yet, as a program does that writes to a name of its own and renames at the end: the
// draft gets another target, without a request. done is false where the store has to do it. Only with Options.WriteBack: else what is closed is
// stored, and a name that another file has must not be one that only this mount replaces.
func (f *FS) renameUnsent(ctx context.Context, src, dst *node, from, to spot) (done bool, err error) {
	f.mu.Lock()
	maybe := f.o.WriteBack && src.draft != nil && !src.obj.exists && len(src.draft.Perhaps()) == 0 && f.tear(src) == nil
	f.mu.Unlock()
	if !maybe {
		return false, nil
	}
	err = f.together(ctx, src, dst, func() (err error) {
		done, err = f.moveUnsent(ctx, src, dst, from, to)
		return err
	})
	return done, err
}

// moveUnsent runs with the gates of both files held whole.
func (f *FS) moveUnsent(ctx context.Context, src, dst *node, from, to spot) (done bool, err error) {
	f.mu.Lock()
	d := src.draft
	if d == nil || src.unlinked || src.obj.exists || len(d.Perhaps()) > 0 || f.tear(src) != nil || !from.holds(src) || dst != nil && dst.obj.large {
		f.mu.Unlock()
		return false, nil
	}
	to, err = f.spotNow(to)
	if err == nil && dst != nil && !to.holds(dst) {
		err = syscall.ESTALE
	}
	f.mu.Unlock()
	if err != nil {
		return false, err
	}
	undo := func() {}
	if dst != nil {
		if undo, err = f.preserve(ctx, dst); err != nil {
			return false, err
		}
	}
	f.inherit(ctx, d, f.keptFor(to.at.bucket, to.key), true)
	letGo, err := f.supersedeBoth(ctx, from, to)
	if err == nil {
		if err = f.retarget(src, dst, d, to); err != nil {
			letGo()
		}
	}
	if err != nil {
		undo()
		return false, err
	}
	f.dropEarly(d) // it goes to another key
	f.movedUnsent(src, dst, to)
	return true, nil
}

// retarget writes down that src's draft goes to another key, and that what dst has to send, whose key that is, does not. What close(2) acknowledged of
// either is safe at every moment: the journal that says so is on the disk before dst's draft goes. After an error all is as it was.
func (f *FS) retarget(src, dst *node, d *cache.Draft, to spot) (err error) {
	f.mu.Lock()
	waits, was, base := src.queued != nil, d.Target(), cache.Base{}
	var other *cache.Draft
	if dst != nil {
		base, other = baseOf(dst.obj), dst.draft
	}
	f.mu.Unlock()
	point := d.Retarget
	if base.ETag == "" { // it replaces nothing
		point = func(t cache.Target, _ cache.Base) error { return d.SetTarget(t) }
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, point(was, cache.Base{}))
		}
	}()
	if other != nil {
		state, why := other.State()
		defer func() {
			if err != nil {
				err = errors.Join(err, other.SetState(state, why))
			}
		}()
		if err := errors.Join(other.SetState(cache.StateConflict, replacedWhy), other.Persist()); err != nil {
			return err
		}
	}
	if other != nil {
		f.inherit(f.ctx, d, []*cache.Draft{other}, false)
	}
	t := was
	t.Bucket, t.Key = to.at.bucket, to.key
	err = point(t, base) // what it replaces is this version, and no other
	if err == nil && (waits || other != nil) {
		err = d.Persist()
	}
	return err
}

// movedUnsent gives src its new name; dst, which had it if it is not nil, becomes a file without one.
func (f *FS) movedUnsent(src, dst *node, to spot) {
	if dst != nil {
		f.removed(dst, false)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	oldDir := src.parent
	if oldDir != nil {
		f.note(oldDir, src.name, change{gone: true})
	}
	f.attach(src, to)
	if dst != nil {
		src.obj = dst.obj
	}
	if oldDir != nil {
		f.dropUnused(oldDir)
	}
}
