package fs

import "time"

const (
	unlinksFrom = 8                      // removals in a run before the next ones go many at a time
	unlinksGap  = 250 * time.Millisecond // between two of a run, at the most
)

// unlinkRun is removals one after the other, as `rm -r` does them; guarded by FS.mu.
type unlinkRun struct {
	files, dirs int
	last        time.Time // when the last one ended
}

// going tells whether a removal that begins at a time goes on with the run.
func (r *unlinkRun) going(at time.Time) bool { return at.Sub(r.last) <= unlinksGap }

// count notes a removal that went well.
func (r *unlinkRun) count(begun time.Time, files, dirs int) {
	if !r.going(begun) {
		*r = unlinkRun{}
	}
	r.files += files
	r.dirs += dirs
	r.last = time.Now()
}

// countUnlink notes the removal of a file.
func (f *FS) countUnlink() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unlinks.count(time.Now(), 1, 0)
}

// deleteLater has n's object removed together with those of other files, if many files are being removed and nothing else hangs on this one: then
// unlink(2) need not wait for the store. The client sees to it that no later request misses the removal. Should it fail, the file shows again and the
// reason is recorded. n's gate is held whole.
func (f *FS) deleteLater(n *node, bucket, key string) bool {
	f.mu.Lock()
	many := f.unlinks.files >= unlinksFrom && f.unlinks.going(time.Now())
	alone := n.draft == nil && n.handles == 0 && n.obj.exists && !n.obj.large && n.parent != nil
	if !many || !alone || f.o.TTL == 0 || f.closed {
		f.mu.Unlock()
		return false
	}
	parent, nm, path := n.parent, n.name, f.pathOf(n)
	f.wg.Add(1)
	f.mu.Unlock()
	taken := f.o.Store.DeleteLater(f.ctx, bucket, key, func(err error) {
		defer f.wg.Done()
		if err != nil {
			f.notRemoved(parent, nm, path, err)
		}
	})
	if !taken {
		f.wg.Done()
	}
	return taken
}

// notRemoved shows a file again whose removal failed after unlink(2) had answered; the next ones wait for the store.
func (f *FS) notRemoved(parent *node, nm, path string, err error) {
	f.record("unlink", path, err)
	type entryOf struct {
		dir uint64
		nm  string
	}
	var back []entryOf
	f.mu.Lock()
	f.unlinks, f.sweeps = unlinkRun{}, nil
	for dir := parent; dir != nil; {
		if ch, ok := dir.changes[nm]; ok && ch.gone {
			delete(dir.changes, nm)
		}
		dir.listing = nil
		back = append(back, entryOf{dir.id, nm})
		if dir.was == nil {
			break
		}
		dir, nm = dir.was.parent, dir.was.name // which was removed, too, as if it were empty
	}
	f.mu.Unlock()
	for _, e := range back {
		f.notifyEntry(e.dir, e.nm)
	}
}
