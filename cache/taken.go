package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// unknown is in place of the checksum of a block that was written since the last Changes.
const unknown = -1

// taken is what a lent file has once it is its borrower's.
type taken struct {
	rw   *os.File // opened at the first write, closed by Writers
	size int64
	sums []int64 // checksum of each block, or unknown
	told bool    // a change of the file's time tells of a write by a mapping, on this kind of disk
	seen bool    // Watch was called
	mark bool    // the time is the one that arm set, if nothing was written since
}

// armed is the time of change that a watched file has until it is written.
var armed = time.Unix(1, 0)

// Take makes the lent file its borrower's: the version leaves the cache, whose other readers go on without the disk, and the file may be changed by the
// methods below from then on, one call at a time. It is gone from the folder, and its bytes count as used until Close. A second call does nothing.
func (b *Backing) Take() error {
	if b.taken != nil {
		return nil
	}
	v, c := b.v, b.v.c
	d := v.disk.Load()
	if d == nil {
		return os.ErrClosed
	}
	sums, err := v.sums(d)
	if err != nil {
		return err
	}
	c.names.Lock()
	c.mu.Lock()
	name, dead := v.name, v.dead
	c.mu.Unlock()
	if !dead {
		c.dropLocked(name)
	}
	c.names.Unlock()
	if d := v.disk.Swap(nil); d != nil {
		d.close() // a descriptor for writing would hide those of others from Writers
	}
	b.taken = &taken{size: v.size, sums: sums, told: tellsOfMappings(b.file)}
	return nil
}

// sums is what the index says of the blocks; all of them are present, and checked.
func (v *version) sums(d *diskFile) ([]int64, error) {
	buf := make([]byte, v.blocks()*recordSize)
	if _, err := d.index.ReadAt(buf, recordOff(0)); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	sums := make([]int64, v.blocks())
	for b := range sums {
		sum, ok := decodeRecord(buf[b*recordSize:], d.salt, int64(b))
		if sums[b] = int64(sum); !ok {
			sums[b] = unknown
		}
	}
	return sums, nil
}

// tellsOfMappings tells whether the file's time of change moves when a page that an fsync(2) wrote out is written by a mapping: file systems do that
// by themselves when the page is made writable (page_mkwrite), those in memory do not.
func tellsOfMappings(f *os.File) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil {
		return false
	}
	switch st.Type {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC:
		return true
	}
	return false
}

// ReadAt is io.ReaderAt of the lent file, also before Take.
func (b *Backing) ReadAt(p []byte, off int64) (int, error) { return b.file.ReadAt(p, off) }

// WriteAt writes to a file that was taken.
func (b *Backing) WriteAt(p []byte, off int64) error {
	t, err := b.writable()
	if err != nil || len(p) == 0 {
		return err
	}
	end := off + int64(len(p))
	if off > t.size {
		t.forget(b.blockSize(), t.size, off)
	}
	b.expect(p, off)
	b.grow(end)
	_, err = t.rw.WriteAt(p, off)
	return err
}

// Truncate sets the size of a file that was taken.
func (b *Backing) Truncate(size int64) error {
	t, err := b.writable()
	if err != nil {
		return err
	}
	t.forget(b.blockSize(), min(size, t.size), max(size, t.size))
	b.grow(size)
	if size < t.size {
		t.sums = t.sums[:min(int64(len(t.sums)), (size+b.blockSize()-1)/b.blockSize())]
	}
	t.size = size
	return t.rw.Truncate(size)
}

