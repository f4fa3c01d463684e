package fs

import "allasfs/cache"

// unsent tells whether n, or anything below it, exists here and may not be in the store yet; needs f.mu.
func (n *node) unsent() bool { return n.unsentSelf() || n.unsentBelow() }

func (n *node) unsentSelf() bool { return n.draft != nil || n.held || n.sending != nil }

// unsentBelow tells whether anything below n may not be in the store yet; needs f.mu. It is asked at each look at a directory: it looks at no child
// twice that was sent in between, however many there are.
func (n *node) unsentBelow() bool {
	for c := range n.unsents {
		if c.parent == n && c.unsent() {
			return true
		}
		delete(n.unsents, c)
	}
	n.unsents = nil // an empty map of many takes as long to look through as a full one
	return false
}

// unsentDir tells whether nm is a directory that the store may not show yet, so that an object of its key is beside it; needs f.mu.
func (n *node) unsentDir(nm string) bool {
	c := n.children[nm]
	return c != nil && c.kind == kindDir && c.unsent()
}

// markUnsent is called when n has become unsent, or has come to another place and may be: the directories above look at it when they are asked, until
// they find it sent. Needs f.mu.
func (n *node) markUnsent() {
	for ; n.parent != nil && !n.parent.unsents[n]; n = n.parent {
		if n.parent.unsents == nil {
			n.parent.unsents = map[*node]bool{}
		}
		n.parent.unsents[n] = true
	}
}

// setDraft gives a file local changes; needs f.mu.
func (n *node) setDraft(d *cache.Draft) {
	n.draft = d
	n.markUnsent()
}

// hold notes that a directory exists here though the store may show nothing of it; needs f.mu.
func (n *node) hold() {
	n.held = true
	n.markUnsent()
}
