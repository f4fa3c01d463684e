package cache

import "time"

const (
	maxCursors = 16
	minWindow  = 256 << 10
	maxSkip    = 4 << 20 // bytes that a long sequence may leave out and still be one
	maxBack    = 1 << 20 // bytes that reads may come out of order: the kernel sends its own read-ahead in parallel
	streamRun  = 512 << 10
	streamIdle = time.Second
	wholeShare = 8 // part of a small file that its first read has to be of, for the rest to be fetched with it
)

// cursor is one sequence of reads in a version. All fields are guarded by Cache.mu.
type cursor struct {
	from  int64 // where the sequence began
	next  int64 // where it is expected to go on
	run   int64 // bytes read in it
	hits  int   // reads that carried it on
	ahead int64 // read-ahead was asked for up to here
	limit int64 // of the window: less after read-ahead that nobody read
	stop  int64 // the end of a piece of a strided sequence: no read-ahead past it until it is passed; 0 = none
	used  time.Time
	pace
}

func newCursor(off int64, now time.Time) cursor {
	return cursor{from: off, next: off, limit: 1 << 62, pace: newPace(off, now)}
}

// observe follows the sequences of reads and reads ahead of one that goes on with n bytes from off. The caller holds Cache.mu and dispatches.
func (f *File) observe(off, n int64) {
	if cur := f.follow(off, n); cur != nil {
		f.readAhead(cur, f.c.window(cur, f.v))
	}
}

// plan queues what is missing of a read of n bytes from off, and what is to be read ahead of it. A read that goes on with a sequence asks for
// more than its own bytes in its own request; one at the start of a small file that takes a good part of it asks for the whole, as does any where that is
// expected. A shorter one may be after the header only, and an answer of a MiB begins 2 ms later than one of 128 KiB (Ceph 16 on loopback). The
// caller holds Cache.mu and dispatches.
func (f *File) plan(off, n int64) {
	v, size := f.v, f.c.o.BlockSize
	first, last := off/size, (off+n-1)/size+1
	cur := f.follow(off, n)
	switch {
	case f.c.closed:
		return
	case off == 0 && (f.whole || v.size <= f.c.o.Whole && n >= v.size/wholeShare):
		f.download(0, v.blocks(), false, nil)
		return
	case cur == nil:
		f.download(first, last, false, nil)
		return
	}
	window := f.c.window(cur, v)
	if v.missing(last - 1) {
		far := first + f.chunk(cur, window, first*size)/size
		for ; last < min(far, f.aheadEnd(cur)/size) && v.missing(last); last++ {
			cur.ahead = (last + 1) * size
		}
	}
	f.download(first, last, false, cur)
	f.readAhead(cur, window)
}

// follow keeps account of a read, and returns the sequence that goes on with it, or nil if it is none, or not worth reading ahead of. The
// caller holds Cache.mu.
func (f *File) follow(off, n int64) *cursor {
	if f.c.closed {
		return nil
	}
	now, end := time.Now(), off+n
	cur := f.v.cursorAt(off, now)
	cur.used = now
	if cur.run == 0 {
		f.jumped(cur, n)
	}
	if end <= cur.next {
		return nil // read before, or by a read that came too early
	}
	if cur.run > 0 {
		cur.hits++
		cur.limit += minWindow
	}
	cur.run += end - max(off, cur.next)
	cur.next = end
	over := cur.next >= f.v.size
	if over {
		delete(f.c.sched.streams, cur) // what others may read ahead need not wait until it counts as idle
	}
	if cur.hits == 0 || over && off+n <= cur.ahead {
		return nil
	}
	if cur.run >= streamRun && !over {
		f.c.sched.streams[cur] = struct{}{}
	}
	cur.read(cur.next, cur.run, now, f.v.link(), f.c.widest(now))
	return cur
}

// cursorAt returns the cursor that a read at off goes on with, or a new one.
func (v *version) cursorAt(off int64, now time.Time) *cursor {
	var best *cursor
	for _, cur := range v.cursors {
		if cur.near(off) && (best == nil || abs(off-cur.next) < abs(off-best.next)) {
			best = cur
		}
	}
	if best != nil {
		return best
	}
	if len(v.cursors) < maxCursors {
		cur := newCursor(off, now)
		v.cursors = append(v.cursors, &cur)
		return &cur
	}
	cur := v.leastCursor()
	v.c.cancelAhead(v, cur)
	delete(v.c.sched.streams, cur)
	*cur = newCursor(off, now)
	return cur
}

