package fs

import "allasfs/cache"

// S3's rules for multipart uploads, and what we make of them.
const (
	minPart     = 5 << 20  // bytes; all parts but the last
	maxPart     = 5 << 30  // bytes
	maxPartsAll = 10000    // parts an upload
	singlePut   = 32 << 20 // up to this size one PUT sends all
	sendPart    = 16 << 20 // bytes of the first parts that are sent: see partSize
	copyPart    = 512 << 20
)

// part is one part of an upload: bytes [off, off+n) of the new object, sent, or copied by the server from the base at the same length.
type part struct {
	off, n  int64
	copy    bool
	baseOff int64
}

// plan cuts pieces, which cover [0, size), into the parts of an upload. One part that is not a copy means a single PUT. Ranges of the base of
// minPart and more are copied where the server can (copyable).
func plan(pieces []cache.Piece, size int64, copyable bool) []part {
	if !copyable || size < minPart {
		pieces = nil
	}
	for least := int64(minPart); ; least *= 2 {
		parts := cut(runs(pieces, least), size)
		if len(parts) <= maxPartsAll {
			return parts
		}
	}
}

// runs are the ranges of the base that are long enough to be copied, pieces that adjoin in both joined.
func runs(pieces []cache.Piece, least int64) []part {
	var out []part
	for _, p := range pieces {
		if p.Kind != cache.FromBase {
			continue
		}
		if l := len(out) - 1; l >= 0 && out[l].off+out[l].n == p.Off && out[l].baseOff+out[l].n == p.BaseOff {
			out[l].n += p.Len
			continue
		}
		out = append(out, part{off: p.Off, n: p.Len, copy: true, baseOff: p.BaseOff})
	}
	kept := out[:0]
	for _, p := range out {
		if p.n >= least {
			kept = append(kept, p)
		}
	}
	return kept
}

// cut lays the copies out from left to right. What lies between is sent; where that is less than minPart, the next copy gives some of its bytes.
func cut(copies []part, size int64) []part {
	var parts []part
	start := int64(0) // of what is to be sent next
	for _, c := range copies {
		if gap := c.off - start; gap > 0 && gap < minPart {
			give := minPart - gap
			c.off, c.baseOff, c.n = c.off+give, c.baseOff+give, c.n-give
		}
		if c.n < minPart {
			continue
		}
		parts = sendParts(parts, part{off: start, n: c.off - start}, true)
		parts = append(parts, even(c, copyPart)...)
		start = c.off + c.n
	}
	if start == 0 && size <= singlePut {
		return []part{{n: size}}
	}
	return sendParts(parts, part{off: start, n: size - start}, false)
}

// partSize is the size of a sent part, the i-th from 0 of its upload. It doubles each 1000 parts, so that 5 TiB fits 10 000 whatever the size will be: the parts of
// a file that is still being written are those of its final plan.
func partSize(i int) int64 { return sendPart << min(i/1000, 8) }

// sendParts adds p, cut into parts that are sent. One that would be under minPart is joined to the one before, where that may not be (more follows).
func sendParts(parts []part, p part, more bool) []part {
	for end := p.off + p.n; p.off < end; p.off += p.n {
		p.n = min(partSize(len(parts)), end-p.off)
		if left := end - p.off - p.n; more && left < minPart {
			p.n += left
		}
		parts = append(parts, p)
	}
	return parts
}

// even cuts p into parts of nearly one size, at most about most bytes each, none under minPart if p is not.
func even(p part, most int64) []part {
	if p.n <= 0 {
		return nil
	}
	k := (p.n + most - 1) / most
	var out []part
	for i := range k {
		from, to := p.n*i/k, p.n*(i+1)/k
		out = append(out, part{off: p.off + from, n: to - from, copy: p.copy, baseOff: p.baseOff + from})
	}
	return out
}
