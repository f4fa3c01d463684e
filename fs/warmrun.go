package fs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"allasfs/cache"
	"allasfs/s3"
)

const (
	warmFiles  = 32  // files at once: enough that small ones, of a request each, fill the budget of requests
	warmSteps  = 16  // ranges of them at once
	warmPages  = 50  // pages of the listing ahead of the downloads
	warmErrors = 100 // told one by one
	keepWarms  = 8   // states kept, when they have ended
)

// warming is a run of Warm.
type warming struct {
	f       *FS
	targets []warmTarget
	step    int64 // bytes of a range
	steps   *semaphore.Weighted

	mu    sync.Mutex
	state WarmState
	room  int64               // bytes on disk that are not spoken for
	held  map[objectKey]int64 // bytes of the targets that the cache had, as far as their files have not come up
}

func (w *warming) snapshot() WarmState {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.state
	s.Errors = append([]WarmError{}, s.Errors...)
	return s
}

func (w *warming) change(fn func(s *WarmState)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn(&w.state)
}

// run lists and fetches; the error is ctx's alone.
func (w *warming) run(ctx context.Context) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	w.claim()
	pages := make(chan []s3.Version, warmPages)
	var listing sync.WaitGroup
	listing.Go(func() {
		defer close(pages)
		w.list(work, pages)
	})
	var files errgroup.Group
	files.SetLimit(warmFiles)
	for page := range pages {
		for _, v := range page {
			if work.Err() != nil {
				break
			}
			files.Go(func() error {
				if errors.Is(w.fetch(work, v), cache.ErrNotKept) {
					cancel() // the next one would find no room either
				}
				return nil
			})
		}
	}
	listing.Wait()
	_ = files.Wait() // errors are in the state
	w.change(func(s *WarmState) {
		s.Running = false
		if ctx.Err() != nil {
			s.Stopped = "it was interrupted"
		}
	})
	return ctx.Err()
}

// list sends the versions of every target, a page at a time.
func (w *warming) list(ctx context.Context, pages chan<- []s3.Version) {
	whole := true
	for _, t := range w.targets {
		if err := w.listTarget(ctx, t, pages); err != nil {
			whole = false
			w.fail(ctx, t.path, err)
		}
	}
	w.change(func(s *WarmState) { s.Listed = whole && ctx.Err() == nil })
}

func (w *warming) listTarget(ctx context.Context, t warmTarget, pages chan<- []s3.Version) error {
	switch {
	case t.file != nil && t.file.Bucket == "":
		return nil // only here, and so warm
	case t.file != nil:
		return w.send(ctx, []s3.Version{*t.file}, pages)
	case t.bucket != "":
		return w.listTree(ctx, t, pages)
	}
	buckets, err := w.f.o.Store.Buckets(ctx)
	if err != nil {
		return err
	}
	for _, b := range buckets {
		one := warmTarget{path: b.Name, bucket: b.Name}
		if err := w.listTree(ctx, one, pages); err != nil {
			w.fail(ctx, one.path, err)
		}
	}
	return ctx.Err()
}

// listTree lists a prefix without a delimiter. Markers of directories are left out, Swift large objects have their true size and ETag.
func (w *warming) listTree(ctx context.Context, t warmTarget, pages chan<- []s3.Version) error {
	o := s3.ListOptions{Prefix: t.prefix}
	for {
		page, err := w.f.o.Store.List(ctx, t.bucket, o)
		if err != nil {
			return err
		}
		objects := page.Objects[:0]
		for _, x := range page.Objects {
			if x.Size > 0 || !strings.HasSuffix(x.Key, "/") {
				objects = append(objects, x)
			}
		}
		if err := w.f.trueSizes(ctx, place{bucket: t.bucket, prefix: t.prefix}, objects); err != nil {
			return err
		}
		versions := make([]s3.Version, len(objects))
		for i, x := range objects {
			versions[i] = x.Version(t.bucket)
		}
		if err := w.send(ctx, versions, pages); err != nil {
			return err
		}
		if o.Token = page.Token; o.Token == "" {
			return nil
		}
	}
}

