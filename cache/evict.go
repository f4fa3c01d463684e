package cache

import (
	"cmp"
	"errors"
	"math/bits"
	"slices"

	"golang.org/x/sys/unix"
)

// makeRoom reserves bytes on disk: it removes versions that nobody has open, the least recently used first, and when none is left, the
// blocks of open ones that were not used for longest. False when neither makes enough room. The caller holds Cache.names.
func (c *Cache) makeRoom(bytes int64) bool {
	if bytes > c.o.Size {
		return false
	}
	for {
		c.mu.Lock()
		if c.used+bytes <= c.o.Size {
			c.used += bytes
			c.mu.Unlock()
			return true
		}
		name, e := c.victim()
		over := c.used + bytes - c.o.Size
		c.mu.Unlock()
		if e == nil {
			if !c.punch(over + c.o.Size/32) {
				return false
			}
			continue
		}
		c.removeStored(name, e)
	}
}

// victim takes the least recently used closed version out of the tables; nil when there is none. The caller holds Cache.mu.
func (c *Cache) victim() (name string, e *entry) {
	name, e, ok := c.onDisk.GetOldest()
	if !ok {
		return "", nil
	}
	c.forgetStored(name, e)
	return name, e
}

// removeStored takes a version that is in no table any more off the disk, and returns the bytes that this frees. The caller holds Cache.names.
func (c *Cache) removeStored(name string, e *entry) int64 {
	if e.slot != nil {
		return c.kill(e.slot)
	}
	c.unlink(name)
	c.giveBack(e.bytes)
	return e.bytes
}

// forgetStored takes a closed version out of the tables of what is on disk; its files are the caller's to unlink, its bytes to give back.
// The caller holds Cache.mu.
func (c *Cache) forgetStored(name string, e *entry) {
	c.onDisk.Remove(name)
	if v := cmp.Or(c.versions[name], e.v); v != nil {
		v.wipe()
		v.stored, v.bytes = false, 0
	}
	c.tables.Remove(name)
	delete(c.seals, name)
}

// unlink removes the files of a version, the index first: data without an index is never used.
func (c *Cache) unlink(name string) {
	if err := errors.Join(c.folder.remove(indexName(name)), c.folder.remove(dataName(name))); err != nil {
		c.diskFailed("remove", err)
	}
}

// shrink gives want bytes back where the disk is full before the cache is, of closed versions, then of open ones, and tells whether it gave any.
func (c *Cache) shrink(want int64) bool {
	c.names.Lock()
	defer c.names.Unlock()
	for freed := int64(0); freed < want; {
		c.mu.Lock()
		name, e := c.victim()
		c.mu.Unlock()
		if e == nil {
			return c.punch(max(want-freed, 2*c.request)) || freed > 0
		}
		freed += c.removeStored(name, e)
	}
	return true
}

// segment is the blocks of one word of an open version's bitmaps.
type segment struct {
	v     *version
	word  int
	tick  uint32
	bytes int64
}

// punch takes at least want bytes out of open files, the segments that were not used for longest first, and tells whether it took any.
func (c *Cache) punch(want int64) bool {
	segs, held := c.segments()
	slices.SortFunc(segs, func(a, b segment) int { return cmp.Compare(a.tick, b.tick) })
	var done int64
	for _, s := range segs {
		if done >= want {
			break
		}
		if c.punchSegment(s) {
			done += s.bytes
		}
	}
	for _, v := range held {
		c.account(v, v.disk.Load(), 0)
		c.unopen(v, 0, 1)
	}
	return done > 0
}

// segments lists what open files hold, and the files, which the caller has to give back.
func (c *Cache) segments() (segs []segment, held []*version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.versions {
		d := v.disk.Load()
		if !v.inUse() || d == nil || v.keeps(d) {
			continue
		}
		v.holds++
		held = append(held, v)
		if d.slot != nil {
			segs = append(segs, segment{v: v, tick: v.ticks[0].Load(), bytes: d.slot.length()})
			continue
		}
		for w := range v.present {
			if n := bits.OnesCount64(v.present[w].Load()); n > 0 {
				segs = append(segs, segment{v: v, word: w, tick: v.ticks[w].Load(), bytes: int64(n) * c.o.BlockSize})
			}
		}
	}
	return segs, held
}

// punchSegment first lets readers know, then the index, then makes the hole.
func (c *Cache) punchSegment(s segment) bool {
	v, d := s.v, s.v.disk.Load()
	if d == nil || d.slot != nil {
		return c.punchSmall(v)
	}
	first := int64(s.word) * wordBlocks
	last := min(first+wordBlocks, v.blocks())
	v.writing.Lock()
	defer v.writing.Unlock()
	c.mu.Lock()
	if v.keeps(d) { // since segments looked
		c.mu.Unlock()
		return false
	}
	for b := first; b < last; b++ {
		v.drop(b)
	}
	v.evictions.Add(1)
	c.mu.Unlock()
	v.eraseRecords(d, first, last)
	off := first * c.o.BlockSize
	err := unix.Fallocate(int(d.data.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, last*c.o.BlockSize-off)
	if err != nil {
		c.diskFailed("punch", err)
	}
	return err == nil
}
