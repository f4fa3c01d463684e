package fs

import "allasfs/cache"

// Backing is a file that the kernel reads in the daemon's place. Close gives it back.
type Backing struct {
	f *FS
	n *node
	l *loan
	w *direct // of a file that the kernel writes; else l is set

	stray bool
}

// Fd is the descriptor of the file, good until Close.
func (b *Backing) Fd() int {
	if b.w != nil {
		return b.w.d.Fd()
	}
	return b.l.file.Fd()
}

// Close ends the loan, unless programs may still write to the file by mappings. It is called once.
func (b *Backing) Close() {
	if b.w != nil {
		b.f.endDirect(b.w, b.stray)
		return
	}
	b.f.endLoan(b.n, b.l)
}

// Cut tells, before Close, that the kernel has not let go of the file: its connection is gone, and programs may go on writing to it.
func (b *Backing) Cut() { b.stray = true }

// Written tells whether it is a file that the kernel writes.
func (b *Backing) Written() bool { return b.w != nil }

// Backing lends the cache's file of what h shows, for the kernel to read in the daemon's place; nil when it may not: of a version that is in the store,
// when all of it is cached and no smaller than least bytes, unless it was changed in place while it was lent before. Whoever writes to the node from then on writes to that file too, see loan. The caller closes
// what it gets.
func (h *Handle) Backing(least int64) *Backing {
	f, n := h.f, h.n
	n.drafting.Lock() // no draft is made meanwhile
	defer n.drafting.Unlock()
	f.mu.Lock()
	var r *cache.File
	l := n.loan.Load()
	switch {
	case l != nil: // of before, which somebody has mapped
		l.refs++
	case h.lendable(least):
		r = f.readerOf(n)
	}
	f.mu.Unlock()
	if r != nil {
		l = f.lend(n, r)
	}
	if l == nil {
		return nil
	}
	return &Backing{f: f, n: n, l: l}
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
	return !h.sends && !n.inPlace && n.kind == kindFile && n.draft == nil && n.obj.exists && n.obj.size >= least
}

// Passthrough tells how a mount's files were opened: see package mount.
type Passthrough struct {
	Opens    int64         `json:"opens"`            // large files that the kernel reads past the daemon
	ByDaemon int64         `json:"by_daemon"`        // those that it could read so, were they whole in the cache or not open by way of the daemon already
	Off      string        `json:"off,omitempty"`    // why nothing is read so (any more), "" = it is; then nothing is counted
	Writes   *DirectWrites `json:"writes,omitempty"` // nil where new files are not to be written past the daemon
}

// DirectWrites tells how it goes with new files that the kernel is to write past the daemon.
type DirectWrites struct {
	Opens int64  `json:"opens"`         // of files that it writes so
	Off   string `json:"off,omitempty"` // why it writes none so (any more), "" = it may
}
