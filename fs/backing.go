package fs

import "allasfs/cache"

// Backing is a file that the kernel may read in the daemon's place: see package cache.
type Backing = cache.Backing

// Backing lends the cache's file of what h shows, for the kernel to read in the daemon's place; nil when it may not. It may where nothing can change
// what the kernel then reads: on a read-only mount, of a version that is in the store, when all of it is cached and no smaller than least bytes. The
// caller closes what it gets.
func (h *Handle) Backing(least int64) *Backing {
	f, n := h.f, h.n
	if !f.o.ReadOnly || h.sends {
		return nil
	}
	f.mu.Lock()
	var r *cache.File
	if n.kind == kindFile && n.draft == nil && n.obj.size >= least {
		r = f.readerOf(n)
	}
	f.mu.Unlock()
	if r == nil {
		return nil
	}
	return r.Backing()
}
