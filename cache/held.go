package cache

import (
	"cmp"
	"os"
	"slices"
	"time"
)

// Held is one object version that the cache has on disk.
type Held struct {
	ID    ID        // zero when its index cannot be read
	Size  int64     // bytes of the object
	Bytes int64     // that it takes on disk, index included
	Used  time.Time // last opened or closed, to about a minute; now for an open one
	Open  bool      // in use: Evict leaves it
	name  string
	slot  *slot // in a pack, if it is closed
}

// Held lists the versions that have bytes on disk, the largest first. It reads the header of each closed one's index, so it takes as long as
// opening that many files; what comes or goes meanwhile may be missing.
func (c *Cache) Held() []Held {
	list := c.heldNames()
	kept := list[:0]
	for _, h := range list {
		if h.Open || c.identify(&h) {
			kept = append(kept, h)
		}
	}
	slices.SortFunc(kept, func(a, b Held) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.ID.Key, b.ID.Key)) })
	return kept
}

// heldNames is Held as far as memory tells it: closed versions have no ID yet.
func (c *Cache) heldNames() []Held {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Held, 0, c.onDisk.Len())
	for _, name := range c.onDisk.Keys() {
		if e, ok := c.onDisk.Peek(name); ok {
			list = append(list, Held{Bytes: e.onDisk(), name: name, slot: e.slot})
		}
	}
	now := time.Now()
	for _, v := range c.versions {
		if v.inUse() && v.stored {
			bytes := v.bytes
			if v.slot != nil {
				bytes = v.slot.length()
			}
			list = append(list, Held{ID: v.id, Size: v.size, Bytes: bytes, Used: now, Open: true, name: v.name})
		}
	}
	return list
}

// identify reads the header of a closed version; false when its index is gone. One that cannot be read keeps the zero ID.
func (c *Cache) identify(h *Held) bool {
	c.names.RLock()
	defer c.names.RUnlock()
	if h.slot != nil {
		return c.identifySmall(h)
	}
	f, err := c.folder.open(indexName(h.name), os.O_RDONLY)
	if err != nil {
		return !os.IsNotExist(err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil {
		h.Used = st.ModTime()
	}
	b := make([]byte, headerSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return true
	}
	if head, err := decodeHeader(b); err == nil {
		h.ID, h.Size = head.id, head.size
	}
	return true
}

// identifySmall is identify of a version in a pack.
func (c *Cache) identifySmall(h *Held) bool {
	c.mu.Lock()
	e, ok := c.onDisk.Peek(h.name)
	if ok = ok && e.slot == h.slot; ok {
		h.Used = time.Unix(0, h.slot.used)
	}
	c.mu.Unlock()
	if !ok {
		return false
	}
	if id, ok := h.slot.pack.id(h.slot); ok {
		h.ID, h.Size = id, h.slot.size
	}
	return true
}

// onDisk is what the version takes on disk, in bytes.
func (e *entry) onDisk() int64 {
	if e.slot != nil {
		return e.slot.length()
	}
	return e.bytes
}

// Evicted is what an Evict did.
type Evicted struct {
	Files int   `json:"files"` // versions removed
	Bytes int64 `json:"bytes"` // on disk that they took
	Open  int   `json:"open"`  // versions left because they are in use
}

// Evict removes the versions for which match is true, from disk and from memory; match gets the zero ID for those whose index cannot be read.
// Versions in use and drafts stay.
func (c *Cache) Evict(match func(ID) bool) Evicted {
	var done Evicted
	for _, h := range c.Held() {
		if !match(h.ID) {
			continue
		}
		bytes, ok := c.evict(h.name)
		if !ok {
			done.Open++
			continue
		}
		done.Files++
		done.Bytes += bytes
	}
	c.purgeClosed(match)
	return done
}

// evict removes one closed version; false when it is in use, or gone by itself.
func (c *Cache) evict(name string) (int64, bool) {
	c.names.Lock()
	defer c.names.Unlock()
	c.mu.Lock()
	e, ok := c.onDisk.Peek(name)
	if ok {
		c.forgetStored(name, e)
	}
	c.mu.Unlock()
	if !ok {
		return 0, false
	}
	c.removeStored(name, e)
	return e.onDisk(), true
}

// purgeClosed gives back the memory of versions that nobody has open.
func (c *Cache) purgeClosed(match func(ID) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.versions {
		if !v.inUse() && match(v.id) {
			c.purge(v)
		}
	}
}

// Room is how much of what is read on purpose the cache can hold at once, in bytes on disk: its size without what a running write may need.
func (c *Cache) Room() int64 { return max(0, c.o.Size-c.o.Size/32-c.request) }

// Footprint is what a wholly cached object of size bytes takes on disk, about: its bytes and what names it, or its bytes and its index in pages of
// 4 KiB.
func (c *Cache) Footprint(size int64) int64 {
	const page, head = 4096, 512 // a key of ordinary length
	if c.packable(size) {
		return entryLength(head, size)
	}
	blocks := (size + c.o.BlockSize - 1) / c.o.BlockSize
	return (size+page-1)/page*page + (headerSize+blocks*recordSize+page-1)/page*page
}

// FillStep is how much each of n Fills side by side should ask for, in bytes, so that all of them take half of the memory at most and leave
// the other half to readers: whole blocks, one request at most.
func (c *Cache) FillStep(n int) int64 {
	size := c.o.BlockSize
	return max(size, min(c.request, c.o.Memory/2/int64(max(n, 1))/size*size))
}
