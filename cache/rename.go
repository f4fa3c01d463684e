package cache

import (
	"errors"
	"os"
	"path/filepath"
)

// Rename tells that the object of version old is now version new, with the same bytes: after a server-side rename. Blocks on disk and in
// memory follow, open Files go on. A failure costs the blocks, nothing else.
func (c *Cache) Rename(old, new ID) {
	from, to := old.name(), new.name()
	if from == to {
		return
	}
	c.names.Lock()
	defer c.names.Unlock()
	c.dropLocked(to)
	c.mu.Lock()
	if size := c.slotSize(from); size > 0 {
		c.mu.Unlock()
		c.renameSmall(from, to, new, size)
		return
	}
	v, bytes, _ := c.take(from)
	if v == nil && bytes == 0 {
		c.mu.Unlock()
		return
	}
	if v != nil {
		v.id, v.name, v.bytes, v.stored = new, to, bytes, bytes > 0
		c.versions[to] = v
	}
	c.mu.Unlock()
	err := c.renameFiles(from, to, new)
	if errors.Is(err, os.ErrNotExist) {
		err = nil // nothing of it is on disk yet
	}
	if err != nil {
		c.log.Warn("cached file dropped", "op", "rename", "err", err)
	}
	c.renamed(v, to, bytes)
	if err != nil {
		c.unlink(from)
		c.dropLocked(to)
	}
}

// slotSize is the size of the version of that name that is in a pack, 0 when none is. The caller holds Cache.mu.
func (c *Cache) slotSize(name string) int64 {
	var s *slot
	if e, ok := c.onDisk.Peek(name); ok {
		s = e.slot
	} else if v := c.versions[name]; v != nil {
		s = v.slot
	}
	if s == nil {
		return 0
	}
	return s.size
}

// renamed puts a version that is not open back among the closed ones.
func (c *Cache) renamed(v *version, name string, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case bytes == 0 || v != nil && v.inUse():
	case v == nil && c.versions[name] != nil: // opened under the new name meanwhile, and knows of no files
		c.unlink(name)
		c.used -= bytes
	case v == nil:
		c.onDisk.Add(name, &entry{bytes: bytes})
	default:
		v.bytes = 0
		e := &entry{bytes: bytes, v: v}
		c.onDisk.Add(name, e)
		c.tables.Add(name, e)
		if len(v.mem) == 0 {
			delete(c.versions, name)
		}
	}
}

// renameFiles gives the files their new names and the index its new ID. Torn in the middle, neither name has a matching pair.
func (c *Cache) renameFiles(from, to string, id ID) error {
	index, err := c.folder.open(indexName(from), os.O_RDWR)
	if err != nil {
		return err
	}
	defer index.Close()
	b := make([]byte, headerSize)
	if _, err := index.ReadAt(b, 0); err != nil {
		return err
	}
	h, err := decodeHeader(b)
	if err != nil {
		return err
	}
	h.id = id
	if b, err = h.encode(); err != nil {
		return err
	}
	if err := c.folder.mkdir(filepath.Dir(indexName(to))); err != nil {
		return err
	}
	if err := os.Rename(c.folder.path(indexName(from)), c.folder.path(indexName(to))); err != nil {
		return err
	}
	if _, err := index.WriteAt(b, 0); err != nil {
		return err
	}
	return os.Rename(c.folder.path(dataName(from)), c.folder.path(dataName(to)))
}

// Drop forgets a version: its files go, open Files of it go on without them.
func (c *Cache) Drop(id ID) {
	c.names.Lock()
	defer c.names.Unlock()
	c.dropLocked(id.name())
}

// dropLocked is Drop for who holds Cache.names.
func (c *Cache) dropLocked(name string) {
	c.mu.Lock()
	v, bytes, slot := c.take(name)
	lent := v != nil && v.lent > 0
	if v != nil {
		v.holds++
		c.forget(v)
	}
	if lent {
		v.owed = bytes
	}
	c.mu.Unlock()
	if v == nil && bytes == 0 && slot == nil {
		return
	}
	if slot == nil {
		c.unlink(name)
	} else {
		c.kill(slot)
	}
	if v != nil {
		if d := v.disk.Load(); d != nil && d.slot == nil && !lent && !d.mapped.Load() {
			if err := d.data.Truncate(0); err != nil { // readers that have it open do not keep the space
				c.diskFailed("drop", err)
			}
		}
		c.unopen(v, 0, 1)
	}
	if lent {
		return
	}
	c.mu.Lock()
	c.used -= bytes
	c.mu.Unlock()
}
