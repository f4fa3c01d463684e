package fs

import (
	"context"
	"sync/atomic"

	"allasfs/cache"
)

// upload is the progress of one draft on its way.
type upload struct {
	path string
	size int64
	sent atomic.Int64
}

// readAt fills p from off as io.ReaderAt does.
type readAt = func(ctx context.Context, p []byte, off int64) (int, error)

// draftBody reads a draft as the bytes of an upload and counts what was read.
type draftBody struct {
	ctx  context.Context
	d    *cache.Draft
	up   *upload
	base readAt
	file *cache.File // of the base; nil = there is none, or its bytes are at hand
}

// bodyOf reads a draft, and the version that it was made from where it did not change that, until done is called.
func (f *FS) bodyOf(ctx context.Context, d *cache.Draft, up *upload) (body *draftBody, done func()) {
	body = &draftBody{ctx: ctx, d: d, up: up, base: noBase}
	base := baseVersion(d)
	if base.ETag == "" || base.Size == 0 {
		return body, func() {}
	}
	r := f.o.Cache.File(f.cacheID(base), base.Size, source{f.o.Store, base})
	var here bool
	if body.base, here = f.baseFrom(d, r.ReadAt); !here {
		body.file = r
	}
	return body, func() { r.Close() }
}

// in is the same body under another context.
func (b *draftBody) in(ctx context.Context) *draftBody {
	c := *b
	c.ctx = ctx
	return &c
}

// exact lets reading download nothing but what it takes: for who fetches before.
func (b *draftBody) exact() {
	if b.file != nil {
		b.file.Exact()
	}
}

// fetch downloads what bytes [off, off+n) take from the base, in few requests; reading would ask for a little at a time. What it cannot get, reading tells.
func (b *draftBody) fetch(ctx context.Context, pieces []cache.Piece, off, n int64) {
	for _, p := range pieces {
		from, to := max(off, p.Off), min(off+n, p.Off+p.Len)
		if p.Kind != cache.FromBase || b.file == nil || from >= to {
			continue
		}
		if b.file.Fill(ctx, p.BaseOff+from-p.Off, to-from) != nil {
			return
		}
	}
}

// ReadAt implements io.ReaderAt. A file that ends early is an error, never a shorter object.
func (b *draftBody) ReadAt(p []byte, off int64) (int, error) {
	n, err := b.d.ReadAt(b.ctx, p, off, b.base)
	b.up.sent.Add(int64(n))
	return n, err
}

func (f *FS) track(path string, size int64) *upload {
	up := &upload{path: path, size: size}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.uploads[up] = struct{}{}
	return up
}

func (f *FS) untrack(up *upload) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.uploads, up)
}
