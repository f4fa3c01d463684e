package fs

import "time"

// leafEmpty tells whether a directory may be removed without a look at the store: many were removed one after the other just before, its whole listing is
// fresh, and all that it shows, files alone, was removed by this mount since. That of the directory above, which a long rm -r read at its beginning, may be of any age. What another client has put there meanwhile is not removed with it: it shows
// again, and the removal of the directory above, which is not a leaf, finds it. Needs FS.mu.
func (f *FS) leafEmpty(n *node, begun time.Time) bool {
	many := f.unlinks.dirs >= unlinksFrom && f.unlinks.going(begun)
	if !many || f.o.TTL == 0 || f.closed || n.plain || n.tries > 0 || !f.isWhole(n.listing) || n.parent.listing == nil || !n.parent.listing.complete() || n.parent.listing.marks.folder {
		return false
	}
	if p := f.placeOf(n); p.cont != "" {
		return false
	}
	gone := 0
	for nm, ch := range n.changes {
		if !ch.gone && ch.seq > n.listing.seq {
			return false
		}
		if _, listed := n.listing.find(nm); listed && ch.gone && ch.seq > n.listing.seq {
			gone++
		}
	}
	return gone == len(n.listing.entries) && !n.listing.showsDir() && len(n.children) == 0
}

// isWhole tells whether a listing is complete and fresh; needs FS.mu.
func (f *FS) isWhole(l *listing) bool { return l != nil && l.complete() && f.fresh(l.started) }

// showsDir tells whether a complete listing shows a directory.
func (l *listing) showsDir() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		if e.dir {
			return true
		}
	}
	return false
}

// removeLeaf removes a directory for which leafEmpty holds: its marker goes with the files, many at a time. false: the marker cannot be put off, and nothing
// was done. n's gate is held whole.
func (f *FS) removeLeaf(n *node) bool {
	f.mu.Lock()
	parent, nm, path, p := n.parent, n.name, f.pathOf(n), f.placeOf(n)
	marker := n.marker || n.listing.marks.own
	f.wg.Add(1)
	f.mu.Unlock()
	told := func(err error) {
		defer f.wg.Done()
		if err != nil {
			f.notRemoved(parent, nm, path, err)
		}
	}
	if !marker {
		told(nil)
		return true
	}
	if !f.o.Store.DeleteLater(f.ctx, p.bucket, p.prefix, told) {
		f.wg.Done()
		return false
	}
	return true
}

// showLeft shows the directories below n again that were removed without a look at the store, since something is in one of them; needs FS.mu.
func (n *node) showLeft() {
	for nm, ch := range n.changes {
		if ch.left {
			delete(n.changes, nm)
			n.listing = nil
		}
	}
}
