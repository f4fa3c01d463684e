package cache

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// letFinish is the rest of a running download, in bytes, that is not worth breaking a connection for.
const letFinish = 256 << 10

// fetch is one download: a run of blocks that were missing, one range request. All fields but the constant ones are guarded by Cache.mu.
type fetch struct {
	v      *version
	by     *File // whose source is asked
	off, n int64 // of the request, in bytes
	blocks []*block

	state    fetchState
	ahead    bool    // waits behind what readers wait for
	cursor   *cursor // the sequence it reads ahead for; nil = none, or that ended
	streamed bool    // it ran for a sequence from the start: counted in backlog
	wants    int     // readers and fills that want it to go on
	have     int64   // bytes that arrived and may be read
	waiters  []*waiter
	err      error
	wrong    bool // the source gave too much: none of its bytes can be trusted
	ctx      context.Context
	cancel   context.CancelFunc
}

type fetchState uint8

const (
	queued fetchState = iota
	running
	ended
)

// waiter is a reader that waits for the first need bytes of a download.
type waiter struct {
	need  int64
	ready chan struct{} // closed when they are there, or never come
}

// missing tells whether block b is neither on disk nor in memory nor on its way. The caller holds Cache.mu.
func (v *version) missing(b int64) bool { return !v.present.get(b) && v.mem[b] == nil }

// download queues requests for what is missing of the blocks [first, last): one for each run, as long as a request may be. ahead: behind
// the demand of readers, for cur unless that is nil. The caller holds Cache.mu and dispatches.
func (f *File) download(first, last int64, ahead bool, cur *cursor) {
	v, most := f.v, f.c.request/f.c.o.BlockSize
	for b := first; b < last; b++ {
		if !v.missing(b) {
			continue
		}
		end := b + 1
		for end < last && end-b < most && v.missing(end) {
			end++
		}
		f.queue(b, end, ahead, cur)
		b = end - 1
	}
}

func (f *File) queue(first, last int64, ahead bool, cur *cursor) {
	v := f.v
	ft := &fetch{v: v, by: f, ahead: ahead, cursor: cur, off: first * f.c.o.BlockSize}
	for b := first; b < last; b++ {
		blk := &block{v: v, no: b, size: int(v.blockLen(b)), fetch: ft}
		v.mem[b] = blk
		ft.blocks = append(ft.blocks, blk)
		ft.n += int64(blk.size)
	}
	v.fetches[ft] = struct{}{}
	v.holds++
	f.c.sched.add(ft)
}

// run is a download's goroutine.
func (c *Cache) run(ft *fetch) {
	err := c.receive(ft)
	c.mu.Lock()
	if err != nil { // Rename may give the version another name meanwhile
		err = fmt.Errorf("cache: %s/%s at %d: %w", ft.v.id.Bucket, ft.v.id.Key, ft.off, err)
	}
	c.sched.over(ft)
	if ft.streamed {
		c.writes.backlog.over(time.Now())
	}
	if err == nil {
		c.sched.budget.raise()
	}
	c.end(ft, err)
	c.dispatch()
	d := c.letGo(ft.v, 0, 1)
	c.mu.Unlock()
	c.closeFiles(ft.v, d)
}

// receive asks the source and hands on each piece as it comes, the last one when it is sure to be the last.
func (c *Cache) receive(ft *fetch) error {
	asked := time.Now()
	body, err := ft.by.src.Get(ft.ctx, ft.off, ft.n)
	if err != nil {
		return err
	}
	defer body.Close()
	answered := time.Now()
	for i, blk := range ft.blocks {
		if err := c.receiveBlock(ft, blk, body, i == len(ft.blocks)-1); err != nil {
			return err
		}
	}
	took := time.Since(answered)
	c.mu.Lock()
	ft.v.link().learn(answered.Sub(asked), ft.n, took)
	c.mu.Unlock()
	return nil
}

