package cache

import (
	"slices"
	"time"
)

const (
	maxStarts  = 16   // jumps that a version remembers
	maxStrides = 8    // strided sequences of a version
	maxPieces  = 64   // of a strided sequence that are asked for ahead
	startSlack = 4096 // bytes by which a start may be off: the kernel reads whole pages
)

// stride is a sequence of pieces at equal distances, as tools read tiles and columns: four jumps that lie in a row make one. The pieces that
// come next are fetched, and nothing between them. Guarded by Cache.mu.
type stride struct {
	cursor cursor // on whose account its downloads run; of its window only waited counts
	first  int64  // start of the first piece
	last   int64  // start of the last piece that was read
	count  int64  // steps from first to last
	n      int64  // bytes of a piece
	asked  int64  // pieces after the last that were asked for
	depth  int64  // pieces to be asked for
	missed int    // jumps to elsewhere since the last piece
}

// at is the start of the piece k steps after the last one. Backwards the steps are negative.
func (s *stride) at(k int64) int64 { return s.last + k*(s.last-s.first)/s.count }

func (s *stride) step() int64 { return s.at(1) - s.last }

// jumped follows the strided sequences when a read of n bytes begins a new cursor, and asks for the pieces that come next. The caller holds
// Cache.mu.
func (f *File) jumped(cur *cursor, n int64) {
	v := f.v
	s := v.strideAt(cur.from)
	if s == nil {
		s = v.newStride(cur.from)
	}
	if len(v.starts) == maxStarts {
		v.starts = v.starts[:copy(v.starts, v.starts[1:])]
	}
	v.starts = append(v.starts, cur.from)
	v.dropStrides(s)
	if s == nil {
		return
	}
	s.cursor.used = cur.used
	s.n = max(s.n, n)
	if s.n > abs(s.step()) {
		v.dropStride(s)
		return
	}
	cur.stop = cur.from + s.n
	f.c.sched.streams[&s.cursor] = struct{}{}
	f.pieces(s, cur.used)
}

// strideAt returns the strided sequence whose next piece begins at off, and moves it there. One piece may be left out; the sequence is trusted
// less then.
func (v *version) strideAt(off int64) *stride {
	for _, s := range v.strides {
		for k := int64(1); k <= 2; k++ {
			if abs(off-s.at(k)) > min(startSlack, abs(s.step())/4) {
				continue
			}
			s.n = max(s.n, v.runFrom(s.last))
			s.last, s.count = off, s.count+k
			s.asked, s.missed = max(s.asked-k, 0), 0
			switch {
			case k > 1:
				s.depth = max(s.depth/2, 1)
			case s.cursor.waited:
				s.depth = min(2*s.depth, maxPieces)
			}
			s.cursor.waited = false
			return s
		}
	}
	return nil
}

// newStride returns a strided sequence when off is the fourth of starts in a row, else nil.
func (v *version) newStride(off int64) *stride {
	for _, last := range slices.Backward(v.starts) {
		step := off - last
		slack := min(startSlack, abs(step)/4)
		if step == 0 || !v.startNear(last-step, slack) || !v.startNear(last-2*step, slack) {
			continue
		}
		if len(v.strides) == maxStrides {
			v.dropStride(v.strides[0])
		}
		s := &stride{cursor: newCursor(off, time.Time{}), first: last - 2*step, last: off, count: 3, n: v.runFrom(last), depth: 2}
		v.strides = append(v.strides, s)
		return s
	}
	return nil
}

func (v *version) startNear(off, slack int64) bool {
	return slices.ContainsFunc(v.starts, func(s int64) bool { return abs(s-off) <= slack })
}

// runFrom is how much was read in sequence from a start, in bytes; 0 when that is not known.
func (v *version) runFrom(start int64) int64 {
	for _, cur := range v.cursors {
		if cur.from == start {
			return cur.run
		}
	}
	return 0
}

// pieces asks for the pieces that come next, in batches so that adjacent ones make one request. The caller holds Cache.mu.
func (f *File) pieces(s *stride, now time.Time) {
	c, size := f.c, f.c.o.BlockSize
	depth := min(s.depth, max(1, c.widest(now)/max(s.n, size)))
	if s.asked > depth/2 {
		return
	}
	var room [maxPieces][2]int64
	runs := room[:0] // of blocks
	for k := s.asked + 1; k <= depth; k++ {
		from, to := max(s.at(k), 0), min(s.at(k)+s.n, f.v.size)
		if from >= to {
			break
		}
		runs = append(runs, [2]int64{from / size, (to + size - 1) / size})
	}
	s.asked = max(depth, s.asked)
	slices.SortFunc(runs, func(a, b [2]int64) int { return int(a[0] - b[0]) })
	for i := 0; i < len(runs); {
		first, last := runs[i][0], runs[i][1]
		for i++; i < len(runs) && runs[i][0] <= last; i++ {
			last = max(last, runs[i][1])
		}
		f.download(first, last, true, &s.cursor)
	}
	c.dispatch()
}

// dropStrides counts a jump that was not one of the sequences but s (nil = none), and gives up those that were left for good.
func (v *version) dropStrides(s *stride) {
	for _, other := range slices.Backward(v.strides) {
		if other == s {
			continue
		}
		if other.missed++; other.missed > 2*len(v.strides) {
			v.dropStride(other)
		}
	}
}

func (v *version) dropStride(s *stride) {
	v.strides = slices.DeleteFunc(v.strides, func(o *stride) bool { return o == s })
	delete(v.c.sched.streams, &s.cursor)
	v.c.cancelAhead(v, &s.cursor)
}

// wastedPiece trusts the strided sequences less that the byte at off was read ahead for: memory ran out before anybody read it.
func (v *version) wastedPiece(off int64) {
	for _, s := range v.strides {
		if k := (off - s.last) / s.step(); k >= 0 && k <= s.asked {
			s.depth = max(s.depth/2, 1)
		}
	}
}
