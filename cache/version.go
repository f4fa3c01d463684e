package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// version is one object version: what of it is on disk, in memory, and on its way.
type version struct {
	c    *Cache
	size int64 // bytes of the object

	// Read without a lock, changed under Cache.mu. A block that is present is in the data file; it is checked when its checksum was
	// compared in this daemon's life, and unread from its download to its first read.
	present, checked, unread bitmap
	ticks                    []atomic.Uint32 // last use of each word of blocks, by Cache.clock
	evictions                atomic.Uint64   // grows after blocks became absent or unchecked, before their bytes go
	held                     atomic.Int64    // bytes present
	disk                     atomic.Pointer[diskFile]
	attached                 atomic.Bool // disk is known: nil = no file yet

	attaching sync.Mutex // held while the files are opened
	checking  sync.Mutex // held while a block is compared with its checksum
	writing   sync.Mutex // held while blocks and records are written or taken out; after Cache.names, before Cache.mu

	// Below: guarded by Cache.mu.
	id      ID
	name    string
	opens   int   // Files
	holds   int   // downloads and writes under way
	lent    int   // Backings
	stored  bool  // the files exist, or the place in a pack
	slot    *slot // the place in a pack; nil = files, or nothing
	loaded  bool  // the bitmaps hold what the index says
	dead    bool  // dropped: nothing is written any more
	checks  bool  // checkLater is at it
	bytes   int64 // on disk
	owed    int64 // of a dropped version: used until its last Backing is closed
	touched time.Time
	mem     map[int64]*block
	fetches map[*fetch]struct{}
	ahead   []*fetch // read-ahead waiting for its turn
	cursors []*cursor
	strides []*stride
	starts  []int64 // of the last cursors, in order
}

// diskFile is the open files of a version, or its place in a pack.
type diskFile struct {
	data, index *os.File
	base        int64 // where the version begins in data
	slot        *slot // not nil: data is a pack, and there is no index
	salt        uint64
	mapped      atomic.Bool // it was lent once: a mapping of it may live, see Backing
}

func (d *diskFile) close() {
	if d.slot != nil {
		return // the pack stays open
	}
	d.data.Close()
	d.index.Close()
}

func (c *Cache) newVersion(id ID, name string, size int64) *version {
	n := (size + c.o.BlockSize - 1) / c.o.BlockSize
	v := &version{
		c: c, id: id, name: name, size: size,
		present: newBitmap(n), checked: newBitmap(n), unread: newBitmap(n),
		mem: map[int64]*block{}, fetches: map[*fetch]struct{}{},
	}
	v.ticks = make([]atomic.Uint32, len(v.present))
	return v
}

// link is the way to the version's store. The caller holds Cache.mu.
func (v *version) link() *link { return v.c.sched.link(v.id.Store) }

// blocks is the number of blocks.
func (v *version) blocks() int64 { return (v.size + v.c.o.BlockSize - 1) / v.c.o.BlockSize }

// blockLen is the length of block b: the last one may be short.
func (v *version) blockLen(b int64) int64 {
	return min(v.c.o.BlockSize, v.size-b*v.c.o.BlockSize)
}

// inUse is true while files or work of the version are open. The caller holds Cache.mu.
func (v *version) inUse() bool { return v.opens > 0 || v.holds > 0 || v.lent > 0 }

// dataName and indexName are the version's files, below the folder.
func dataName(name string) string  { return filepath.Join(formatDir, name[:2], name+".data") }
func indexName(name string) string { return filepath.Join(formatDir, name[:2], name+".idx") }

// acquire returns the version of that ID, with one more open. The caller holds Cache.mu.
func (c *Cache) acquire(id ID, size int64) *version {
	name := id.name()
	v, bytes, slot := c.take(name)
	if v != nil && v.size != size { // an ETag that stands for two sizes: what is there cannot be trusted
		c.forget(v)
		v = nil
	}
	if v == nil {
		v = c.newVersion(id, name, size)
	}
	if bytes > 0 || slot != nil {
		v.stored, v.bytes, v.slot = true, bytes, slot
	}
	c.versions[name] = v
	v.opens++
	return v
}

// take removes what is known under a file name from the tables: the version, if there is more than a file, and its bytes on disk or its place in
// a pack. The caller holds Cache.mu, and answers for the bytes, which stay in Cache.used, and for the place.
func (c *Cache) take(name string) (v *version, bytes int64, slot *slot) {
	v = c.versions[name]
	delete(c.versions, name)
	if e, ok := c.onDisk.Peek(name); ok {
		if v == nil {
			v = e.v
		}
		bytes, slot = e.bytes, e.slot
		c.onDisk.Remove(name)
		c.tables.Remove(name)
	} else if v != nil {
		bytes, slot = v.bytes, v.slot
	}
	return v, bytes, slot
}

// forget makes a version that was taken out of the tables one that its readers alone know; they go on without the disk. The caller holds
// Cache.mu.
func (c *Cache) forget(v *version) {
	v.dead = true
	delete(c.seals, v.name)
	v.wipe()
	v.bytes, v.stored, v.slot = 0, false, nil
	if !v.inUse() {
		c.purge(v)
	}
}

// wipe marks every block absent on disk. The caller holds Cache.mu.
func (v *version) wipe() {
	v.present.reset()
	v.checked.reset()
	v.held.Store(0)
	v.evictions.Add(1) // after the bits: see readDisk
	v.loaded = true    // and nothing is to be loaded
}

