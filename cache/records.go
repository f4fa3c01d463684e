package cache

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// pieceSize is the encoded length of a piece.
const pieceSize = 25

func appendPieceTo(b []byte, p Piece) []byte {
	flags := byte(p.Kind)
	if p.Same {
		flags |= 0x80
	}
	b = append(b, flags)
	for _, n := range []int64{p.Off, p.Len, p.BaseOff} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func (d *decoder) piece() Piece {
	flags := d.byte()
	p := Piece{Kind: PieceKind(flags &^ 0x80), Same: flags&0x80 != 0, Off: d.int64(), Len: d.int64(), BaseOff: d.int64()}
	if p.Kind > FromOrigin || p.Off < 0 || p.Len < 0 || p.BaseOff < 0 || p.Off+p.Len < 0 {
		d.bad = true
	}
	return p
}

func appendTarget(b []byte, t Target) []byte {
	return appendString(appendString(appendString(b, t.Store), t.Bucket), t.Key)
}

func (d *decoder) target() Target {
	return Target{Store: d.string(), Bucket: d.string(), Key: d.string()}
}

func appendAttrs(b []byte, a Attrs) []byte { return appendMap(appendString(b, a.ContentType), a.Meta) }

func (d *decoder) attrs() Attrs { return Attrs{ContentType: d.string(), Meta: d.stringMap()} }

func appendBase(b []byte, v Base) []byte {
	b = appendString(b, v.ETag)
	b = binary.LittleEndian.AppendUint64(b, uint64(v.Size))
	if v.Modified.IsZero() {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = binary.LittleEndian.AppendUint64(b, uint64(v.Modified.Unix()))
		b = binary.LittleEndian.AppendUint32(b, uint32(v.Modified.Nanosecond()))
	}
	return appendBool(b, v.Large)
}

func (d *decoder) base() Base {
	v := Base{ETag: d.string(), Size: d.int64()}
	if d.bool() {
		sec, ns := d.int64(), d.uint32()
		v.Modified = time.Unix(sec, int64(ns)).UTC()
	}
	v.Large = d.bool()
	return v
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func (d *decoder) bool() bool { return d.byte() != 0 }

// describe is everything of a draft but its table.
type describe struct {
	target Target
	base   Base
	attrs  Attrs
	state  State
	reason string
	clean  bool // the base holds what the draft holds
	gone   bool
	upload Upload // of the draft that is under way
	origin Origin // of FromOrigin pieces
	inline inline // local bytes of a draft without a data file
	id     string // of the draft, "" = that of its files

	perhaps []Perhaps // the oldest first

	direct bool     // the data file is the draft
	lent   bool     // it was once
	was    fileSize // of such a file when the draft was last closed
}

// create encodes the first record: the description, and the size that comes from the base.
func (s *describe) create(size int64) record {
	b := appendBase(appendTarget(nil, s.target), s.base)
	b = binary.LittleEndian.AppendUint64(b, uint64(size))
	b = appendAttrs(b, s.attrs)
	b = appendString(append(b, byte(s.state)), s.reason)
	b = appendString(appendBool(b, s.clean), s.id)
	return record{recCreate, appendBool(b, s.inline.on)}
}

func stateRecord(s State, reason string) record {
	return record{recState, appendString([]byte{byte(s)}, reason)}
}

func rebaseRecord(b Base, clean bool) record {
	return record{recRebase, appendBool(appendBase(nil, b), clean)}
}

func targetRecord(t Target) record { return record{recTarget, appendTarget(nil, t)} }

func retargetRecord(t Target, b Base) record {
	return record{recTarget, appendBase(appendTarget(nil, t), b)}
}

func sizeRecord(size int64) record {
	return record{recSize, binary.LittleEndian.AppendUint64(nil, uint64(size))}
}

// tableRecords is all pieces at once, in records of a size that a record may have.
func tableRecords(t *table) (rs []record) {
	rs = append(rs, record{kind: recTable})
	for part := range slices.Chunk(t.pieces, 1<<16) {
		b := make([]byte, 0, len(part)*pieceSize)
		for _, p := range part {
			b = appendPieceTo(b, p)
		}
		rs = append(rs, record{recPieces, b})
	}
	return rs
}

// replay applies a record, as the change that wrote it did.
func (s *describe) replay(t *table, r record, first bool) error {
	d := decoder{b: r.payload}
	if first != (r.kind == recCreate) {
		return fmt.Errorf("%w: record %d out of place", errDamaged, r.kind)
	}
	switch r.kind {
	case recCreate:
		s.target, s.base = d.target(), d.base()
		size := d.int64()
		s.attrs = d.attrs()
		s.state, s.reason, s.clean = State(d.byte()), d.string(), d.bool()
		t.put(Piece{Len: size, Kind: FromBase})
		if len(d.b) > 0 { // else by an earlier release
			s.id, s.inline.on = d.string(), d.bool()
		}
	case recPiece:
		t.put(d.piece())
		s.clean = false
	case recSize:
		t.truncate(max(d.int64(), 0))
		s.inline.cut(t.size)
		s.clean = false
	case recTarget:
		s.target = d.target()
		if len(d.b) > 0 { // and what it replaces there
			s.base, s.clean = d.base(), false
			t.rebase(false)
		}
	case recAttrs:
		s.attrs, s.clean = d.attrs(), false
	case recState:
		s.state, s.reason = State(d.byte()), d.string()
	case recRebase:
		s.base, s.clean = d.base(), d.bool()
		t.rebase(s.clean)
	case recUpload:
		s.upload = d.upload()
	case recOrigin:
		s.origin = d.origin()
	case recBytes:
		s.replayBytes(t, &d)
	case recPerhaps:
		s.perhaps = d.perhaps()
	case recDirect:
		s.direct, s.lent = d.bool(), true
		s.was = fileSize{d.int64(), d.int64()}
	case recSpill:
		s.inline = inline{}
	case recGone:
		s.gone = true
	case recTable:
		t.truncate(0)
	case recPieces:
		for len(d.b) > 0 && !d.bad {
			t.put(d.piece())
		}
	default:
		return fmt.Errorf("%w: record of kind %d", errDamaged, r.kind)
	}
	if d.bad {
		return fmt.Errorf("%w: short record of kind %d", errDamaged, r.kind)
	}
	return nil
}