func (c *Cache) receiveBlock(ft *fetch, blk *block, body io.Reader, last bool) error {
	buf := c.getBuffer(blk.size)
	c.mu.Lock()
	blk.buf = buf
	c.mu.Unlock()
	for have, idle := 0, 0; have < blk.size; {
		m, err := body.Read((*buf)[have:])
		have += m
		if last && have == blk.size {
			if err := c.receiveEnd(ft, body, err); err != nil {
				return err
			}
		}
		c.arrived(ft, blk, m)
		switch {
		case have == blk.size:
		case err == io.EOF:
			return fmt.Errorf("%w: %d of %d: %w", ErrSource, ft.have, ft.n, io.ErrUnexpectedEOF)
		case err != nil:
			return err
		case m > 0:
			idle = 0
		default:
			if idle++; idle > 100 {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}

// receiveEnd makes sure that nothing follows the last byte: a source that gives more is not answering what it was asked.
func (c *Cache) receiveEnd(ft *fetch, body io.Reader, err error) error {
	if err == nil {
		var extra [1]byte
		var m int
		if m, err = io.ReadFull(body, extra[:]); m > 0 {
			err = fmt.Errorf("%w: more than %d", ErrSource, ft.n)
		}
	}
	if err == io.EOF {
		return nil
	}
	c.mu.Lock()
	ft.wrong = true
	c.mu.Unlock()
	return err
}

// arrived lets readers have n more bytes of a block.
func (c *Cache) arrived(ft *fetch, blk *block, n int) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	blk.have += n
	ft.have += int64(n)
	if ft.streamed {
		c.writes.backlog.arrived(int64(n), time.Now())
	}
	ft.wake(false)
}

// wake tells the waiters whose bytes are there, or all. The caller holds Cache.mu.
func (ft *fetch) wake(all bool) {
	rest := ft.waiters[:0]
	for _, w := range ft.waiters {
		if all || ft.have >= w.need {
			close(w.ready)
		} else {
			rest = append(rest, w)
		}
	}
	clear(ft.waiters[len(rest):])
	ft.waiters = rest
}

// remove forgets a waiter, if it still waits.
func (ft *fetch) remove(w *waiter) {
	if i := slices.Index(ft.waiters, w); i >= 0 {
		ft.waiters = slices.Delete(ft.waiters, i, i+1)
	}
}

// end closes a download that ran: what arrived whole is kept and goes to the disk, the rest is as if it had never been asked for. The
// caller holds Cache.mu.
func (c *Cache) end(ft *fetch, err error) {
	ft.state, ft.err = ended, err
	ft.cancel()
	delete(ft.v.fetches, ft)
	c.counts.missBytes.Add(ft.have)
	now := time.Now()
	whole := ft.blocks[:0:0]
	for _, blk := range ft.blocks {
		blk.fetch, blk.since = nil, now
		if blk.buf == nil {
			c.mem.used -= int64(blk.size)
		}
		switch {
		case blk.gone && blk.pins == 0:
			c.free(blk)
		case blk.gone:
		case blk.complete() && !ft.wrong:
			whole = append(whole, blk)
			c.mem.idle(blk)
		default:
			c.discard(blk)
		}
	}
	c.counts.misses.Add(int64(len(whole)))
	c.enqueue(ft.v, whole)
	ft.wake(true)
}

// cancelUnwanted ends a download that nobody waits for, unless it reads ahead for a living cursor or is about to end by itself. Its blocks
// can be asked for anew at once. The caller holds Cache.mu.
func (c *Cache) cancelUnwanted(ft *fetch) {
	if ft.wants > 0 || ft.cursor != nil || ft.state == ended {
		return
	}
	if ft.state == queued {
		c.sched.remove(ft)
		c.abandon(ft, context.Canceled)
		ft.v.holds--
		return
	}
	if ft.have > 0 && ft.n-ft.have <= letFinish {
		return
	}
	ft.cancel()
	for _, blk := range ft.blocks {
		if !blk.complete() {
			c.discard(blk)
		}
	}
}

// abandon ends a download that never ran. The caller holds Cache.mu.
func (c *Cache) abandon(ft *fetch, err error) {
	ft.state, ft.err = ended, err
	delete(ft.v.fetches, ft)
	for _, blk := range ft.blocks {
		blk.fetch = nil
		c.discard(blk)
	}
	ft.wake(true)
}

// dropSequence gives up what is read ahead for the sequence whose download ft is, because its reader is gone; what others wait for goes on, and who goes on
// with the sequence from off asks anew. The caller holds Cache.mu.
func (c *Cache) dropSequence(ft *fetch, off int64) {
	if cur := ft.cursor; cur != nil && ft.wants == 0 && ft.state != ended {
		cur.ahead = min(cur.ahead, off)
		c.cancelAhead(ft.v, cur)
	}
}

// cancelAhead ends the read-ahead of one cursor, or of all. The caller holds Cache.mu.
func (c *Cache) cancelAhead(v *version, cur *cursor) {
	for ft := range v.fetches {
		if ft.cursor != nil && (cur == nil || ft.cursor == cur) {
			ft.cursor = nil
			c.cancelUnwanted(ft)
		}
	}
}