// unopen gives back an open or a hold; the last one closes the files.
func (c *Cache) unopen(v *version, opens, holds int) {
	c.mu.Lock()
	d := c.letGo(v, opens, holds)
	c.mu.Unlock()
	c.closeFiles(v, d)
}

// letGo is unopen but for the files, which it returns for closeFiles. The caller holds Cache.mu, and wakes those who wait for what gave the hold back only
// then: they find the version out of use.
func (c *Cache) letGo(v *version, opens, holds int) *diskFile {
	v.opens -= opens
	v.holds -= holds
	if opens > 0 && v.opens == 0 {
		c.endSequences(v)
	}
	return c.settle(v)
}

func (c *Cache) closeFiles(v *version, d *diskFile) {
	if d != nil {
		c.seal(v, d)
		d.close()
	}
}

// settle puts a version that is no longer in use where it belongs, and returns the files to close. The caller holds Cache.mu.
func (c *Cache) settle(v *version) *diskFile {
	if v.inUse() || c.closed {
		return nil
	}
	d := v.disk.Swap(nil)
	v.attached.Store(false)
	if v.slot != nil {
		v.slot.used = time.Now().UnixNano()
	}
	if d != nil && d.slot == nil && !v.dead && time.Since(v.touched) > time.Minute {
		v.touched = time.Now()
		now := unix.NsecToTimeval(v.touched.UnixNano())
		_ = unix.Futimes(int(d.index.Fd()), []unix.Timeval{now, now}) // the order of use after a restart: not worth an error
	}
	switch {
	case v.dead:
		c.purge(v)
	case v.stored:
		e := &entry{bytes: v.bytes, slot: v.slot}
		c.onDisk.Add(v.name, e)
		if v.loaded {
			e.v = v
			c.tables.Add(v.name, e)
		}
		v.bytes, v.slot = 0, nil
	}
	if len(v.mem) == 0 && c.versions[v.name] == v {
		delete(c.versions, v.name)
	}
	return d
}

// attach opens the files of a version that is on disk and reads its index, once an opening. Errors cost the cached blocks only.
func (v *version) attach() {
	if v.attached.Load() {
		return
	}
	v.attaching.Lock()
	defer v.attaching.Unlock()
	if v.attached.Load() {
		return
	}
	v.c.mu.Lock()
	stored := v.stored && v.slot == nil
	if v.slot != nil {
		v.attachSlot()
	}
	v.c.mu.Unlock()
	if stored { // else no lock that a slow disk may hold: a version that is not cached does not wait for it
		v.attachFiles()
	}
	v.attached.Store(true)
}

func (v *version) attachFiles() {
	v.c.names.RLock()
	defer v.c.names.RUnlock()
	v.c.mu.Lock()
	id, name, loaded := v.id, v.name, v.loaded
	v.c.mu.Unlock()
	d, err := v.open(id, name, loaded)
	if err != nil {
		v.c.mu.Lock()
		v.wipe()
		v.c.mu.Unlock()
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		v.c.log.Warn("cached file dropped", "file", name, "err", err)
	}
	v.disk.Store(d)
}

// open opens both files and, unless loaded, fills the bitmaps from the index.
func (v *version) open(id ID, name string, loaded bool) (*diskFile, error) {
	index, err := v.c.folder.open(indexName(name), os.O_RDWR)
	if err != nil {
		return nil, err
	}
	data, err := v.c.folder.open(dataName(name), os.O_RDWR)
	if err != nil {
		index.Close()
		return nil, err
	}
	d := &diskFile{data: data, index: index}
	err = v.checkHeader(d, id)
	if err == nil && !loaded {
		err = v.load(d)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// checkHeader compares the files with what they should be, and takes the salt from the index.
func (v *version) checkHeader(d *diskFile, id ID) error {
	b := make([]byte, headerSize)
	if _, err := d.index.ReadAt(b, 0); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	h, err := decodeHeader(b)
	if err != nil {
		return err
	}
	st, err := d.data.Stat()
	if err != nil {
		return err
	}
	if h.id != id || h.size != v.size || h.blockSize != v.c.o.BlockSize || st.Size() != v.size || !st.Mode().IsRegular() {
		return errIndex
	}
	d.salt = h.salt
	d.mapped.Store(st.Mode()&os.ModeSticky != 0)
	return nil
}

// load sets the present bit of every block that has a record; whether the block's bytes are right is found out at its first read.
func (v *version) load(d *diskFile) error {
	st, err := d.index.Stat()
	if err != nil {
		return err
	}
	n := min(v.blocks(), (st.Size()-headerSize)/recordSize)
	buf := make([]byte, min(64<<10, max(n, 0)*recordSize))
	for b := int64(0); b < n; {
		part := buf[:min(int64(len(buf)), (n-b)*recordSize)]
		if _, err := d.index.ReadAt(part, recordOff(b)); err != nil {
			return fmt.Errorf("index: %w", err)
		}
		b = v.loadPart(part, b, d.salt)
	}
	v.c.mu.Lock()
	v.loaded = true
	v.unseal(d)
	v.c.mu.Unlock()
	return nil
}

func (v *version) loadPart(part []byte, b int64, salt uint64) int64 {
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	for ; len(part) > 0; part, b = part[recordSize:], b+1 {
		if _, ok := decodeRecord(part, salt, b); ok && v.present.set(b) {
			v.held.Add(v.blockLen(b))
		}
	}
	return b
}
