package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
)

const (
	inlineMost    = 64 << 10  // bytes of a draft that needs no data file
	inlineJournal = 256 << 10 // bytes of the journal of such a draft
	inlineShare   = 8         // such drafts may take this part of Options.Memory
)

// inline is the bytes of a small draft that has no data file: they are records of its journal, and here. Guarded by Draft.mu.
type inline struct {
	on  bool
	mem []byte // as long as the last local byte; what lies between Local pieces does not count
}

// write copies p to off.
func (in *inline) write(p []byte, off int64) {
	in.grow(off + int64(len(p)))
	copy(in.mem[off:], p)
}

// grow makes mem n bytes long at least, with zeros.
func (in *inline) grow(n int64) {
	if more := n - int64(len(in.mem)); more > 0 {
		in.mem = append(in.mem, make([]byte, more)...)
	}
}

// cut drops what lies past size.
func (in *inline) cut(size int64) { in.mem = in.mem[:min(int64(len(in.mem)), size)] }

// clear makes n bytes from off zero.
func (in *inline) clear(off, n int64) {
	size := int64(len(in.mem))
	clear(in.mem[min(off, size):min(off+n, size)])
}

// read fills p from off; what mem does not have is zero.
func (in *inline) read(p []byte, off int64) {
	clear(p[copy(p, in.mem[min(off, int64(len(in.mem))):]):])
}

func bytesRecord(p []byte, off int64) record {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+len(p)), uint64(off))
	return record{recBytes, append(b, p...)}
}

// replayBytes applies bytesRecord; nothing else of the journal says so much of the draft's bytes.
func (s *describe) replayBytes(t *table, d *decoder) {
	off := d.int64()
	if d.bad || off < 0 || off > inlineMost || int64(len(d.b)) > inlineMost-off {
		d.bad = true
		return
	}
	s.inline.write(d.b, off)
	t.put(Piece{Off: off, Len: int64(len(d.b)), Kind: Local})
	s.clean = false
}

// writeInline is WriteAt to a draft that keeps its bytes in the journal; done is false when it does not, or no longer does: then the data file
// is to be written.
func (d *Draft) writeInline(p []byte, off int64) (done bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive(); err != nil {
		return true, err
	}
	if err := d.outdate(); err != nil { // which may rewrite the journal, and so give the draft a data file
		return true, err
	}
	if !d.d.inline.on {
		return false, nil
	}
	n, before := int64(len(p)), d.t.local
	more := max(off+n-int64(len(d.d.inline.mem)), 0)
	if off > inlineMost || n > inlineMost-off || d.j.end+n > inlineJournal || !d.c.growInline(more) {
		return false, d.spill()
	}
	grown := n - d.t.localIn(off, n)
	if err = d.c.growDrafts(grown); err == nil {
		if err = d.log(bytesRecord(p, off)); err != nil {
			d.c.shrinkDrafts(grown)
		}
	}
	if err != nil {
		d.c.growInline(-more)
		return true, err
	}
	d.d.inline.write(p, off)
	d.t.put(Piece{Off: off, Len: n, Kind: Local})
	d.gen++
	d.d.clean = false
	d.c.shrinkDrafts(grown - (d.t.local - before))
	return true, nil
}

// growInline counts memory of drafts without a data file, and tells whether there may be so much more. Less there may always be.
func (c *Cache) growInline(n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 && c.inlineUse+n > c.o.Memory/inlineShare {
		return false
	}
	c.inlineUse += n
	return true
}

// spill gives the draft a data file of its own, with the bytes that its journal holds. It does nothing for a draft that has one. After an error the
// draft is as it was. The caller holds mu.
func (d *Draft) spill() error {
	if !d.d.inline.on {
		return nil
	}
	fo, name := d.c.folder, dataOf(d.stem)
	f, err := fo.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return fmt.Errorf("cache: draft %s: %w", d.id, err)
	}
	if _, err = f.WriteAt(d.d.inline.mem, 0); err == nil {
		err = f.Truncate(d.t.size)
	}
	if err == nil && d.durable { // what Sync has promised holds for the file too, before the journal says that it counts
		err = errors.Join(f.Sync(), d.c.syncDrafts())
	}
	if err == nil {
		err = d.j.reserve(recordHead)
	}
	if err == nil {
		err = d.j.append(record{kind: recSpill}) // from here on a later daemon takes the file's bytes
	}
	if err != nil {
		return fmt.Errorf("cache: draft %s: %w", d.id, errors.Join(err, f.Close(), fo.remove(name)))
	}
	d.data, d.dirSynced = f, false
	d.dropInline()
	return nil
}

// dropInline gives the memory back. The caller holds mu.
func (d *Draft) dropInline() {
	d.c.mu.Lock()
	d.c.inlineUse -= int64(len(d.d.inline.mem))
	d.c.mu.Unlock()
	d.d.inline = inline{}
}

// readLocal fills p with local bytes from off; zeros where a truncate has cut them off since the caller looked.
func (d *Draft) readLocal(p []byte, off int64) (int, error) {
	d.mu.Lock()
	if err := d.alive(); err != nil {
		d.mu.Unlock()
		return 0, err
	}
	if d.d.inline.on {
		d.d.inline.read(p, off)
		d.mu.Unlock()
		return len(p), nil
	}
	data := d.data
	d.mu.Unlock()
	return data.ReadAt(p, off)
}

// local is what LocalReaderAt returns.
type local struct{ d *Draft }

func (l local) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	return l.d.readLocal(p, off)
}
