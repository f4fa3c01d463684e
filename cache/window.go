package cache

import "time"

const (
	maxCursors = 16
	minWindow  = 256 << 10
	maxSkip    = 4 << 20 // bytes that a long sequence may leave out and still be one
	maxBack    = 1 << 20 // bytes that reads may come out of order: the kernel sends its own read-ahead in parallel
	streamRun  = 512 << 10
	streamIdle = time.Second
)

// cursor is one sequence of reads in a version. All fields are guarded by Cache.mu.
type cursor struct {
	next  int64 // where the sequence is expected to go on
	run   int64 // bytes read in it
	hits  int   // reads that carried it on
	ahead int64 // read-ahead was asked for up to here
	limit int64 // of the window: less after read-ahead that nobody read
	used  time.Time
}

// observe follows the sequences of reads and reads ahead of them. The caller holds Cache.mu.
func (f *File) observe(off, n int64) {
	if f.c.closed {
		return
	}
	cur, end, now := f.v.follow(off), off+n, time.Now()
	cur.used = now
	if end <= cur.next {
		return // read before, or by a read that came too early
	}
	if cur.run > 0 {
		cur.hits++
		cur.limit += minWindow
	}
	cur.run += end - max(off, cur.next)
	cur.next = end
	if cur.hits == 0 || cur.next >= f.v.size {
		return
	}
	if cur.run >= streamRun {
		f.c.sched.streams[cur] = struct{}{}
	}
	f.readAhead(cur, f.c.window(cur, now))
}

// follow returns the cursor that a read at off goes on with, or a new one.
func (v *version) follow(off int64) *cursor {
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
		cur := &cursor{next: off, limit: 1 << 62}
		v.cursors = append(v.cursors, cur)
		return cur
	}
	cur := v.leastCursor()
	v.c.cancelAhead(v, cur)
	delete(v.c.sched.streams, cur)
	*cur = cursor{next: off, limit: 1 << 62}
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

// near tells whether a read at off belongs to the sequence: small skips do, the larger the longer the sequence is.
func (cur *cursor) near(off int64) bool {
	d := off - cur.next
	if d <= 0 {
		return -d <= min(max(cur.run, 1), maxBack)
	}
	return cur.hits > 0 && d <= min(cur.run/2, maxSkip)
}

func abs(n int64) int64 { return max(n, -n) }

// window is how far ahead of the sequence to read: twice what was read in it, within its share of the memory. The caller holds Cache.mu.
func (c *Cache) window(cur *cursor, now time.Time) int64 {
	share := c.o.Memory / 2 / int64(max(1, c.streams(now)))
	most := max(c.o.BlockSize, min(share, int64(c.o.Parallel)*c.request))
	return min(max(2*cur.run, minWindow), cur.limit, most)
}

// streams is the number of sequences that were read a moment ago.
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

// readAhead asks for the window of a cursor in requests of a quarter of it, so that several run side by side. The caller holds Cache.mu.
func (f *File) readAhead(cur *cursor, window int64) {
	c, size := f.c, f.c.o.BlockSize
	chunk := min(max(window/4/size, 1)*size, c.request)
	target := min(cur.next+window, f.v.blocks()*size) / size * size
	at := (max(cur.ahead, cur.next) + size - 1) / size * size
	for ; at < target; at += chunk {
		if at+chunk > target && target < f.v.size {
			break // a short piece would be a request of its own; it comes with the next read
		}
		f.download(at/size, min(at+chunk, target)/size, true, cur)
		cur.ahead = at + chunk
	}
	c.dispatch()
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
}
