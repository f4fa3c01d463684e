package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// ID names one object version. Store tells stores apart: endpoint and project.
type ID struct{ Store, Bucket, Key, ETag string }

// Source is where the bytes of one version come from. Get returns exactly n bytes from off, or an error, from Get or from Read: what the
// caller was given before an error must be right. It ends soon after ctx does, and is called from many goroutines.
type Source interface {
	Get(ctx context.Context, off, n int64) (io.ReadCloser, error)
}

// ErrSource tells that a source gave fewer or more bytes than it was asked for.
var ErrSource = errors.New("source gave another number of bytes")

// File is one reader's view of a version; all Files of a version share its blocks, downloads and cursors. Safe for concurrent use until
// Close.
type File struct {
	c   *Cache
	v   *version
	src Source

	whole bool // guarded by Cache.mu: a read of its start asks for all of it
	exact bool // set by Exact before the first read
}

// File opens a version of size bytes. Nothing is read or requested before the first ReadAt or Fill. The caller closes it.
func (c *Cache) File(id ID, size int64, src Source) *File {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &File{c: c, v: c.acquire(id, max(size, 0)), src: src}
}

// Exact lets later reads ask for the blocks of their own bytes alone: nothing is read ahead. Call it before the first read.
func (f *File) Exact() { f.exact = true }

// Size is the size of the object in bytes.
func (f *File) Size() int64 { return f.v.size }

// ExpectWhole tells that the object is going to be read whole: a read that begins at its start asks for all of it. It is for objects that one request can
// bring; its answer begins a little later than that to a small one would.
func (f *File) ExpectWhole() {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	f.whole = true
}

// Close ends this view. Read-ahead for a version that nobody has open any more is cancelled; what was asked for is still kept.
func (f *File) Close() error {
	f.c.unopen(f.v, 1, 0)
	return nil
}

// Cached is the number of bytes present, on disk or in memory.
func (f *File) Cached() int64 {
	f.v.attach()
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	n := f.v.held.Load()
	for b, blk := range f.v.mem {
		if blk.complete() && !f.v.present.get(b) {
			n += int64(blk.size)
		}
	}
	return n
}

// Kept is the number of bytes on disk.
func (f *File) Kept() int64 {
	f.v.attach()
	return f.v.held.Load()
}

// ReadAt fills p from off as io.ReaderAt does: fewer bytes only with an error, io.EOF at the end of the object. It returns as soon as its
// own bytes are there. Errors of the source come back wrapped, and are forgotten: the next read asks again. When ctx ends, ctx.Err() comes
// back at once; what others wait for goes on.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("cache: read at %d: %w", off, os.ErrInvalid)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off >= f.v.size {
		return 0, io.EOF
	}
	var end error
	if left := f.v.size - off; int64(len(p)) > left {
		p, end = p[:left], io.EOF
	}
	for n := 0; n < len(p); {
		m, err := f.readStep(ctx, p[n:min(len(p), n+f.c.step())], off+int64(n))
		n += m
		if err != nil {
			return n, err
		}
	}
	return len(p), end
}

// step is how much of a long read is planned at once, in bytes.
func (c *Cache) step() int { return int(max(c.o.BlockSize, min(1<<20, c.request))) }

// readStep reads up to a step: from disk alone without the big lock, where that is possible.
func (f *File) readStep(ctx context.Context, p []byte, off int64) (int, error) {
	n := f.v.readDisk(p, off)
	if n == len(p) {
		if !f.exact && f.v.held.Load() < f.v.size {
			f.c.mu.Lock()
			f.observe(off, int64(n))
			f.c.mu.Unlock()
		}
		return n, nil
	}
	r := f.c.readers.Get().(*reader)
	*r = reader{f: f, p: p, off: off, n: n}
	err := r.run(ctx)
	n = r.n
	*r = reader{}
	f.c.readers.Put(r)
	return n, err
}
