package cache

// inPack is the file of a version whose place in a pack is s.
func (s *slot) inPack() *diskFile { return &diskFile{data: s.pack.f, base: s.body(), slot: s} }

// attachSlot makes what is in a pack the version's. The caller holds Cache.mu.
func (v *version) attachSlot() {
	s := v.slot
	if s.size != v.size || s.wrong {
		return // another size: what is there cannot be trusted
	}
	v.disk.Store(s.inPack())
	v.loaded = true
	if s.checked {
		v.checked.set(0)
	}
	if v.present.set(0) {
		v.held.Add(v.size)
	}
}

// storeSmall puts the block of a small version into a pack, in the place of what was on disk of it.
func (c *Cache) storeSmall(v *version, blk *block) error {
	c.names.Lock()
	defer c.names.Unlock()
	c.thinPacks()
	room := packRoom(v.size)
	if !c.makeRoom(room) {
		return errFull
	}
	defer c.giveBack(room)
	c.mu.Lock()
	id, dead := v.id, v.dead
	c.mu.Unlock()
	if dead {
		return errFull
	}
	s, err := c.put(id, v.size, checksum(*blk.buf), [][]byte{*blk.buf})
	if err != nil {
		return err
	}
	c.mu.Lock()
	if v.dead { // another size of the same ID was opened meanwhile
		c.mu.Unlock()
		c.kill(s)
		return errFull
	}
	old, bytes, stored := v.slot, v.bytes, v.stored
	v.place(s)
	v.bytes = 0
	c.used -= bytes
	c.mu.Unlock()
	v.add([]*block{blk}, v.evictions.Load())
	if old != nil {
		c.kill(old)
	} else if stored {
		c.unlink(v.name)
	}
	return nil
}

// giveBack ends a reservation.
func (c *Cache) giveBack(bytes int64) {
	c.mu.Lock()
	c.used -= bytes
	c.mu.Unlock()
}

// place makes s the version's place on disk. Readers of the place before notice. The caller holds Cache.mu.
func (v *version) place(s *slot) {
	v.slot, v.stored, v.loaded = s, true, true
	v.disk.Store(s.inPack())
	v.attached.Store(true)
	v.evictions.Add(1) // after disk: see readDisk
}

// adoptSmall keeps the bytes of a small draft that was sent; false where there is no room. The caller holds Cache.names, and nobody has the
// version open.
func (c *Cache) adoptSmall(d *Draft, id ID, name string) (bool, error) {
	c.thinPacks()
	room := packRoom(d.t.size)
	if !c.makeRoom(room) {
		return false, nil
	}
	defer c.giveBack(room)
	buf := c.getBuffer(int(d.t.size))
	defer c.putBuffer(buf)
	if d.d.inline.on {
		d.d.inline.read(*buf, 0)
	} else if _, err := d.data.ReadAt(*buf, 0); err != nil {
		return false, err
	}
	s, err := c.put(id, d.t.size, checksum(*buf), [][]byte{*buf})
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	closed, taken := c.closed, c.versions[name] != nil || c.onDisk.Contains(name)
	if !closed && !taken {
		c.onDisk.Add(name, &entry{slot: s})
	}
	c.mu.Unlock()
	if closed || taken {
		c.kill(s)
	}
	return !closed && !taken, nil
}

// renameSmall is Rename of a version that is in a pack: it is written anew under its new ID.
func (c *Cache) renameSmall(from, to string, id ID, size int64) {
	room := packRoom(size)
	ok := c.makeRoom(room)
	if ok {
		defer c.giveBack(room)
	}
	c.mu.Lock()
	v, _, old := c.take(from)
	if v != nil {
		v.id, v.name, v.slot, v.bytes = id, to, old, 0
		v.stored = old != nil
		c.versions[to] = v
	}
	c.mu.Unlock()
	if old == nil {
		return // it went to make room
	}
	var s *slot
	if ok {
		s = c.copySlot(old, id)
	}
	c.mu.Lock()
	keep := c.renamedSmall(v, s, to)
	c.mu.Unlock()
	if s != nil && !keep {
		c.kill(s)
	}
	c.kill(old)
}

// renamedSmall puts a version that was renamed where it belongs, with its new place or none, and tells whether the place is taken up. The
// caller holds Cache.mu.
func (c *Cache) renamedSmall(v *version, s *slot, name string) bool {
	switch {
	case v == nil && (s == nil || c.versions[name] != nil): // not kept, or opened under the new name meanwhile
		return false
	case v == nil:
		c.onDisk.Add(name, &entry{slot: s})
		return true
	case s == nil:
		v.slot, v.stored = nil, false
		v.disk.Store(nil)
		v.wipe()
	case v.disk.Load() != nil:
		v.place(s)
	default:
		v.slot = s
	}
	if v.inUse() {
		return true
	}
	if s != nil {
		e := &entry{slot: s, v: v}
		c.onDisk.Add(name, e)
		c.tables.Add(name, e)
		v.slot = nil
	}
	if len(v.mem) == 0 {
		delete(c.versions, name)
	}
	return true
}

// copySlot writes what is in a pack once more under another ID, with the checksum that it has; nil when that fails.
func (c *Cache) copySlot(old *slot, id ID) *slot {
	buf := c.getBuffer(int(old.size))
	defer c.putBuffer(buf)
	_, err := old.pack.f.ReadAt(*buf, old.body())
	var s *slot
	if err == nil {
		s, err = c.put(id, old.size, old.sum, [][]byte{*buf})
	}
	if err != nil {
		c.log.Warn("cached file dropped", "op", "rename", "err", err)
		return nil
	}
	c.mu.Lock()
	s.used, s.checked, s.wrong = old.used, old.checked, old.wrong
	c.mu.Unlock()
	return s
}

// punchSmall takes an open small version out of its pack. The caller holds Cache.names.
func (c *Cache) punchSmall(v *version) bool {
	c.mu.Lock()
	s := v.slot
	if s != nil {
		v.slot, v.stored = nil, false
		v.disk.Store(nil)
		v.wipe()
	}
	c.mu.Unlock()
	if s != nil {
		c.kill(s)
	}
	return s != nil
}