// send counts versions and hands them on.
func (w *warming) send(ctx context.Context, versions []s3.Version, pages chan<- []s3.Version) error {
	w.change(func(s *WarmState) {
		s.Files += len(versions)
		for _, v := range versions {
			s.Bytes += v.Size
			s.Need += w.f.o.Cache.Footprint(v.Size)
		}
	})
	select {
	case pages <- versions:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch brings one version into the cache; when somebody replaced it meanwhile, the one that is there now. The error has been told.
func (w *warming) fetch(ctx context.Context, v s3.Version) error {
	err := w.fill(ctx, v)
	if errors.Is(err, s3.ErrChanged) || isNotExist(err) {
		w.change(func(s *WarmState) { s.Changed++ })
		now, headErr := w.f.o.Store.Head(ctx, v.Bucket, v.Key)
		if isNotExist(headErr) {
			w.change(func(s *WarmState) {
				s.Files, s.Bytes, s.Need = s.Files-1, s.Bytes-v.Size, s.Need-w.f.o.Cache.Footprint(v.Size)
			})
			return nil
		}
		if err = headErr; err == nil {
			w.change(func(s *WarmState) {
				s.Bytes += now.Size - v.Size
				s.Need += w.f.o.Cache.Footprint(now.Size) - w.f.o.Cache.Footprint(v.Size)
			})
			v = now.Version(v.Bucket)
			err = w.fill(ctx, v)
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, cache.ErrNotKept):
		w.change(func(s *WarmState) { s.Stopped = "the disk of the cache does not take it: " + err.Error() })
	default:
		path, shown := w.f.pathOfKey(v.Bucket, v.Key)
		if !shown {
			path = v.Bucket + "/" + v.Key
		}
		w.fail(ctx, path, err)
	}
	return err
}

// fill downloads what is missing of a version, range by range; nothing when there is no room for it.
func (w *warming) fill(ctx context.Context, v s3.Version) error {
	r := w.f.o.Cache.File(w.f.cacheID(v), v.Size, source{w.f.o.Store, v})
	defer r.Close()
	had := r.Kept()
	if had == v.Size {
		w.reserve(v, true)
		w.change(func(s *WarmState) {
			s.DoneFiles, s.DoneBytes = s.DoneFiles+1, s.DoneBytes+v.Size
			s.HadFiles, s.HadBytes = s.HadFiles+1, s.HadBytes+v.Size
		})
		return nil
	}
	if !w.reserve(v, false) {
		w.change(func(s *WarmState) { s.LeftFiles, s.LeftBytes = s.LeftFiles+1, s.LeftBytes+v.Size })
		return nil
	}
	w.change(func(s *WarmState) { s.HadBytes += had })
	done, err := w.fillSteps(ctx, r)
	w.change(func(s *WarmState) {
		if err == nil {
			s.DoneFiles++
			return
		}
		s.DoneBytes -= done // what is there of a file that is not whole is not counted
		w.room += w.f.o.Cache.Footprint(v.Size)
	})
	return err
}

// fillSteps downloads ranges side by side and counts them as they come; done is the sum of those.
func (w *warming) fillSteps(ctx context.Context, r *cache.File) (done int64, err error) {
	g, ctx := errgroup.WithContext(ctx)
	for off := int64(0); off < r.Size(); off += w.step {
		if err := w.steps.Acquire(ctx, 1); err != nil {
			break // g has the reason, or the caller's context
		}
		g.Go(func() error {
			defer w.steps.Release(1)
			n := min(w.step, r.Size()-off)
			if err := r.Fill(ctx, off, n); err != nil {
				return err
			}
			w.change(func(s *WarmState) {
				s.DoneBytes += n
				done += n
			})
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return done, err
	}
	if done < r.Size() {
		return done, context.Cause(ctx)
	}
	return done, nil
}

// objectKey names an object, whatever its version.
type objectKey struct{ bucket, key string }

// claim gives room first to what the cache has of the targets already, and makes that the most recently used, so that nothing that is fetched
// takes its place.
func (w *warming) claim() {
	w.held = map[objectKey]int64{}
	for _, h := range w.f.o.Cache.Held() {
		t := warmTarget{bucket: h.ID.Bucket, prefix: h.ID.Key}
		if h.ID.Store != w.f.o.Name || !slices.ContainsFunc(w.targets, t.within) {
			continue
		}
		w.f.o.Cache.File(h.ID, h.Size, nil).Close()
		w.held[objectKey{h.ID.Bucket, h.ID.Key}] += h.Bytes
		w.room -= h.Bytes
	}
}

// reserve takes the room of a file from what the cache has for this run, or finds that there is none. had: it is there already, which counts all the same.
func (w *warming) reserve(v s3.Version, had bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := objectKey{v.Bucket, v.Key}
	w.room += w.held[k] // of this version, or of an older one, which may go
	delete(w.held, k)
	need := w.f.o.Cache.Footprint(v.Size)
	if need > w.room && !had {
		return false
	}
	w.room -= need
	return true
}

// fail keeps an error for the end; those of a run that was stopped are no news.
func (w *warming) fail(ctx context.Context, path string, err error) {
	if ctx.Err() != nil {
		return
	}
	w.f.log.Warn("warm", "path", path, "err", err)
	w.change(func(s *WarmState) {
		if s.Failed++; s.Failed <= warmErrors {
			s.Errors = append(s.Errors, WarmError{path, err.Error()})
		}
	})
}
