package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// WriteAt writes p at off, growing the file as needed; a gap reads as zeros. Bytes that are reported written survive the end of the daemon.
// ENOSPC when the disk, or Options.DraftSpace, is full: the draft is then as it was, but for the bytes reported.
func (d *Draft) WriteAt(p []byte, off int64) (int, error) {
	if err := checkRange(off, int64(len(p))); err != nil || len(p) == 0 {
		return 0, err
	}
	d.io.RLock()
	defer d.io.RUnlock()
	if done, err := d.writeInline(p, off); err != nil {
		return 0, err
	} else if done {
		return len(p), nil
	}
	grown, err := d.prepare(off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	n, err := d.data.WriteAt(p, off)
	if err != nil {
		err = fmt.Errorf("cache: draft %s: %w", d.id, err)
	}
	if rerr := d.wrote(off, int64(n), grown); rerr != nil {
		return 0, rerr
	}
	return n, err
}

// prepare makes sure, before a byte is written, that the write can be recorded and is within the bound. It returns how many bytes it
// counted as new.
func (d *Draft) prepare(off, n int64) (grown int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive(); err != nil {
		return 0, err
	}
	if err := d.outdate(); err != nil {
		return 0, err
	}
	if d.t.is(Local, off, n) {
		return 0, nil
	}
	if err := d.j.reserve(pieceSize + 2*recordHead); err != nil {
		return 0, fmt.Errorf("cache: draft %s: %w", d.id, err)
	}
	grown = n - d.t.localIn(off, n)
	return grown, d.c.growDrafts(grown)
}

// wrote records a write of n bytes, and corrects what prepare counted.
func (d *Draft) wrote(off, n, grown int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n > 0 {
		d.gen++
	}
	before := d.t.local
	var err error
	if n > 0 && !d.t.is(Local, off, n) {
		err = d.put(Piece{Off: off, Len: n, Kind: Local})
	}
	d.c.shrinkDrafts(grown - (d.t.local - before))
	return err
}

// put records and makes a change of the table. The caller holds mu.
func (d *Draft) put(p Piece) error {
	if err := d.outdate(); err != nil {
		return err
	}
	if err := d.log(record{recPiece, appendPieceTo(nil, p)}); err != nil {
		return err
	}
	d.t.put(p)
	d.d.clean = false
	return nil
}

// ErrDraftSpace tells that Options.DraftSpace is full; errors.Is makes it syscall.ENOSPC too.
var ErrDraftSpace = fmt.Errorf("cache: no room for more unsent data: %w", syscall.ENOSPC)

// growDrafts counts bytes against Options.DraftSpace.
func (c *Cache) growDrafts(n int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 && c.o.DraftSpace > 0 && c.draftUse+n > c.o.DraftSpace {
		return fmt.Errorf("%w: they take %d of %d bytes", ErrDraftSpace, c.draftUse, c.o.DraftSpace)
	}
	c.draftUse += n
	return nil
}

func (c *Cache) shrinkDrafts(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draftUse -= n
}

// ReadAt reads as io.ReaderAt does: local bytes, zeros, and the base's bytes by base, which reads the draft's Base. No lock is held while
// base runs.
func (d *Draft) ReadAt(ctx context.Context, p []byte, off int64, base func(ctx context.Context, p []byte, off int64) (int, error)) (int, error) {
	if err := checkRange(off, int64(len(p))); err != nil {
		return 0, err
	}
	var few [8]Piece
	d.mu.Lock()
	err := d.alive()
	pieces := d.t.at(few[:0], off, int64(len(p)))
	d.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n := 0
	for _, q := range pieces {
		m, err := d.readPiece(ctx, p[n:n+int(q.Len)], q, base)
		n += m
		if err != nil {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// readPiece fills p with the bytes of a piece of its length.
func (d *Draft) readPiece(ctx context.Context, p []byte, q Piece, base func(ctx context.Context, p []byte, off int64) (int, error)) (int, error) {
	var n int
	var err error
	switch q.Kind {
	case Zero:
		clear(p)
		return len(p), nil
	case Local:
		if n, err = d.readLocal(p, q.Off); err == io.EOF { // cut off by a truncate since we looked
			clear(p[n:])
			return len(p), nil
		}
	case FromBase:
		n, err = base(ctx, p, q.BaseOff)
	case FromOrigin:
		n, err = d.readOrigin(ctx, p, q.BaseOff)
	}
	if n == len(p) {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, fmt.Errorf("cache: draft %s: read at %d: %w", d.id, q.Off+int64(n), err)
}

// Truncate sets the size. Bytes that come back after a cut are zero.
func (d *Draft) Truncate(size int64) error {
	if err := checkRange(size, 0); err != nil {
		return err
	}
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive(); err != nil || size == d.t.size {
		return err
	}
	if err := d.outdate(); err != nil {
		return err
	}
	if size > inlineMost {
		if err := d.spill(); err != nil {
			return err
		}
	}
	if size > d.t.size { // before the record: it may be more than a file may have
		if err := d.resize(size); err != nil {
			return err
		}
	}
	if err := d.log(sizeRecord(size)); err != nil {
		return err
	}
	before := d.t.local
	d.t.truncate(size)
	d.gen++
	d.d.clean = false
	d.c.shrinkDrafts(before - d.t.local)
	return d.resize(size)
}

// resize sets the size of the data file. The caller holds mu.
func (d *Draft) resize(size int64) error {
	if d.d.inline.on {
		d.c.growInline(min(size-int64(len(d.d.inline.mem)), 0))
		d.d.inline.cut(size)
		return nil
	}
	if err := d.data.Truncate(size); err != nil {
		return fmt.Errorf("cache: draft %s: %w", d.id, err)
	}
	return nil
}

// Allocate makes the file at least off+n bytes long, as fallocate(2) does; new bytes are zero.
func (d *Draft) Allocate(off, n int64) error {
	if err := checkRange(off, n); err != nil {
		return err
	}
	if off+n <= d.Size() {
		return nil
	}
	return d.Truncate(off + n)
}

// Punch makes n bytes from off zero, within the size, and frees their space.
func (d *Draft) Punch(off, n int64) error {
	if err := checkRange(off, n); err != nil {
		return err
	}
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	n = min(n, d.t.size-off)
	if err := d.alive(); err != nil || n <= 0 || d.t.is(Zero, off, n) {
		return err
	}
	before := d.t.local
	if err := d.put(Piece{Off: off, Len: n, Kind: Zero}); err != nil {
		return err
	}
	d.gen++
	d.c.shrinkDrafts(before - d.t.local)
	err := d.punchFile(off, n)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("cache: draft %s: %w", d.id, err)
	}
	return nil
}

// punchFile makes a hole in the data file. The caller holds mu.
func (d *Draft) punchFile(off, n int64) error {
	if d.d.inline.on {
		d.d.inline.clear(off, n)
		return nil
	}
	return os.NewSyscallError("fallocate", unix.Fallocate(int(d.data.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n))
}

// Rebase tells that the draft as it was at generation is now version b: the base is that version, of which the draft still takes what it
// took from its old base. When nothing changed since, the draft is Clean, and its local bytes, which stay readable, are marked Same.
func (d *Draft) Rebase(b Base, generation uint64) error {
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	clean := generation == d.gen
	if clean && b.Size != d.t.size {
		return fmt.Errorf("cache: draft %s of %d bytes: new base has %d: %w", d.id, d.t.size, b.Size, os.ErrInvalid)
	}
	for _, p := range d.t.pieces {
		if p.Kind == FromBase && p.end() > b.Size {
			return fmt.Errorf("cache: draft %s: new base ends at %d: %w", d.id, b.Size, os.ErrInvalid)
		}
	}
	if err := d.log(rebaseRecord(b, clean)); err != nil {
		return err
	}
	d.t.rebase(clean)
	d.d.base, d.d.clean = b, clean
	return nil
}

// Sync is fsync(2) of data and journal: after it the draft survives a power cut too.
func (d *Draft) Sync() error {
	for {
		d.mu.Lock()
		err, f, data, synced := d.alive(), d.j.f, d.data, d.dirSynced || d.named && d.data == nil
		d.mu.Unlock()
		if err != nil {
			return err
		}
		if err = errors.Join(syncData(data), syncData(f)); err == nil && !synced {
			err = d.c.syncDrafts()
		}
		d.mu.Lock()
		moved := d.j.f != f || d.data != data
		d.dirSynced = err == nil && !moved
		d.durable = d.durable || d.dirSynced
		d.named = d.named || d.dirSynced
		d.mu.Unlock()
		if moved {
			continue // the journal was rewritten meanwhile, and the old file closed, or the bytes got a file
		}
		if err != nil {
			return fmt.Errorf("cache: draft %s: %w", d.id, err)
		}
		return nil
	}
}

// syncData brings a file's bytes to the disk, and what it takes to find them: fdatasync(2), which spares a journal that is written anew in its place the file
// system's own journal. nil = the draft's journal has the bytes.
func syncData(f *os.File) error {
	if f == nil {
		return nil
	}
	return os.NewSyscallError("fdatasync", control(f, unix.Fdatasync))
}

// control makes a system call with a file's descriptor, again as long as a signal interrupts it; os.ErrClosed where the file is closed.
func control(f *os.File, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var errno error
	if raw.Control(func(fd uintptr) {
		for errno = unix.EINTR; errno == unix.EINTR; {
			errno = call(int(fd))
		}
	}) != nil {
		return os.ErrClosed // which is all that can go wrong, and which os does not call so here
	}
	return errno
}