// Punch makes zeros of n bytes at off of a file that was taken; its size stays.
func (b *Backing) Punch(off, n int64) error {
	t, err := b.writable()
	if err != nil {
		return err
	}
	t.forget(b.blockSize(), off, off+n)
	return unix.Fallocate(int(t.rw.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}

func (b *Backing) blockSize() int64 { return b.v.c.o.BlockSize }

// writable opens the file for writing.
func (b *Backing) writable() (*taken, error) {
	t := b.taken
	if t == nil {
		return nil, os.ErrPermission
	}
	t.mark = false
	if t.rw == nil {
		rw, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", b.file.Fd()), os.O_RDWR, 0) // it has no name any more
		if err != nil {
			return nil, err
		}
		t.rw = rw
	}
	return t, nil
}

// forget marks the blocks from one offset to another written. Blocks past the last one need no mark: they have no checksum.
func (t *taken) forget(blockSize, from, to int64) {
	for b := from / blockSize; b*blockSize < to && b < int64(len(t.sums)); b++ {
		t.sums[b] = unknown
	}
}

// expect notes the checksums that the blocks will have once p was written at off: of what they hold now, if that is known, with p in it. So a write by a
// mapping to one of them is found whenever it comes, and a small write makes no whole block one that changed.
func (b *Backing) expect(p []byte, off int64) {
	t, size := b.taken, b.blockSize()
	if !t.seen {
		t.forget(size, off, off+int64(len(p)))
		return
	}
	buf := make([]byte, size)
	for len(p) > 0 {
		no, in := off/size, off%size
		n := min(int64(len(p)), size-in)
		t.expectBlock(b.file, buf, no, in, p[:n])
		p, off = p[n:], off+n
	}
}

// expectBlock is expect for p at byte in of block no; buf has room for a block.
func (t *taken) expectBlock(f *os.File, buf []byte, no, in int64, p []byte) {
	if no >= int64(len(t.sums)) || t.sums[no] == unknown {
		return
	}
	have, err := f.ReadAt(buf, no*int64(len(buf)))
	if err != nil && err != io.EOF || int64(checksum(buf[:have])) != t.sums[no] || in > int64(have) {
		t.sums[no] = unknown
		return
	}
	copy(buf[in:], p)
	t.sums[no] = int64(checksum(buf[:max(have, int(in)+len(p))]))
}

// grow counts what is written past the end: the file takes that much more of the disk until Close.
func (b *Backing) grow(end int64) {
	more := end - b.taken.size
	if more <= 0 {
		return
	}
	b.taken.size = end
	c := b.v.c
	c.mu.Lock()
	defer c.mu.Unlock()
	b.v.owed += more
	c.used += more
}

// Watch begins to tell, by Changes, what programs write to a taken file past the borrower: by shared mappings, which go to the file itself.
func (b *Backing) Watch() error {
	if b.taken == nil {
		return os.ErrPermission
	}
	b.taken.seen = true
	return b.arm()
}

// arm makes the next write by a mapping move the file's time of change.
func (b *Backing) arm() error {
	t := b.taken
	if !t.told {
		return nil
	}
	if err := b.file.Sync(); err != nil { // pages that are written out are made writable anew
		return err
	}
	at := unix.NsecToTimeval(armed.UnixNano())
	if err := unix.Futimes(int(b.file.Fd()), []unix.Timeval{at, at}); err != nil {
		return err
	}
	t.mark = true
	return nil
}

// Changed tells whether the file may have been written past the borrower since the last Changes, or by him: no is certain.
func (b *Backing) Changed() bool {
	t := b.taken
	if t == nil {
		return false
	}
	if !t.told || !t.mark {
		return true
	}
	st, err := b.file.Stat()
	return err != nil || !st.ModTime().Equal(armed)
}

// Changes gives each block to fn that is not what it was at Watch, or at the last call that fn let through to the end, and not what the borrower has made of
// it since. Blocks that he wrote before Watch, or past the end, may be among them. off is where p, which is fn's until it returns, stands in the file. What
// is written while it runs comes now or the next time.
func (b *Backing) Changes(ctx context.Context, fn func(off int64, p []byte) error) (err error) {
	if !b.Changed() {
		return nil
	}
	defer func() {
		if err != nil {
			b.taken.mark = false
		}
	}()
	if err := b.arm(); err != nil {
		return err
	}
	buf := make([]byte, b.blockSize())
	for off := int64(0); ; off += b.blockSize() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if off, err = b.nextData(off); err == io.EOF {
			return nil
		}
		if err == nil {
			err = b.compare(buf, off, fn)
		}
		if err != nil {
			return err
		}
	}
}

// nextData is the start of the first block from off on that is no hole; io.EOF when there is none. A mapping makes no holes.
func (b *Backing) nextData(off int64) (int64, error) {
	at, err := unix.Seek(int(b.file.Fd()), off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return 0, io.EOF
	}
	return max(off, at/b.blockSize()*b.blockSize()), err
}

// compare gives the block at off to fn if it changed, and notes what it is now.
func (b *Backing) compare(buf []byte, off int64, fn func(off int64, p []byte) error) error {
	t, no := b.taken, int(off/b.blockSize())
	n, err := b.file.ReadAt(buf, off)
	if n == 0 || err != nil && err != io.EOF {
		return err
	}
	sum := int64(checksum(buf[:n]))
	if no < len(t.sums) && t.sums[no] == sum {
		return nil
	}
	if err := fn(off, buf[:n]); err != nil {
		return err
	}
	for len(t.sums) <= no {
		t.sums = append(slices.Grow(t.sums, no+1-len(t.sums)), unknown)
	}
	t.sums[no] = sum
	return nil
}

// Writers tells whether somebody has a taken file open for writing, or mapped by a descriptor that was: a lease for reading is refused then
// (fcntl(2), F_SETLEASE). Where leases cannot be had it is false, and nobody can know of mappings.
func (b *Backing) Writers() bool {
	t := b.taken
	if t == nil {
		return false
	}
	if t.rw != nil {
		t.rw.Close()
		t.rw = nil
	}
	_, err := unix.FcntlInt(b.file.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, _ = unix.FcntlInt(b.file.Fd(), unix.F_SETLEASE, unix.F_UNLCK) // the lease goes with the file at the latest
	}
	return errors.Is(err, unix.EAGAIN)
}
