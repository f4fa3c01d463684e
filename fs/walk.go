package fs

import (
	"slices"
	"time"
)

// scatteredFrom is how many steps backwards show that a directory's child directories are read in another order than the listing's: GNU find, du, rm and grep
// visit those of a directory of more than 10 000 entries by their inode numbers.
const scatteredFrom = 3

// sweepOf finds the flat listing that n, a directory about to be read, comes by, beginning one when n is the second directory of a listed one to be
// read in the order of the listing, or one of several in any order: so a tree is walked. ok is false when n lists itself. started and seq tell how old what
// comes may be. Needs FS.mu.
func (f *FS) sweepOf(n *node, p place) (w *sweep, started time.Time, seq uint64, ok bool) {
	parent := n.parent
	if parent == nil || p.bucket == "" || p.cont != "" || f.o.TTL <= 0 {
		return nil, time.Time{}, 0, false
	}
	last, walked := parent.lastRead, f.fresh(parent.readAt)
	parent.lastRead, parent.readAt = p.prefix, time.Now()
	f.dropSweeps()
	for _, w := range f.sweeps {
		if w.root.bucket != p.bucket {
			continue
		}
		if started, seq, ok := w.comes(p.prefix); ok {
			return w, started, seq, true
		}
	}
	walked = walked && last != ""
	switch back := walked && last > p.prefix; {
	case back && f.scatters(parent):
		w = f.newScatteredSweep(f.placeOf(parent))
	case !walked || back || last == p.prefix || f.withinWalk(p):
		return nil, time.Time{}, 0, false
	default:
		w = f.newSweep(f.placeOf(f.topRead(parent)), p.prefix)
	}
	f.addSweep(w)
	started, seq, ok = w.comes(p.prefix)
	return w, started, seq, ok
}

// withinWalk tells whether a directory that lists itself belongs to a walk that is followed; needs FS.mu.
func (f *FS) withinWalk(p place) bool {
	return slices.ContainsFunc(f.sweeps, func(w *sweep) bool { return w.covers(p) && w.walking(p.prefix) })
}

// scatters counts a step backwards among the child directories of parent, and tells whether a flat listing of all that is below it is to begin; needs FS.mu.
func (f *FS) scatters(parent *node) bool {
	p := f.placeOf(parent)
	if slices.ContainsFunc(f.sweeps, func(w *sweep) bool { return w.scattered && w.covers(p) }) {
		return false
	}
	s := f.steps[parent.id]
	if !f.fresh(s.last) {
		s.back = 0
	}
	s.back, s.last = s.back+1, time.Now()
	if len(f.steps) >= maxSteps {
		clear(f.steps)
	}
	f.steps[parent.id] = s
	if s.back < scatteredFrom {
		return false
	}
	delete(f.steps, parent.id)
	return true
}

// steps are those that a reader of one directory's child directories made backwards.
type steps struct {
	back int
	last time.Time
}

const maxSteps = 64 // directories that are counted at once

// addSweep follows a walk. Of too many the oldest goes, one in the order of keys first, since what such a one has is quickly had again. Needs FS.mu.
func (f *FS) addSweep(w *sweep) {
	f.sweeps = append(f.sweeps, w)
	if len(f.sweeps) > maxSweeps {
		oldest := max(0, slices.IndexFunc(f.sweeps[:maxSweeps], func(w *sweep) bool { return !w.scattered }))
		f.sweeps = slices.Delete(f.sweeps, oldest, oldest+1)
	}
}

// topRead is the topmost directory of a bucket from which all the way down to n was read lately: a walk that is at n came from there. Needs FS.mu.
func (f *FS) topRead(n *node) *node {
	for n.parent != nil && f.fresh(n.parent.readAt) && f.placeOf(n.parent).bucket != "" {
		n = n.parent
	}
	return n
}

// readyListing takes the listing of d that a sweep has ready, as if d had been read when that was begun; nil when there is none. Needs FS.mu.
func (f *FS) readyListing(d *node) *listing {
	if len(f.sweeps) == 0 || f.ended {
		return nil
	}
	p := f.placeOf(d)
	if p.cont != "" {
		return nil
	}
	for _, w := range f.sweeps {
		if w.root.bucket != p.bucket {
			continue
		}
		if l := w.take(p.prefix); l != nil {
			d.listing, d.misses = l, 0
			d.settle(l, f.stamp(l.started))
			return l
		}
	}
	return nil
}

// spoil keeps what sweeps saw of d, which changes here, from being used; needs FS.mu.
func (f *FS) spoil(d *node) {
	if len(f.sweeps) == 0 {
		return
	}
	p := f.placeOf(d)
	for _, w := range f.sweeps {
		w.spoil(p)
	}
}

// dropSweeps forgets the walks that are over; needs FS.mu.
func (f *FS) dropSweeps() {
	f.sweeps = slices.DeleteFunc(f.sweeps, (*sweep).over)
}
