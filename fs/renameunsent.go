package fs

import (
	"context"
	"errors"
	"syscall"
)

// renameUnsent moves a file of which the store has nothing yet, as a program does that writes to a name of its own and renames at the end: the
// draft gets another target, without a request. done is false where the store has to do it. Only with Options.WriteBack: else what is closed is
// stored, and a name that another file has must not be one that only this mount replaces.
func (f *FS) renameUnsent(ctx context.Context, src, dst *node, from, to spot) (done bool, err error) {
	f.mu.Lock()
	maybe := f.o.WriteBack && src.draft != nil && !src.obj.exists
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
	if d == nil || src.unlinked || src.obj.exists || !from.holds(src) || dst != nil && dst.obj.large {
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
	t := d.Target()
	t.Bucket, t.Key = to.at.bucket, to.key
	if dst != nil && dst.obj.exists { // what it replaces is this version, and no other
		err = d.Rebase(baseOf(dst.obj), ^uint64(0))
	}
	if err == nil {
		err = d.SetTarget(t)
	}
	if err != nil {
		undo()
		return false, errors.Join(err, d.Rebase(baseOf(src.obj), ^uint64(0)))
	}
	f.dropEarly(d) // it goes to another key
	f.movedUnsent(src, dst, to)
	f.mu.Lock()
	waits := src.queued != nil
	f.mu.Unlock()
	if waits {
		err = d.Persist()
	}
	return true, err
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