// leastCursor is the one to give up: the oldest of those that never went on, as random reads leave them, so that these do not push out a
// sequence; the oldest of all when few are of that kind, so that a new sequence has the time to show itself.
func (v *version) leastCursor() *cursor {
	var single, any *cursor
	singles := 0
	for _, cur := range v.cursors {
		if any == nil || cur.used.Before(any.used) {
			any = cur
		}
		if cur.hits > 0 {
			continue
		}
		singles++
		if single == nil || cur.used.Before(single.used) {
			single = cur
		}
	}
	if singles >= maxCursors/4 {
		return single
	}
	return any
}

// endSequences forgets the sequences of a version that nobody has open any more, and ends what is read ahead for them. The caller holds Cache.mu.
func (c *Cache) endSequences(v *version) {
	c.cancelAhead(v, nil)
	for _, cur := range v.cursors {
		delete(c.sched.streams, cur)
	}
	for _, s := range v.strides {
		delete(c.sched.streams, &s.cursor)
	}
	v.cursors, v.strides, v.starts = nil, nil, nil
}

// near tells whether a read at off belongs to the sequence: small skips do, the larger the longer the sequence is.
func (cur *cursor) near(off int64) bool {
	d := off - cur.next
	if d <= 0 {
		return -d <= min(max(cur.run, 1), maxBack)
	}
	return cur.hits > 0 && d <= min(cur.run/2, maxSkip)
}

func abs(n int64) int64 { return max(n, -n) }

// widest is how far ahead of any sequence to read, in bytes: its share of the memory, and as much as the requests of read-ahead can bring.
func (c *Cache) widest(now time.Time) int64 {
	share := c.o.Memory / 8 * 7 / int64(max(1, c.streams(now)))
	return max(c.o.BlockSize, min(share, int64(c.slots())*c.request))
}

// window is how far ahead of cur to read, in bytes. A sequence from the start of the file is likely to go on to its end. The caller holds
// Cache.mu.
func (c *Cache) window(cur *cursor, v *version) int64 {
	n := cur.pace.window
	if cur.from == 0 && !cur.settled {
		n = max(n, short)
	}
	return min(n, cur.limit, c.widest(cur.used))
}

// aheadEnd is where read-ahead for cur ends, in bytes: at a block's end.
func (f *File) aheadEnd(cur *cursor) int64 {
	size := f.c.o.BlockSize
	if cur.stop < cur.next {
		return f.v.blocks() * size
	}
	return min(f.v.blocks(), (cur.stop+size-1)/size) * size
}

// chunk is the length of the request at off, in bytes: short enough that several run side by side in the window, long enough for the delay of
// the link to count little. The rest of the file is not cut without need.
func (f *File) chunk(cur *cursor, window, off int64) int64 {
	l, size := f.v.link(), f.c.o.BlockSize
	rest := f.aheadEnd(cur) - off
	n := min(max(window/int64(max(fewRequests, f.c.slots())), short), l.long(), max(window/2, size), f.c.request)
	if rest <= n+n/4 || rest <= min(short, window) {
		n = min(rest, f.c.request)
	}
	return (n + size - 1) / size * size
}

// streams is the number of sequences that were read a moment ago and are not at the end of their file.
func (c *Cache) streams(now time.Time) int {
	s := &c.sched
	if t := now.UnixNano(); t-s.counted > int64(streamIdle/10) {
		s.counted = t
		for cur := range s.streams {
			if now.Sub(cur.used) > streamIdle {
				delete(s.streams, cur)
			}
		}
	}
	return len(s.streams)
}

// readAhead asks for the window of a cursor, in several requests. The caller holds Cache.mu.
func (f *File) readAhead(cur *cursor, window int64) {
	size := f.c.o.BlockSize
	end := f.aheadEnd(cur)
	target := min(cur.next+window, end) / size * size
	at := (max(cur.ahead, cur.next) + size - 1) / size * size
	for at < target {
		to := at + f.chunk(cur, window, at)
		if to > target && target < end {
			break // a short piece would be a request of its own; it comes with a later read
		}
		f.download(at/size, to/size, true, cur)
		cur.ahead, at = to, to
	}
	f.c.dispatch()
}

// wasted shrinks the window of the sequence that block b was read ahead for: memory ran out before anybody read it.
func (v *version) wasted(b int64) {
	off := b * v.c.o.BlockSize
	for _, cur := range v.cursors {
		if cur.next <= off && off < cur.ahead {
			window := min(cur.limit, cur.ahead-cur.next)
			cur.limit = max(window/2, minWindow)
			cur.ahead = off
		}
	}
	v.wastedPiece(off)
}
