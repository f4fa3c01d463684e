package fs

import "time"

const (
	unlinksFrom = 8                      // removals in a run before the next ones go many at a time
	unlinksGap  = 250 * time.Millisecond // between two of a run, at the most
)

// unlinkRun is removals of files one after the other, as `rm -r` does it; guarded by FS.mu.
type unlinkRun struct {
	n    int
	last time.Time
}

// countUnlink notes a removal that went well.
func (f *FS) countUnlink() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if now.Sub(f.unlinks.last) > unlinksGap {
		f.unlinks.n = 0
	}
	f.unlinks.n++
	f.unlinks.last = now
}

// deleteLater has n's object removed together with those of other files, if many files are being removed and nothing else hangs on this one: then
// unlink(2) need not wait for the store. The client sees to it that no later request misses the removal. Should it fail, the file shows again and the
// reason is recorded. n's gate is held whole.
func (f *FS) deleteLater(n *node, bucket, key string) bool {
	f.mu.Lock()
	many := f.unlinks.n >= unlinksFrom && time.Since(f.unlinks.last) <= unlinksGap
	alone := n.draft == nil && n.handles == 0 && n.obj.exists && !n.obj.large && len(n.perhaps) == 0 && n.parent != nil
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
	f.mu.Lock()
	f.unlinks.n = 0
	if ch, ok := parent.changes[nm]; ok && ch.gone {
		delete(parent.changes, nm)
	}
	parent.listing, f.sweeps = nil, nil
	f.mu.Unlock()
	f.notifyEntry(parent.id, nm)
}
