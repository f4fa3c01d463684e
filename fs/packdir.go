package fs

import (
	"encoding/binary"
	"encoding/hex"
	"time"
)

// packedDir is a complete listing of a directory while it waits for the walk to come: some forty bytes an entry, where a listing takes 250.
type packedDir struct {
	marks   marks
	started time.Time
	seq     uint64
	n       int    // entries
	data    []byte // each: flags, bytes of the name that are the last one's, the others; ETag, size and date
}

// packedCost is what a packedDir takes beside its data, about: itself, its prefix, its places in a map and in an order.
const packedCost = 256

// cost is what p takes in memory, in bytes.
func (p *packedDir) cost() int { return packedCost + len(p.data) }

// flags of a packed entry.
const (
	packDir = 1 << iota
	packLarge
	packMarker
	packUnsized
	packMD5 // the ETag begins with 16 bytes in hexadecimal, as they are
)

// pack packs what d holds.
func (d *flatDir) pack() *packedDir {
	p := &packedDir{marks: d.merger.marks, started: d.started, seq: d.seq, n: len(d.merger.out)}
	b := make([]byte, 0, 64*p.n)
	last := ""
	for _, e := range d.merger.out {
		b = e.pack(b, last)
		last = e.name
	}
	p.data = append([]byte(nil), b...) // no larger than it has to be
	return p
}

// pack appends e, which follows an entry of the name last.
func (e entry) pack(b []byte, last string) []byte {
	var sum [16]byte
	etag, flags := e.etag, e.packFlags()
	if len(etag) >= 2*len(sum) && isLowerHex(etag[:2*len(sum)]) {
		_, _ = hex.Decode(sum[:], []byte(etag[:2*len(sum)]))
		etag, flags = etag[2*len(sum):], flags|packMD5
	}
	same := 0
	for same < min(len(last), len(e.name)) && last[same] == e.name[same] {
		same++
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(same))
	b = appendText(b, e.name[same:])
	if flags&packMD5 != 0 {
		b = append(b, sum[:]...)
	}
	b = appendText(b, etag)
	b = binary.AppendVarint(b, e.size)
	return binary.AppendVarint(b, e.modified)
}

// packFlags are the flags of e, in the order in which they are declared; refused is of buckets alone, which no sweep lists.
func (e entry) packFlags() (flags byte) {
	for i, set := range [...]bool{e.dir, e.large, e.marker, e.unsized} {
		if set {
			flags |= 1 << i
		}
	}
	return flags
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// isLowerHex tells whether s are hexadecimal digits as hex.EncodeToString writes them.
func isLowerHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// listing is the listing of the directory in place at, which p was packed of.
func (p *packedDir) listing(at place) *listing {
	l := &listing{place: at, started: p.started, seq: p.seq, entries: make([]entry, 0, p.n), more: make(chan struct{})}
	last := ""
	for r := (unpacker{p.data}); len(r.data) > 0; {
		e := r.entry(last)
		l.entries = append(l.entries, e)
		last = e.name
	}
	l.finish(p.marks, false, nil)
	return l
}

// unpacker reads what pack wrote, in memory that nobody else writes to.
type unpacker struct{ data []byte }

func (r *unpacker) entry(last string) entry {
	flags := r.bytes(1)[0]
	same := r.number()
	e := entry{dir: flags&packDir != 0, large: flags&packLarge != 0, marker: flags&packMarker != 0, unsized: flags&packUnsized != 0}
	e.name = last[:same] + r.text()
	if flags&packMD5 != 0 {
		e.etag = hex.EncodeToString(r.bytes(16))
	}
	e.etag += r.text()
	e.size, e.modified = r.signed(), r.signed()
	return e
}

func (r *unpacker) bytes(n int) []byte {
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *unpacker) number() uint64 {
	v, n := binary.Uvarint(r.data)
	r.bytes(n)
	return v
}

func (r *unpacker) signed() int64 {
	v, n := binary.Varint(r.data)
	r.bytes(n)
	return v
}

func (r *unpacker) text() string {
	return string(r.bytes(int(r.number())))
}
