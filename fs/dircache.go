package fs

// shown is what a directory showed at its opening: a listing, and how many own changes there were anywhere by then.
type shown struct {
	l   *listing
	seq uint64
}

// dirCache is what the kernel may keep of a directory's names (FOPEN_CACHE_DIR). The kernel itself drops it at each change that a program makes there by
// this mount, and when it is told of a change (Notifier); guarded by FS.mu.
type dirCache struct {
	of      shown
	handles int // open ones whose names the kernel keeps
}

// cacheNames decides whether the kernel keeps the names that d's program reads, and whether those that it has are the same still; needs FS.mu. Handles
// of two states would mix, and names of a state that another client has changed since must not outlive the TTL.
func (d *DirHandle) cacheNames() {
	if d.f.o.TTL <= 0 || d.l.place.bucket == "" { // a bucket that was opened by its name shows among the buckets
		return
	}
	if d.n.cached == nil {
		d.n.cached = &dirCache{}
	}
	c, now := d.n.cached, shown{d.l, d.f.seq}
	switch {
	case c.of == now:
		d.keep = true
	case c.handles > 0:
		return
	}
	d.cache, c.of = true, now
	c.handles++
}

// Cache tells how the kernel may keep the names: at all, and whether those that it has are right.
func (d *DirHandle) Cache() (names, keep bool) { return d.cache, d.keep }

// dropNames has the kernel read the directory anew when the listing that it keeps is too old; needs FS.mu, and returns what to do without it.
func (f *FS) dropNames(n *node) func() {
	if n.cached == nil || n.cached.of.l == nil || f.fresh(n.cached.of.l.started) {
		return func() {}
	}
	n.cached.of = shown{}
	return func() { f.notifyContent(n.id) }
}
