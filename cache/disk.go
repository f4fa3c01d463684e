package cache

import (
	"errors"
	"io"
	"os"
)

// readDisk reads from the data file as far as blocks are present, and returns how much: 0 when the first block is not. It allocates
// nothing and takes no lock unless a block is to be checked.
func (v *version) readDisk(p []byte, off int64) int {
	v.attach()
	evictions := v.evictions.Load() // before disk: see place
	d := v.disk.Load()
	if d == nil {
		return 0
	}
	size := v.c.o.BlockSize
	first, b := off/size, off/size
	for ; b*size < off+int64(len(p)) && v.present.get(b); b++ {
		if !v.checked.get(b) && !v.check(d, b) {
			break
		}
	}
	if b == first {
		return 0
	}
	n := int(min(int64(len(p)), b*size-off))
	m, err := d.data.ReadAt(p[:n], d.base+off)
	if v.evictions.Load() != evictions {
		return 0 // the bytes may have been taken out meanwhile
	}
	if err != nil || m < n {
		v.readFailed(first, b, err)
		return 0
	}
	v.countRead(first, b, n)
	return n
}

// countRead keeps the statistics and the order of use of the blocks [first, last), of which n bytes were read.
func (v *version) countRead(first, last int64, n int) {
	now := v.c.clock.Add(1)
	old := last - first
	for b := first; b < last; b++ {
		if v.unread.get(b) && v.unread.clear(b) {
			old--
		}
		v.ticks[b/wordBlocks].Store(now)
	}
	if old > 0 {
		v.c.counts.hits.Add(old)
		v.c.counts.hitBytes.Add(min(int64(n), old*v.c.o.BlockSize))
	}
}

// readFailed gives up the blocks [first, last) of a data file that does not give its bytes, and has the others checked again.
func (v *version) readFailed(first, last int64, err error) {
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	v.c.diskFailed("read", err)
	v.distrust()
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	for b := first; b < last; b++ {
		v.drop(b)
	}
}

// beforeWrite distrusts what is in a data file that somebody else has cut: the next block that is written behind its end would leave a hole,
// which reads as zeros. It returns the size of the file. The caller holds version.writing.
func (v *version) beforeWrite(d *diskFile) (size int64, err error) {
	info, err := d.data.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() < min(v.present.end()*v.c.o.BlockSize, v.size) {
		v.distrust()
	}
	return info.Size(), nil
}

// errCut tells that somebody else cuts a data file that is being written.
var errCut = errors.New("the file was cut by somebody else")

// afterWrite is errCut when the data file, which had size bytes and was written up to end, is shorter than that: it was cut meanwhile, and what was
// written may be gone as well.
func (v *version) afterWrite(d *diskFile, size, end int64) error {
	info, err := d.data.Stat()
	if err == nil && info.Size() < max(size, end) {
		v.distrust()
		err = &os.PathError{Op: "write", Path: d.data.Name(), Err: errCut}
	}
	return err
}

// distrust has every block compared with its checksum before it is read again, by those too who are reading now.
func (v *version) distrust() {
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	v.checked.reset()
	v.evictions.Add(1) // after the bits: see readDisk
}

// drop marks a block absent. The caller holds Cache.mu.
func (v *version) drop(b int64) {
	v.checked.clear(b)
	v.unread.clear(b)
	if v.present.clear(b) {
		v.held.Add(-v.blockLen(b))
	}
}

// check compares a block that an earlier daemon left with its checksum; a block that is wrong is dropped.
func (v *version) check(d *diskFile, b int64) bool {
	v.checking.Lock()
	defer v.checking.Unlock()
	if v.checked.get(b) {
		return true
	}
	if !v.present.get(b) {
		return false
	}
	evictions := v.evictions.Load()
	ok := v.compare(d, b)
	v.c.mu.Lock()
	same := v.evictions.Load() == evictions && v.present.get(b) && v.disk.Load() == d
	if same && ok {
		v.checked.set(b)
	} else if same {
		v.drop(b)
	}
	if same && d.slot != nil {
		d.slot.checked, d.slot.wrong = ok, !ok
	}
	v.c.mu.Unlock()
	if same && !ok {
		v.c.log.Warn("cached block dropped: wrong checksum", "file", d.data.Name(), "block", b)
		v.eraseRecords(d, b, b+1)
	}
	return same && ok
}

// compare reads a block and its record.
func (v *version) compare(d *diskFile, b int64) bool {
	sum, ok := d.sum(b)
	if !ok {
		return false
	}
	buf := v.c.getBuffer(int(v.blockLen(b)))
	defer v.c.putBuffer(buf)
	_, err := d.data.ReadAt(*buf, d.base+b*v.c.o.BlockSize)
	return err == nil && checksum(*buf) == sum
}

// sum is the checksum that block b was stored with.
func (d *diskFile) sum(b int64) (sum uint32, ok bool) {
	if d.slot != nil {
		return d.slot.sum, true
	}
	var rec [recordSize]byte
	if _, err := d.index.ReadAt(rec[:], recordOff(b)); err != nil {
		return 0, false
	}
	return decodeRecord(rec[:], d.salt, b)
}

// eraseRecords takes the blocks [first, last) out of the index.
func (v *version) eraseRecords(d *diskFile, first, last int64) {
	if d.slot != nil {
		return
	}
	if _, err := d.index.WriteAt(make([]byte, (last-first)*recordSize), recordOff(first)); err != nil {
		v.c.diskFailed("index", err) // a record that stays is told from a right one by its checksum
	}
}
