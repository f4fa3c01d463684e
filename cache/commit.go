package cache

import (
	"fmt"
	"os"
)

// Discard removes the draft and its bytes.
func (d *Draft) Discard() error {
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive(); err != nil {
		return err
	}
	return d.remove()
}

// remove ends the draft. The caller holds mu.
func (d *Draft) remove() error {
	err := d.log(record{kind: recGone}) // so that a crash before the files are gone does not bring the draft back; they go now anyway
	return d.forget(err == nil)
}

// forget takes the draft out of the tables and removes its files. told: the journal says that the draft is gone, and may be another's then. The
// caller holds mu.
func (d *Draft) forget(told bool) (err error) {
	d.absorb()
	d.d.gone = true
	d.direct.file.Store(nil)
	d.dropInline()
	c := d.c
	c.mu.Lock()
	delete(c.drafts, d.id)
	c.draftUse -= d.t.local
	c.mu.Unlock()
	if err := d.closeOrigin(); err != nil {
		c.log.Warn("close a cache file", "err", err)
	}
	if d.data != nil {
		d.data.Close()
		err = c.folder.remove(dataOf(d.stem))
		d.data = nil
	}
	switch {
	case err != nil: // the journal tells that data which could not be removed is rubbish
		d.j.f.Close()
	case !told || !d.keepSpare():
		d.j.f.Close()
		err = c.folder.remove(journalOf(d.stem))
		c.mu.Lock()
		c.ends.ended(d, false)
		c.mu.Unlock()
	}
	if err != nil {
		return fmt.Errorf("cache: draft %s: %w", d.id, err)
	}
	return nil
}

// Commit ends the draft after its upload as version id: blocks whose bytes are all local, or zero, become the version's cached blocks, so
// that reading them back costs no download; the data file moves into the cache as it is. Where the cache has no room, or a Same base, the
// draft just goes. Call it before the first File(id): a File that is open by then goes on without the disk.
func (d *Draft) Commit(id ID) error {
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive(); err != nil {
		return err
	}
	d.absorb()
	present := d.cacheable()
	if present.count() > 0 && !d.isStray() {
		kept, err := d.c.adopt(d, id, present)
		if err != nil {
			d.c.diskFailed("commit", err)
		}
		if kept && !d.c.packable(d.t.size) {
			d.data = nil // the version's
			return d.forget(true)
		}
	}
	return d.remove()
}

// cacheable is the blocks whose bytes the data file holds. The caller holds mu and io.
func (d *Draft) cacheable() bitmap {
	size := d.c.o.BlockSize
	blocks := (d.t.size + size - 1) / size
	present := newBitmap(blocks)
	if d.c.o.Size == 0 {
		return present
	}
	from := int64(-1) // where the run of bytes that the file holds begins
	take := func(to int64) {
		if from < 0 {
			return
		}
		last := to / size
		if to == d.t.size {
			last = blocks
		}
		for b := (from + size - 1) / size; b < last; b++ {
			present.set(b)
		}
		from = -1
	}
	for _, p := range d.t.pieces {
		// Bytes of writes that failed may stand where zeros should be.
		if p.Kind == FromBase || p.Kind == FromOrigin || p.Kind == Zero && d.punchFile(p.Off, p.Len) != nil {
			take(p.Off)
		} else if from < 0 {
			from = p.Off
		}
	}
	take(d.t.size)
	return present
}

// adopt makes the draft's data file that of a version. Checksums are written by and by; a block without one is not found again after a
// restart, and that is all. kept is false when the cache does not take the file, which then is as it was.
func (c *Cache) adopt(d *Draft, id ID, present bitmap) (kept bool, err error) {
	c.names.Lock()
	defer c.names.Unlock()
	name := id.name()
	c.dropLocked(name)
	if c.packable(d.t.size) {
		return c.adoptSmall(d, id, name)
	}
	if err := d.spill(); err != nil {
		return false, err
	}
	bytes, err := onDisk(d.data)
	if err != nil {
		return false, err
	}
	reserved := bytes + headerSize + d.t.size/c.o.BlockSize*recordSize + 2*4096
	if !c.makeRoom(reserved) {
		return false, nil
	}
	disk, err := c.adoptFiles(d, id, name)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used -= reserved
	if err != nil {
		return false, err
	}
	if c.closed {
		return false, disk.index.Close()
	}
	v := c.newVersion(id, name, d.t.size)
	v.present, v.stored, v.loaded = present, true, true
	now := c.clock.Add(1)
	for b := range v.blocks() {
		if present.get(b) {
			v.checked.set(b)
			v.held.Add(v.blockLen(b))
			v.ticks[b/wordBlocks].Store(now)
		}
	}
	v.bytes = bytes + 4096
	c.used += v.bytes
	v.disk.Store(disk)
	v.attached.Store(true)
	v.holds = 1 // until the checksums are written
	c.versions[name] = v
	c.writes.add(&job{v: v, done: make(chan struct{})})
	return true, nil
}

// adoptFiles writes an index without records, tells the journal that the draft is gone, and moves the data: a crash in between leaves
// halves, which the next Open removes.
func (c *Cache) adoptFiles(d *Draft, id ID, name string) (*diskFile, error) {
	index, salt, err := c.createIndex(id, name, d.t.size)
	if err != nil {
		return nil, err
	}
	if err = c.folder.remove(dataName(name)); err == nil {
		err = d.log(record{kind: recGone})
	}
	if err == nil {
		err = os.Rename(c.folder.path(dataOf(d.stem)), c.folder.path(dataName(name)))
	}
	if err != nil {
		index.Close()
		c.unlink(name)
		return nil, err
	}
	return &diskFile{data: d.data, index: index, salt: salt}, nil
}

// writeChecksums writes the records of some blocks of a committed draft, and queues the job again while there are more.
func (c *Cache) writeChecksums(j *job, skip bool) {
	v := j.v
	if !skip {
		last := min(j.next+checksumPart, v.blocks())
		if err := v.checksumBlocks(j.next, last); err != nil {
			c.diskFailed("index", err)
			skip = true
		}
		j.next = last
	}
	c.mu.Lock()
	more := !skip && !v.dead && j.next < v.blocks()
	if more {
		c.writes.add(j)
	}
	c.mu.Unlock()
	if !more {
		c.account(v, v.disk.Load(), 0)
		c.finishJob(j)
	}
}

// checksumBlocks writes the records of those of the blocks [first, last) that are present.
func (v *version) checksumBlocks(first, last int64) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	d := v.disk.Load()
	buf := v.c.getBuffer(int(v.c.o.BlockSize))
	defer v.c.putBuffer(buf)
	records := make([]byte, 0, (last-first)*recordSize)
	for b := first; b < last; b++ {
		if !v.present.get(b) {
			records = append(records, make([]byte, recordSize)...)
			continue
		}
		p := (*buf)[:v.blockLen(b)]
		if _, err := d.data.ReadAt(p, b*v.c.o.BlockSize); err != nil {
			return err
		}
		records = appendRecord(records, d.salt, b, checksum(p))
	}
	_, err := d.index.WriteAt(records, recordOff(first))
	return err
}
