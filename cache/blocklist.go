package cache

// blockList is blocks in the order in which they were added, linked through themselves: adding and removing allocate nothing. A block is on one
// list at most. The zero value is empty.
type blockList struct{ oldest, newest *block }

// links is a block's place in a blockList.
type links struct {
	list       *blockList // nil = on none
	prev, next *block
}

// add puts b at the end, if it is on no list.
func (l *blockList) add(b *block) {
	if b.list != nil {
		return
	}
	b.links = links{list: l, prev: l.newest}
	if l.newest == nil {
		l.oldest = b
	} else {
		l.newest.next = b
	}
	l.newest = b
}

// unlink takes b off the list that it is on.
func (b *block) unlink() {
	l := b.list
	if l == nil {
		return
	}
	if b.prev == nil {
		l.oldest = b.next
	} else {
		b.prev.next = b.next
	}
	if b.next == nil {
		l.newest = b.prev
	} else {
		b.next.prev = b.prev
	}
	b.links = links{}
}
