package fs

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"allasfs/cache"
	"allasfs/s3"
)

// Bounds of what is fetched ahead of programs that read a directory's files one after the other, over all of them.
const (
	aheadFile  = 1 << 20          // bytes of a file that is fetched whole before anybody opened it; larger ones only where such are read whole (readWhole)
	aheadBytes = 32 << 20         // bytes of all such files that nobody reads yet
	aheadFiles = 128              // such files
	aheadKept  = 10 * time.Second // how long one is waited for; its bytes stay in the cache after that
)

// ahead is one file that was asked for before a program opened it. Its fields are constant but those that FS.mu guards.
type ahead struct {
	id    cache.ID
	size  int64
	by    *walker
	name  string
	at    int           // entry of the listing that the walker follows
	pos   int           // which of the walker's steps it is
	taken chan struct{} // closed, under FS.mu, when it leaves FS.ahead: somebody reads it
	drop  context.CancelFunc
	there atomic.Bool // all bytes came
}

// aheads are the files that are fetched ahead and that nobody reads yet. Guarded by FS.mu.
type aheads struct {
	files map[cache.ID]*ahead
	bytes int64
}

// aheadOf returns the file of a version that was fetched ahead, or nil; from then on it is its reader's. Needs f.mu.
func (f *FS) aheadOf(id cache.ID) *ahead {
	a := f.ahead.files[id]
	if a == nil {
		return nil
	}
	f.ahead.remove(a)
	close(a.taken)
	return a
}

func (s *aheads) remove(a *ahead) {
	delete(s.files, a.id)
	s.bytes -= a.size
	a.by.forget(a)
}

// dropAhead ends the fetching of a file that nobody came to read; needs f.mu.
func (f *FS) dropAhead(a *ahead) {
	if f.ahead.files[a.id] == a {
		f.ahead.remove(a)
	}
	a.drop()
}

// fetchAhead asks for a version on behalf of w, which counts it among its steps; false when there is no room. One that is asked for already is not
// asked for again. Needs f.mu.
func (f *FS) fetchAhead(w *walker, v s3.Version, name string, at, pos int) bool {
	id := f.cacheID(v)
	if f.ahead.files[id] != nil {
		return true
	}
	if f.closed || len(f.ahead.files) >= aheadFiles || f.ahead.bytes+v.Size > aheadBytes {
		return false
	}
	ctx, cancel := context.WithTimeout(f.ctx, aheadKept)
	a := &ahead{id: id, size: v.Size, by: w, name: name, at: at, pos: pos, taken: make(chan struct{}), drop: cancel}
	if f.ahead.files == nil {
		f.ahead.files = make(map[cache.ID]*ahead)
	}
	f.ahead.files[id] = a
	f.ahead.bytes += v.Size
	w.ready = append(w.ready, a)
	f.wg.Go(func() { f.runAhead(ctx, a, v) })
	return true
}

// runAhead downloads a file behind what readers wait for and keeps it at hand until somebody reads it. A failure is nobody's yet: the
// reader, if one comes, asks by itself and is told.
func (f *FS) runAhead(ctx context.Context, a *ahead, v s3.Version) {
	defer a.drop()
	r := f.o.Cache.File(a.id, v.Size, arriving{source{f.o.Store, v}, a})
	defer r.Close()
	err := r.Fill(ctx, 0, v.Size)
	if err == nil {
		a.there.Store(true)
		select {
		case <-a.taken:
			return
		case <-ctx.Done():
		}
	} else if ctx.Err() == nil {
		f.log.Debug("fetch ahead", "bucket", v.Bucket, "key", v.Key, "err", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ahead.files[a.id] == a {
		f.ahead.remove(a)
		a.by.waste()
	}
}

// arriving is the source of a file that is fetched ahead: it tells when the last byte came, which is before the disk has it.
type arriving struct {
	source
	a *ahead
}

// Get implements cache.Source.
func (s arriving) Get(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	body, err := s.source.Get(ctx, off, n)
	if err != nil || off+n < s.a.size {
		return body, err
	}
	return &arrivingBody{body, n, s.a}, nil
}

type arrivingBody struct {
	io.ReadCloser
	left int64
	a    *ahead
}

func (b *arrivingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left <= 0 {
		b.a.there.Store(true)
	}
	return n, err
}
