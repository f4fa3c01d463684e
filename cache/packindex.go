package cache

import (
	"encoding/binary"
	"os"
)

// packIndexName is the list of what is in the packs; it is there only while no daemon has the folder.
const (
	packIndexName  = packsDir + "/index"
	packIndexMagic = "allaindx\x01"
)

// packIndex is what a daemon left of its packs when it closed the folder.
type packIndex struct {
	boot  string
	packs map[int64]indexedPack
}

// indexedPack is a pack as it was then, and what is in it.
type indexedPack struct {
	as    seal
	end   int64
	slots []namedSlot
}

type namedSlot struct {
	name string
	*slot
}

// fill tells add what is in a pack; false when the index does not know, or the pack was changed since.
func (x *packIndex) fill(p *pack, add func(string, *slot)) bool {
	if x == nil {
		return false
	}
	is, ok := x.packs[p.no]
	now, same := sealOf(p.f)
	if !ok || !same || now != is.as {
		return false
	}
	p.end = is.end
	trusted := x.boot != "" && x.boot == bootID() // else a power cut may have taken bytes
	for _, s := range is.slots {
		s.pack = p
		s.checked = s.checked && trusted
		add(s.name, s.slot)
	}
	return true
}

// leavePacks closes the packs and leaves a list of what is in them to the next daemon. Without it that looks into them.
func (c *Cache) leavePacks() error {
	c.names.Lock()
	defer c.names.Unlock()
	b := c.encodePackIndex()
	if len(c.packs.all) > 0 {
		if err := c.folder.replace(packIndexName+".part", packIndexName, b); err != nil {
			c.log.Debug("index of the cache's packs", "err", err)
		}
	}
	return c.closePacks()
}

// encodePackIndex makes the file: boot, packs, each with its slots, and a checksum.
func (c *Cache) encodePackIndex() []byte {
	in := c.slotsByPack()
	b := appendString([]byte(packIndexMagic), bootID())
	b = binary.LittleEndian.AppendUint32(b, uint32(len(in)))
	for _, p := range c.packs.all {
		as, _ := sealOf(p.f)
		for _, n := range []int64{p.no, int64(as.dev), int64(as.ino), as.size, as.sec, as.nsec, p.end, int64(len(in[p]))} {
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		}
		for _, s := range in[p] {
			b = appendString(b, s.name)
			for _, n := range []int64{s.off, s.head, s.size, int64(s.sum), s.used} {
				b = binary.LittleEndian.AppendUint64(b, uint64(n))
			}
			b = appendBool(appendBool(b, s.checked), s.wrong)
		}
	}
	return binary.LittleEndian.AppendUint32(b, checksum(b))
}

// slotsByPack lists what is in each pack.
func (c *Cache) slotsByPack() map[*pack][]namedSlot {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := map[*pack][]namedSlot{}
	for _, p := range c.packs.all {
		in[p] = nil
	}
	for _, name := range c.onDisk.Keys() {
		if e, ok := c.onDisk.Peek(name); ok && e.slot != nil {
			in[e.slot.pack] = append(in[e.slot.pack], namedSlot{name, e.slot})
		}
	}
	for name, v := range c.versions {
		if v.slot != nil {
			in[v.slot.pack] = append(in[v.slot.pack], namedSlot{name, v.slot})
		}
	}
	return in
}

// readPackIndex reads the index of the daemon before and removes it: it stands for the folder as it is now. nil when there is none.
func (c *Cache) readPackIndex() *packIndex {
	if st, err := os.Lstat(c.folder.path(packIndexName)); err != nil || !st.Mode().IsRegular() {
		return nil
	}
	b, err := os.ReadFile(c.folder.path(packIndexName))
	if c.folder.remove(packIndexName) != nil || err != nil {
		return nil
	}
	return decodePackIndex(b)
}

// decodePackIndex is nil for anything but what encodePackIndex made.
func decodePackIndex(b []byte) *packIndex {
	n := len(b) - 4
	if n < len(packIndexMagic) || string(b[:len(packIndexMagic)]) != packIndexMagic || binary.LittleEndian.Uint32(b[n:]) != checksum(b[:n]) {
		return nil
	}
	d := decoder{b: b[len(packIndexMagic):n]}
	x := &packIndex{boot: d.string(), packs: map[int64]indexedPack{}}
	for left := d.uint32(); left > 0 && !d.bad; left-- {
		no := d.int64()
		is := indexedPack{as: seal{dev: d.uint64(), ino: d.uint64(), size: d.int64(), sec: d.int64(), nsec: d.int64()}, end: d.int64()}
		for slots := d.int64(); slots > 0 && !d.bad; slots-- {
			s := namedSlot{d.string(), &slot{off: d.int64(), head: d.int64(), size: d.int64(), sum: uint32(d.int64()), used: d.int64()}}
			s.checked, s.wrong = d.bool(), d.bool()
			is.slots = append(is.slots, s)
		}
		x.packs[no] = is
	}
	if d.bad {
		return nil
	}
	return x
}
