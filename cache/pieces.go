package cache

import (
	"slices"
	"sort"
	"sync/atomic"
)

// PieceKind tells where the bytes of a piece are.
type PieceKind uint8

const (
	Local      PieceKind = iota // in the draft's own file, at the piece's offset
	FromBase                    // in the version that the draft is based on, at BaseOff
	Zero                        // nowhere: they are zero
	FromOrigin                  // in the draft's Origin, at BaseOff
)

// Piece is a range of a draft.
type Piece struct {
	Off, Len int64 // in the draft, bytes
	Kind     PieceKind
	BaseOff  int64 // of FromBase and FromOrigin pieces and of those that are Same
	Same     bool  // of Local pieces: the base holds the same bytes at BaseOff, since an upload
}

func (p Piece) end() int64 { return p.Off + p.Len }

// elsewhere tells whether BaseOff counts.
func (p Piece) elsewhere() bool { return p.Kind == FromBase || p.Kind == FromOrigin || p.Same }

// joins tells whether q, which follows p at once, is more of the same.
func (p Piece) joins(q Piece) bool {
	if p.Kind != q.Kind || p.Same != q.Same {
		return false
	}
	return !p.elsewhere() || p.BaseOff+p.Len == q.BaseOff
}

// cut is the part of p within [from, to).
func (p Piece) cut(from, to int64) Piece {
	from, to = max(from, p.Off), min(to, p.end())
	if p.elsewhere() {
		p.BaseOff += from - p.Off
	}
	p.Off, p.Len = from, to-from
	return p
}

// table is the pieces of a draft: sorted, without gaps from 0 to size, neighbours that join joined.
type table struct {
	pieces []Piece
	size   int64 // set atomically, and read so where the lock is not held: see Draft.Size
	local  int64 // bytes of Local pieces
}

// find is the index of the piece that holds off, or of the end.
func (t *table) find(off int64) int {
	return sort.Search(len(t.pieces), func(i int) bool { return t.pieces[i].end() > off })
}

// put replaces the range of p by p, growing the draft as far as needed, with zeros between.
func (t *table) put(p Piece) {
	if p.Len <= 0 {
		return
	}
	if p.Off > t.size {
		t.put(Piece{Off: t.size, Len: p.Off - t.size, Kind: Zero})
	}
	i := t.find(p.Off)
	j := i
	for j < len(t.pieces) && t.pieces[j].Off < p.end() {
		j++
	}
	parts := make([]Piece, 0, 5)
	if i > 0 {
		i--
		parts = append(parts, t.pieces[i])
	}
	from := len(parts)
	for _, q := range t.pieces[i+from : j] {
		t.local -= q.cut(p.Off, p.end()).localLen()
	}
	t.local += p.localLen()
	if i+from < j {
		parts = appendPiece(parts, t.pieces[i+from].cut(0, p.Off))
		parts = appendPiece(parts, p)
		parts = appendPiece(parts, t.pieces[j-1].cut(p.end(), 1<<62))
	} else {
		parts = appendPiece(parts, p)
	}
	if j < len(t.pieces) {
		parts = appendPiece(parts, t.pieces[j])
		j++
	}
	t.pieces = slices.Replace(t.pieces, i, j, parts...)
	atomic.StoreInt64(&t.size, max(t.size, p.end()))
}

// appendPiece adds q to parts, joined to the last one where that goes; an empty piece is left out.
func appendPiece(parts []Piece, q Piece) []Piece {
	if q.Len <= 0 {
		return parts
	}
	if n := len(parts); n > 0 && parts[n-1].joins(q) {
		parts[n-1].Len += q.Len
		return parts
	}
	return append(parts, q)
}

func (p Piece) localLen() int64 {
	if p.Kind == Local {
		return max(p.Len, 0)
	}
	return 0
}

// truncate sets the size: what is beyond goes, what is new is zero.
func (t *table) truncate(size int64) {
	if size >= t.size {
		t.put(Piece{Off: t.size, Len: size - t.size, Kind: Zero})
		return
	}
	i := t.find(size)
	for _, q := range t.pieces[i:] {
		t.local -= q.cut(size, 1<<62).localLen()
	}
	if cut := t.pieces[i].cut(0, size); cut.Len > 0 {
		t.pieces[i] = cut
		i++
	}
	t.pieces = slices.Delete(t.pieces, i, len(t.pieces))
	atomic.StoreInt64(&t.size, size)
}

// at appends the pieces within [off, off+n) to buf, cut to it.
func (t *table) at(buf []Piece, off, n int64) []Piece {
	for i := t.find(off); i < len(t.pieces) && t.pieces[i].Off < off+n; i++ {
		buf = append(buf, t.pieces[i].cut(off, off+n))
	}
	return buf
}

// is tells whether the whole range is of one kind, and not Same: then changing bytes in it changes nothing in the table.
func (t *table) is(kind PieceKind, off, n int64) bool {
	i := t.find(off)
	return i < len(t.pieces) && t.pieces[i].Kind == kind && !t.pieces[i].Same && off+n <= t.pieces[i].end()
}

// localIn is the number of local bytes in a range.
func (t *table) localIn(off, n int64) (sum int64) {
	for i := t.find(off); i < len(t.pieces) && t.pieces[i].Off < off+n; i++ {
		sum += t.pieces[i].cut(off, off+n).localLen()
	}
	return sum
}

// rebase makes the base a version that holds what the draft held when it was uploaded: all of it when clean, else what the draft still
// takes from its base.
func (t *table) rebase(clean bool) {
	old := t.pieces
	t.pieces = make([]Piece, 0, len(old))
	for _, p := range old {
		p.Same = false
		if p.Kind != FromOrigin {
			p.BaseOff = 0
		}
		switch {
		case p.Kind == FromBase:
			p.BaseOff = p.Off
		case p.Kind == Local && clean:
			p.Same, p.BaseOff = true, p.Off
		}
		t.pieces = appendPiece(t.pieces, p)
	}
}
