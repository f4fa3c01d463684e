package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
)

// ErrNotKept tells that bytes were downloaded and are not on disk: the cache, or its disk, is full, or the disk failed.
var ErrNotKept = errors.New("not kept")

// fillPart is a part of a Fill that is under way.
type fillPart struct {
	first, last int64 // blocks
	blocks      []*block
	fetches     []*fetch
}

// Fill downloads what is missing of n bytes from off and returns when that is on disk, or in memory where the cache keeps nothing on disk.
// Ranges past the end are cut. It goes behind the demand of readers, in as many requests at once as there may be. The error is that of the
// source, or ErrNotKept with the reason why the disk did not take the bytes.
func (f *File) Fill(ctx context.Context, off, n int64) error {
	if off < 0 || n < 0 {
		return fmt.Errorf("cache: fill %d from %d: %w", n, off, os.ErrInvalid)
	}
	end := min(f.v.size, off+min(n, f.v.size))
	if off >= end {
		return nil
	}
	f.v.attach()
	f.c.hurry(1)
	defer f.c.hurry(-1)
	size, most := f.c.o.BlockSize, f.c.request/f.c.o.BlockSize
	var open []*fillPart
	var err error
	for b, last := off/size, (end+size-1)/size; err == nil && (b < last || len(open) > 0); {
		if b < last && len(open) < f.fillDepth() {
			open = append(open, f.fillStart(b, min(b+most, last)))
			b = min(b+most, last)
			continue
		}
		err = f.fillWait(ctx, open[0])
		f.fillEnd(open[0], ctx.Err() != nil)
		open = open[1:]
	}
	for _, p := range open {
		f.fillEnd(p, true)
	}
	return err
}

// fillDepth is how many parts run side by side: as the requests allow, in a quarter of the memory.
func (f *File) fillDepth() int {
	return int(max(1, min(int64(f.c.o.Parallel), f.c.o.Memory/4/f.c.request)))
}

// fillStart queues the downloads of a part, and what of it is in memory and the disk did not take before, and pins its blocks until fillEnd, so that they
// get to the disk.
func (f *File) fillStart(first, last int64) *fillPart {
	c, v := f.c, f.v
	p := &fillPart{first: first, last: last}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return p
	}
	f.download(first, last, true, nil)
	var left []*block
	for b := first; b < last; b++ {
		blk := v.mem[b]
		if blk == nil {
			continue
		}
		c.pin(blk)
		p.blocks = append(p.blocks, blk)
		switch ft := blk.fetch; {
		case ft == nil && blk.job == nil && !v.present.get(b):
			left = append(left, blk)
		case ft != nil && (len(p.fetches) == 0 || p.fetches[len(p.fetches)-1] != ft):
			ft.wants++
			p.fetches = append(p.fetches, ft)
		}
	}
	c.enqueue(v, left)
	c.dispatch()
	return p
}

// fillEnd gives back what fillStart took.
func (f *File) fillEnd(p *fillPart, cancelled bool) {
	c := f.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ft := range p.fetches {
		ft.wants--
		if cancelled {
			c.cancelUnwanted(ft)
		}
	}
	for _, blk := range p.blocks {
		c.unpin(blk)
	}
	c.dispatch()
}

// fillWait waits for the downloads of a part, then for the disk.
func (f *File) fillWait(ctx context.Context, p *fillPart) error {
	for _, ft := range p.fetches {
		if err := f.waitFor(ctx, ft); err != nil {
			return err
		}
	}
	for _, blk := range p.blocks {
		f.c.mu.Lock()
		j := blk.job
		f.c.mu.Unlock()
		if j == nil {
			continue
		}
		select {
		case <-j.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return f.filled(p)
}

// waitFor waits for the whole of a download.
func (f *File) waitFor(ctx context.Context, ft *fetch) error {
	c := f.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if ft.state != ended {
		w := &waiter{need: ft.n + 1, ready: make(chan struct{})} // more than it gets: only its end wakes us
		ft.waiters = append(ft.waiters, w)
		c.mu.Unlock()
		select {
		case <-w.ready:
		case <-ctx.Done():
		}
		c.mu.Lock()
		ft.remove(w)
	}
	if ft.state != ended {
		return ctx.Err()
	}
	return ft.err
}

// filled tells why a part is not where it should be, if it is not.
func (f *File) filled(p *fillPart) error {
	c := f.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return fmt.Errorf("cache: fill: %w", os.ErrClosed)
	}
	if c.o.Size == 0 || f.v.dead {
		return nil
	}
	for b := p.first; b < p.last; b++ {
		if f.v.present.get(b) {
			continue
		}
		return fmt.Errorf("cache: fill: block %d %w: %w", b, ErrNotKept, cmp.Or(c.lastErr, errFull))
	}
	return nil
}
