package cache

import (
	"os"
	"sync"
)

// checkAtOnce is how many bytes of blocks that an earlier daemon left are compared with their checksums while the caller of File.Backing waits: about
// a tenth of a second where the disk gives 1.3 GB/s. More than that is compared in the background, and a later call finds it done.
const checkAtOnce = 128 << 20

// Backing is the data file of a version that is whole on disk, every block compared with its checksum, lent to somebody who
// reads it past this package. Until Close the version is not evicted and its bytes count as used. The kernel gives a file back while a mapping of it
// lives, and does not tell when that ends: so a file that was lent once is never cut or punched. It is removed whole, when nobody has it open, and
// the file system keeps its bytes for the mapping. A sticky bit on the file says so, also to a later daemon. When all that is on disk is lent or open
// so and the cache is full, nothing more is cached.
type Backing struct {
	v     *version
	file  *os.File // for reading alone
	taken *taken   // not nil once it is the borrower's
	close sync.Once
}

// Backing lends the data file; nil when not all of the version is on disk, or not all of it is known to be right yet, or when alone and it is lent
// already. The caller closes it.
func (f *File) Backing(alone bool) *Backing {
	v := f.v
	v.attach()
	d := v.disk.Load()
	if d == nil || d.slot != nil || v.size == 0 || v.held.Load() < v.size || !v.checkAll(d) || !v.lend(alone) {
		return nil
	}
	file, err := (*os.File)(nil), d.mark()
	if err == nil {
		file, err = v.reopen()
	}
	if err != nil {
		v.takeBack()
		return nil
	}
	return &Backing{v: v, file: file}
}

// reopen opens the data file for reading alone, if it is all there: the kernel would take what somebody cut off for the end of the file.
func (v *version) reopen() (*os.File, error) {
	c := v.c
	c.names.RLock()
	defer c.names.RUnlock()
	c.mu.Lock()
	name, dead := v.name, v.dead
	c.mu.Unlock()
	if dead {
		return nil, os.ErrNotExist
	}
	file, err := c.folder.open(dataName(name), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	if st, err := file.Stat(); err != nil || st.Size() != v.size {
		file.Close()
		return nil, errIndex
	}
	return file, nil
}

// Fd is the descriptor of the file, for reading, good until Close.
func (b *Backing) Fd() int { return int(b.file.Fd()) }

// Close gives the file back. A second call does nothing.
func (b *Backing) Close() {
	b.close.Do(func() {
		b.file.Close()
		if b.taken != nil && b.taken.rw != nil {
			b.taken.rw.Close()
		}
		b.v.takeBack()
	})
}

// lend keeps the blocks from eviction; false when one is missing or unchecked by now, or they are lent and not to be twice.
func (v *version) lend(alone bool) bool {
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	if v.dead || v.c.closed || alone && v.lent > 0 {
		return false
	}
	for b := range v.blocks() {
		if !v.present.get(b) || !v.checked.get(b) {
			return false
		}
	}
	v.lent++
	return true
}

// mark notes on the file that it was lent; the version is lent already.
func (d *diskFile) mark() error {
	if d.mapped.Load() {
		return nil
	}
	err := d.data.Chmod(0o600 | os.ModeSticky)
	if err == nil {
		d.mapped.Store(true)
	}
	return err
}

// keeps tells that no block may be taken out of the file. The caller holds Cache.mu.
func (v *version) keeps(d *diskFile) bool { return v.lent > 0 || d.mapped.Load() }

func (v *version) takeBack() {
	v.c.mu.Lock()
	if v.lent--; v.lent == 0 {
		v.c.used -= v.owed
		v.owed = 0
	}
	v.c.mu.Unlock()
	v.c.unopen(v, 0, 0)
}

// checkAll tells whether every block was compared with its checksum, and does so now where that is quick.
func (v *version) checkAll(d *diskFile) bool {
	var left []int64
	for b := range v.blocks() {
		if !v.checked.get(b) {
			left = append(left, b)
		}
	}
	if int64(len(left))*v.c.o.BlockSize > checkAtOnce {
		v.checkLater(d, left)
		return false
	}
	return v.checkBlocks(d, left)
}

// checkBlocks stops at the first block that is wrong, which check drops, or when the cache is closed.
func (v *version) checkBlocks(d *diskFile, blocks []int64) bool {
	for _, b := range blocks {
		if v.c.ctx.Err() != nil || !v.check(d, b) {
			return false
		}
	}
	return true
}

// checkLater compares blocks in the background, one goroutine a version.
func (v *version) checkLater(d *diskFile, blocks []int64) {
	c := v.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if v.checks || v.dead || c.closed {
		return
	}
	v.checks = true
	v.holds++
	c.work.Go(func() {
		v.checkBlocks(d, blocks)
		c.mu.Lock()
		v.checks = false
		c.mu.Unlock()
		c.unopen(v, 0, 1)
	})
}
