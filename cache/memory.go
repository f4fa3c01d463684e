package cache

import "time"

// block is a block in memory, or on its way there. All fields are guarded by Cache.mu, but for the bytes below have, which do not change
// any more and are read under a pin.
type block struct {
	v     *version
	no    int64
	size  int     // bytes
	buf   *[]byte // nil until its download starts
	have  int     // bytes that arrived, from the start
	fetch *fetch  // the download it belongs to; nil when that ended
	job   *job    // the write it belongs to, or nil
	pins  int     // readers and the writer
	used  bool    // somebody read it
	gone  bool    // out of the table: freed with the last pin
	since time.Time
	links // where it is among those that may go
}

func (b *block) complete() bool { return b.have == b.size }

// memory counts the blocks in memory and knows which of them may go. Guarded by Cache.mu.
type memory struct {
	used   int64     // bytes: downloads running, and blocks in memory
	read   blockList // complete, unpinned, and read at least once
	unread blockList // complete, unpinned, never read
}

// idle puts a block on the list of those that may go; only complete blocks of ended downloads may.
func (m *memory) idle(b *block) {
	if b.gone || b.pins > 0 || b.fetch != nil {
		return
	}
	if b.used {
		m.read.add(b)
	} else {
		m.unread.add(b)
	}
}

// pin keeps a block in memory. The caller holds Cache.mu.
func (c *Cache) pin(b *block) {
	if b.pins == 0 {
		b.unlink()
	}
	b.pins++
}

func (c *Cache) unpin(b *block) {
	if b.pins--; b.pins > 0 {
		return
	}
	if b.gone {
		c.free(b)
	} else {
		c.mem.idle(b)
	}
}

// touch counts a read of n bytes of a block. The caller holds Cache.mu.
func (c *Cache) touch(b *block, n int) {
	if b.used {
		c.counts.hits.Add(1)
		c.counts.hitBytes.Add(int64(n))
	}
	b.used = true
}

// discard takes a block out of its version's table; its memory is free with the last pin and the end of its download. The caller holds
// Cache.mu.
func (c *Cache) discard(b *block) {
	if b.gone {
		return
	}
	b.gone = true
	b.unlink()
	if b.v.mem[b.no] == b {
		delete(b.v.mem, b.no)
	}
	if v := b.v; len(v.mem) == 0 && !v.inUse() && c.versions[v.name] == v {
		delete(c.versions, v.name)
	}
	if b.pins == 0 {
		c.free(b)
	}
}

// free gives the memory of a block back, once.
func (c *Cache) free(b *block) {
	if b.buf == nil || b.fetch != nil {
		return // its download gives it back
	}
	c.mem.used -= int64(b.size)
	c.putBuffer(b.buf)
	b.buf = nil
}

// purge discards every block of a version that no download fills. The caller holds Cache.mu.
func (c *Cache) purge(v *version) {
	for _, b := range v.mem {
		if b.fetch == nil {
			c.discard(b)
		}
	}
}

// grab takes the memory for a download, and makes room for it. The caller holds Cache.mu.
func (c *Cache) grab(ft *fetch, waited bool) grabbed {
	for c.mem.used+ft.n > c.o.Memory {
		b := c.mem.victim(waited)
		switch {
		case b == nil:
			return noMemory
		case !b.used:
			b.v.wasted(b.no)
		case c.holdBack(ft, b):
			return heldBack
		}
		c.discard(b)
	}
	c.mem.used += ft.n
	return enough
}

// grabbed is what came of asking for memory.
type grabbed uint8

const (
	enough grabbed = iota
	noMemory
	heldBack // until the disk has taken something: see backlog
)

// victim is the block that has to go, nil = none may: blocks that were read go first, then unread ones that nobody came for in a while. Where somebody
// waits for the room others go as well, the last that came first, or what lies behind it in its sequence: their readers are the farthest from them.
func (m *memory) victim(waited bool) *block {
	oldest := m.unread.oldest
	switch {
	case m.read.oldest != nil:
		return m.read.oldest
	case oldest == nil || time.Since(oldest.since) > staleUnread:
		return oldest
	case waited:
		return m.unread.newest.farthest()
	}
	return nil
}

// farthest is the last unread block of the sequence that b was read ahead for, or b: requests of one sequence do not end in order. What it passes is not
// looked at again, since wasted ends the sequence's read-ahead where it takes a block.
func (b *block) farthest() *block {
	v, size := b.v, b.v.c.o.BlockSize
	for _, cur := range v.cursors {
		if off := b.no * size; off < cur.next || cur.ahead <= off {
			continue
		}
		for no := (cur.ahead - 1) / size; no > b.no; no-- {
			if last := v.mem[no]; last != nil && last.list == b.list {
				return last
			}
		}
	}
	return b
}

// getBuffer returns n bytes, n being a block's length: full ones come from a pool.
func (c *Cache) getBuffer(n int) *[]byte {
	if int64(n) == c.o.BlockSize {
		return c.buffers.Get().(*[]byte)
	}
	b := make([]byte, n)
	return &b
}

func (c *Cache) putBuffer(b *[]byte) {
	if int64(len(*b)) == c.o.BlockSize {
		c.buffers.Put(b)
	}
}
