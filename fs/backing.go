package fs

import "allasfs/cache"

// Backing is a file that the kernel may read in the daemon's place: see package cache.
type Backing = cache.Backing

// Backing lends the cache's file of what h shows, for the kernel to read in the daemon's place; nil when it may not. It may where nothing can change
// what the kernel then reads: on a read-only mount, of a version that is in the store, when all of it is cached and no smaller than least bytes. The
// caller closes what it gets.
func (h *Handle) Backing(least int64) *Backing {
	f := h.f
	f.mu.Lock()
	var r *cache.File
	if h.lendable(least) {
		r = f.readerOf(h.n)
	}
	f.mu.Unlock()
	if r == nil {
		return nil
	}
	return r.Backing()
}

// Lendable tells whether Backing can return a file, now or once all of what h shows is cached and checked.
func (h *Handle) Lendable(least int64) bool {
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	return h.lendable(least)
}

// lendable needs FS.mu.
func (h *Handle) lendable(least int64) bool {
	n := h.n
	return h.f.o.ReadOnly && !h.sends && n.kind == kindFile && n.draft == nil && n.obj.exists && n.obj.size >= least
}

// Passthrough tells how a mount's large files were opened: see package mount.
type Passthrough struct {
	Opens    int64  `json:"opens"`         // files that the kernel reads past the daemon
	ByDaemon int64  `json:"by_daemon"`     // those that it could read so, were they whole in the cache or not open by way of the daemon already
	Off      string `json:"off,omitempty"` // why nothing is read so (any more), "" = it is; then nothing is counted
}
