package fs

import (
	"slices"
	"strings"
	"time"
)

// sweepOf finds the flat listing that n, a directory about to be read, comes by, beginning one when n is the second directory of a listed one to be
// read, in the order of the listing: so a tree is walked. ok is false when n lists itself. started and seq tell how old what comes may be.
// Needs FS.mu.
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
		if strings.HasPrefix(p.prefix, w.root.list()) && w.walking(p.prefix) {
			return nil, time.Time{}, 0, false // it lists itself, within this walk
		}
	}
	if last == "" || last >= p.prefix || !walked {
		return nil, time.Time{}, 0, false
	}
	w = f.newSweep(f.placeOf(f.topRead(parent)), p.prefix)
	f.sweeps = append(f.sweeps, w)
	if len(f.sweeps) > maxSweeps {
		f.sweeps = f.sweeps[1:]
	}
	started, seq, ok = w.comes(p.prefix)
	return w, started, seq, ok
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
