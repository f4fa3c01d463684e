package cache

import (
	"context"
	"fmt"
	"os"
	"time"
)

// maxTries is how often a reader looks on the disk for a block that the table says is there before it downloads the block.
const maxTries = 4

// reader is one step of a read that found blocks missing.
type reader struct {
	f   *File
	p   []byte
	off int64 // of p in the object
	n   int   // bytes of p filled

	pinned  []*block // cannot leave memory before the step ends
	wanted  []*fetch // downloads that this reader wants to go on
	tries   int
	retried bool  // another reader's download failed; our own source was asked
	failed  error // of a download; what it brought before is still read

	pinnedRoom [9]*block // of a step with the default block size
	wantedRoom [4]*fetch
}

// run fills the rest of p.
func (r *reader) run(ctx context.Context) error {
	c, v := r.f.c, r.f.v
	r.pinned, r.wanted = r.pinnedRoom[:0], r.wantedRoom[:0]
	c.mu.Lock()
	held := v.inUse()
	if held { // the file may be closed meanwhile: what arrives would be thrown away each time, and asked for anew
		v.holds++
	}
	if !r.f.exact {
		r.f.plan(r.off, int64(len(r.p)))
	}
	r.want()
	var err error
	for err == nil && r.n < len(r.p) {
		if c.closed || v.dead && !held {
			err = fmt.Errorf("cache: read: %w", os.ErrClosed)
			break
		}
		if r.failed == nil {
			r.want()
		}
		b := r.pos() / c.o.BlockSize
		switch blk := v.mem[b]; {
		case blk == nil && v.missing(b):
			err = r.failed
		case blk == nil:
			r.fromDisk(b)
		case blk.have >= r.needOf(blk):
			r.fromMemory(blk)
		case r.failed != nil:
			err = r.failed
		default:
			err = r.wait(ctx, blk.fetch)
		}
	}
	r.leave(ctx.Err() != nil)
	var d *diskFile
	if held {
		d = c.letGo(v, 0, 1)
	}
	c.mu.Unlock()
	c.closeFiles(v, d)
	return err
}

// pos is the offset in the object of the next byte that is missing.
func (r *reader) pos() int64 { return r.off + int64(r.n) }

// end is the offset in the object where the step ends.
func (r *reader) end() int64 { return r.off + int64(len(r.p)) }

// needOf is how many bytes of blk, from its start, the step takes part in.
func (r *reader) needOf(blk *block) int {
	return int(min(int64(blk.size), r.end()-blk.no*r.f.c.o.BlockSize))
}

// want starts downloads of what is missing of the rest, a run of missing blocks each, and pins what is in memory or on its way. The caller
// holds Cache.mu.
func (r *reader) want() {
	c, v := r.f.c, r.f.v
	first, last := r.pos()/c.o.BlockSize, (r.end()-1)/c.o.BlockSize
	if c.closed {
		return
	}
	r.f.download(first, last+1, false, nil)
	for b := first; b <= last; b++ {
		if blk := v.mem[b]; blk != nil {
			r.hold(blk)
		}
	}
	c.dispatch()
}

// hold pins blk and its download for this reader, once. The caller holds Cache.mu.
func (r *reader) hold(blk *block) {
	for _, have := range r.pinned {
		if have == blk {
			return
		}
	}
	r.f.c.pin(blk)
	r.pinned = append(r.pinned, blk)
	ft := blk.fetch
	if ft == nil || len(r.wanted) > 0 && r.wanted[len(r.wanted)-1] == ft {
		return
	}
	ft.wants++
	r.f.c.promote(ft)
	r.wanted = append(r.wanted, ft)
}

// leave gives back what want took; cancelled tells that the reader did not get its bytes, so that downloads may have lost their purpose.
// The caller holds Cache.mu.
func (r *reader) leave(cancelled bool) {
	c := r.f.c
	for _, ft := range r.wanted {
		ft.wants--
		if cancelled {
			c.dropSequence(ft, r.pos())
			c.cancelUnwanted(ft)
		}
	}
	for _, blk := range r.pinned {
		c.unpin(blk)
	}
	c.dispatch()
}

// fromDisk reads present blocks. The caller holds Cache.mu, which is free while the disk is read.
func (r *reader) fromDisk(b int64) {
	c, v := r.f.c, r.f.v
	c.mu.Unlock()
	m := v.readDisk(r.p[r.n:], r.pos())
	c.mu.Lock()
	if m > 0 {
		r.n, r.tries = r.n+m, 0
		return
	}
	if r.tries++; r.tries > maxTries {
		v.drop(b)
	}
}

// fromMemory copies what blk has for us. The caller holds Cache.mu, which is free while bytes are copied; the pin keeps them.
func (r *reader) fromMemory(blk *block) {
	c := r.f.c
	at := int(r.pos() - blk.no*c.o.BlockSize)
	need := r.needOf(blk)
	c.touch(blk, need-at)
	c.mu.Unlock()
	m := copy(r.p[r.n:], (*blk.buf)[at:need])
	c.mu.Lock()
	r.n += m
}

// wait waits until the download has the bytes that the step needs of it. The caller holds Cache.mu, which is free meanwhile.
func (r *reader) wait(ctx context.Context, ft *fetch) error {
	c := r.f.c
	if ft.cursor != nil {
		ft.cursor.waited = true
	}
	w := &waiter{need: min(r.end(), ft.off+ft.n) - ft.off, ready: make(chan struct{})}
	c.writes.linger.asked = time.Now()
	ft.waiters = append(ft.waiters, w)
	c.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
	}
	c.mu.Lock()
	ft.remove(w)
	switch {
	case ft.have >= w.need:
	case ctx.Err() != nil && ft.state != ended:
		return ctx.Err()
	case ft.err != nil && ft.by != r.f && !r.retried:
		r.retried = true // its source may be gone where ours is not
	default:
		r.failed = ft.err
	}
	return nil
}
