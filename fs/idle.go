package fs

// idleMost is how many nodes are kept though the kernel forgot them: a few megabytes.
const idleMost = 4096

// keepIdle keeps a node that the kernel has forgotten while what is known of it may be trusted, so that `echo 3 > drop_caches`, or a kernel that is
// short of memory, does not cost the requests that found it. It is as if the kernel had not forgotten it yet: changes here and elsewhere come to
// it as to any other node. Needs f.mu; a call of dropUnused follows.
func (f *FS) keepIdle(n *node) {
	for len(f.idle) > 0 && (len(f.idle) >= idleMost || !f.fresh(f.idle[0].checked)) {
		f.dropIdle()
	}
	if n.refs > 0 || n.idle || n.parent == nil || !f.fresh(n.checked) {
		return
	}
	n.idle = true
	f.idle = append(f.idle, n)
}

// dropIdle lets the node go that was forgotten first; needs f.mu.
func (f *FS) dropIdle() {
	n := f.idle[0]
	f.idle[0] = nil
	f.idle = f.idle[1:]
	if n.idle {
		n.idle = false
		f.dropUnused(n)
	}
}
