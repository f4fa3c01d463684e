package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Origin is the version of another object of which a draft holds ranges: see [Draft.CopyFrom].
type Origin struct {
	Bucket, Key string
	Base
}

// ErrOrigin tells that a draft holds ranges of another origin already: it has one at most.
var ErrOrigin = errors.New("draft copies from another object already")

// settleStep is how many bytes Settle reads before it writes them.
const settleStep = 1 << 20

func (o Origin) record() record {
	return record{recOrigin, appendBase(appendString(appendString(nil, o.Bucket), o.Key), o.Base)}
}

func (d *decoder) origin() Origin {
	return Origin{Bucket: d.string(), Key: d.string(), Base: d.base()}
}

// CopyFrom makes [off, off+n) of the draft the bytes of o from from on, growing it as needed; nothing is read. file, which reads o, belongs to the draft
// from then on, whatever comes back. ErrOrigin, and no change, while the draft holds ranges of another origin.
func (d *Draft) CopyFrom(o Origin, file *File, from, off, n int64) error {
	if err := errors.Join(checkRange(off, n), checkRange(from, n)); err != nil || n == 0 || from+n > o.Size {
		return errors.Join(err, file.Close(), unlessEmpty(n, err))
	}
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if ok, err := d.undirect(); !ok || err != nil {
		return errors.Join(cmp.Or(err, fmt.Errorf("cache: draft %s: %w", d.id, ErrOrigin)), file.Close())
	}
	if err := d.setOrigin(o, file); err != nil {
		return err
	}
	if err := d.spill(); err != nil {
		return err
	}
	size := d.t.size
	if off+n > size {
		if err := d.cut(off + n); err != nil {
			return fmt.Errorf("cache: draft %s: %w", d.id, err)
		}
	}
	before := d.t.local
	if err := d.put(Piece{Off: off, Len: n, Kind: FromOrigin, BaseOff: from}); err != nil {
		return err
	}
	d.gen++
	d.c.shrinkDrafts(before - d.t.local)
	if before != d.t.local {
		if err := d.punchFile(off, n); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			d.c.log.Warn("space of a draft not freed", "draft", d.id, "err", err)
		}
	}
	return nil
}

// unlessEmpty is EINVAL for a range that no origin has; copying nothing is no error.
func unlessEmpty(n int64, err error) error {
	if n == 0 || err != nil {
		return nil
	}
	return syscall.EINVAL
}

// setOrigin takes file over. The caller holds mu.
func (d *Draft) setOrigin(o Origin, file *File) error {
	err := d.alive()
	if err == nil && d.t.has(FromOrigin) && d.d.origin != o {
		err = fmt.Errorf("cache: draft %s: %w", d.id, ErrOrigin)
	}
	if err == nil && d.d.origin != o {
		err = d.log(o.record())
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if d.from != nil && d.d.origin == o {
		return file.Close()
	}
	old := d.from
	d.d.origin, d.from = o, file
	if old != nil {
		return old.Close()
	}
	return nil
}

// Origin is the other object that the draft holds ranges of; false when it holds none, or is gone.
func (d *Draft) Origin() (Origin, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.d.origin, !d.d.gone && d.t.has(FromOrigin)
}

// OpenOrigin gives a draft that an earlier daemon left the file that reads its origin, which then belongs to the draft.
func (d *Draft) OpenOrigin(file *File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.setOrigin(d.d.origin, file)
}

// readOrigin reads the origin; EIO when nobody opened it.
func (d *Draft) readOrigin(ctx context.Context, p []byte, off int64) (int, error) {
	d.mu.Lock()
	file := d.from
	d.mu.Unlock()
	if file == nil {
		return 0, syscall.EIO
	}
	return file.ReadAt(ctx, p, off)
}

// Settle makes the ranges of the origin local bytes, for when the origin is about to go. What is written meanwhile stays as it was written; a draft that
// was sent or discarded meanwhile needs nothing.
func (d *Draft) Settle(ctx context.Context) error {
	o, ok := d.Origin()
	if !ok {
		return nil
	}
	buf := make([]byte, settleStep)
	for _, p := range d.Pieces() {
		if p.Kind != FromOrigin {
			continue
		}
		for off := p.Off; off < p.end(); off += settleStep {
			part := p.cut(off, min(off+settleStep, p.end()))
			b := buf[:part.Len]
			if n, err := d.readOrigin(ctx, b, part.BaseOff); n < len(b) {
				if now, ok := d.Origin(); !ok || now != o {
					return nil
				}
				if err == nil || err == io.EOF {
					err = io.ErrUnexpectedEOF
				}
				return fmt.Errorf("cache: draft %s: %w", d.id, err)
			}
			if err := d.settle(o, part, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle writes b, the bytes of p, which were read from o, where the draft still holds what p says.
func (d *Draft) settle(o Origin, p Piece, b []byte) error {
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.alive() != nil || d.d.origin != o {
		return nil // sent, discarded or written over meanwhile
	}
	for _, q := range d.t.at(nil, p.Off, p.Len) {
		if q.Kind != FromOrigin || q.BaseOff-q.Off != p.BaseOff-p.Off {
			continue
		}
		if err := d.c.growDrafts(q.Len); err != nil {
			return err
		}
		_, err := d.data.WriteAt(b[q.Off-p.Off:][:q.Len], q.Off)
		if err == nil {
			err = d.put(Piece{Off: q.Off, Len: q.Len, Kind: Local})
		}
		if err != nil {
			d.c.shrinkDrafts(q.Len)
			return fmt.Errorf("cache: draft %s: %w", d.id, err)
		}
	}
	return nil
}

// closeOrigin ends the reading of the origin. The caller holds mu.
func (d *Draft) closeOrigin() error {
	if d.from == nil {
		return nil
	}
	file := d.from
	d.from = nil
	if err := file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// has tells whether any piece is of the kind.
func (t *table) has(kind PieceKind) bool {
	for _, p := range t.pieces {
		if p.Kind == kind {
			return true
		}
	}
	return false
}
