package cache

import (
	"errors"
	"time"
)

const (
	packMost  = 128 << 10 // bytes of the largest version that goes into a pack, if it is one block
	packShare = 64        // a pack may take this part of Options.Size
	packMin   = 4 << 20   // bytes
	packMax   = 1 << 30
)

// packs is the files that hold small versions. Guarded by Cache.names.
type packs struct {
	all    map[int64]*pack
	active *pack // takes new entries; nil = none
	last   int64 // number of the newest pack
	full   int64 // bytes at which a pack takes no more
}

// packable tells whether a version of size bytes goes into a pack: it is one block, so that it is there as a whole or not at all.
func (c *Cache) packable(size int64) bool {
	return size > 0 && size <= min(c.o.BlockSize, packMost)
}

func newPacks(size int64) packs {
	return packs{all: map[int64]*pack{}, full: min(max(size/packShare, packMin), packMax)}
}

// packRoom is what putting a version of size bytes may take on disk.
func packRoom(size int64) int64 { return pages(headerSize+size+entryAlign) + 2*packPage }

// put writes a version to the pack that takes entries; room for it was reserved. What the packs take more is counted as used.
func (c *Cache) put(id ID, size int64, sum uint32, body [][]byte) (*slot, error) {
	p, err := c.activePack()
	if err != nil {
		return nil, err
	}
	before := p.bytes
	s, err := p.put(&entryHead{id: id, size: size, sum: sum, used: time.Now().UnixNano()}, body)
	c.mu.Lock()
	c.used += p.bytes - before
	c.mu.Unlock()
	return s, err
}

// activePack returns the pack that takes entries, a new one when it is full. One that somebody else has cut takes no more: behind its end a new
// entry would leave a hole, where those that are gone would read as zeros.
func (c *Cache) activePack() (*pack, error) {
	ps := &c.packs
	if ps.active != nil && ps.active.end < ps.full && ps.active.whole() {
		return ps.active, nil
	}
	p, err := createPack(c.folder, ps.last+1)
	if err != nil {
		return nil, err
	}
	ps.last++
	ps.all[p.no], ps.active = p, p
	c.mu.Lock()
	c.used += p.bytes
	c.mu.Unlock()
	return p, nil
}

// kill takes a version out of its pack, and removes a pack that is empty then; freed is how many bytes of the disk. Nobody finds the slot any more. The caller
// holds Cache.names.
func (c *Cache) kill(s *slot) (freed int64) {
	p := s.pack
	before := p.bytes
	err := p.kill(s)
	freed = before - p.bytes
	if p.slots == 0 {
		err = errors.Join(err, c.removePack(p))
		freed = before
	}
	c.mu.Lock()
	c.used -= freed
	c.mu.Unlock()
	if err != nil {
		c.diskFailed("remove", err)
	}
	return freed
}

// removePack closes and unlinks a pack; its bytes are the caller's to give back.
func (c *Cache) removePack(p *pack) error {
	delete(c.packs.all, p.no)
	if c.packs.active == p {
		c.packs.active = nil
	}
	return errors.Join(p.f.Close(), c.folder.remove(packName(p.no)))
}

// closePacks closes the files; what is in them stays.
func (c *Cache) closePacks() (err error) {
	for _, p := range c.packs.all {
		err = errors.Join(err, p.f.Close())
	}
	return err
}
