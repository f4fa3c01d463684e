package cache

const (
	packSpread = 4  // times as many packs as a full cache needs may be there
	packsLeast = 16 // may be there in any case
)

// most is how many packs may be there: each is an open file, and one small version that is read now and then keeps its pack for ever.
func (ps *packs) most(size int64) int { return max(packsLeast, int(packSpread*(size/ps.full))) }

// thinPacks empties the pack that holds the fewest versions when there are too many packs. It is a quarter full at
// most, since a full cache needs a quarter as many; what was in it is read from the store again. The caller holds Cache.names, and no slot that is in no table.
func (c *Cache) thinPacks() {
	if len(c.packs.all) < c.packs.most(c.o.Size) {
		return
	}
	var thin *pack
	for _, p := range c.packs.all {
		if p != c.packs.active && (thin == nil || p.slots < thin.slots || p.slots == thin.slots && p.no < thin.no) {
			thin = p
		}
	}
	if thin != nil {
		c.emptyPack(thin)
	}
}

// emptyPack takes every version out of a pack, the open ones too, and so removes it. The caller holds Cache.names.
func (c *Cache) emptyPack(p *pack) {
	closed := map[string]*entry{}
	var open []*version
	c.mu.Lock()
	for _, name := range c.onDisk.Keys() {
		if e, ok := c.onDisk.Peek(name); ok && e.slot != nil && e.slot.pack == p {
			closed[name] = e
			c.forgetStored(name, e)
		}
	}
	for _, v := range c.versions {
		if v.slot != nil && v.slot.pack == p {
			open = append(open, v)
		}
	}
	c.mu.Unlock()
	for name, e := range closed {
		c.removeStored(name, e)
	}
	for _, v := range open {
		c.punchSmall(v)
	}
}
