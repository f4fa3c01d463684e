package fs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"allasfs/fs/name"
	"allasfs/s3"
)

// WarmState is how far a [FS.Warm] has come.
type WarmState struct {
	ID         string    `json:"id"`
	Paths      []string  `json:"paths"` // below the mount's top; "" = all of it
	Started    time.Time `json:"started"`
	Running    bool      `json:"running"`
	Background bool      `json:"background"` // nobody waits for its end
	Listed     bool      `json:"listed"`     // Files and Bytes are those of the whole tree, not of what was found so far

	Files     int   `json:"files"`
	Bytes     int64 `json:"bytes"`
	DoneFiles int   `json:"done_files"` // in the cache now
	DoneBytes int64 `json:"done_bytes"`
	HadFiles  int   `json:"had_files"` // of them, in the cache before
	HadBytes  int64 `json:"had_bytes"`
	LeftFiles int   `json:"left_files"` // for which the cache has no room
	LeftBytes int64 `json:"left_bytes"`
	Changed   int   `json:"changed"` // replaced or removed by somebody else meanwhile; the new version was fetched

	Need int64 `json:"need"` // bytes that Files take in the cache
	Room int64 `json:"room"` // bytes that the cache has for them

	Failed  int         `json:"failed"` // files, and trees that could not be listed
	Errors  []WarmError `json:"errors"` // the first of these
	Stopped string      `json:"stopped,omitempty"`
}

// WarmError is a file that could not be fetched.
type WarmError struct {
	Path string `json:"path"` // below the mount's top
	Text string `json:"text"`
}

// ErrNoCache tells that there is nothing on disk to warm or to evict from: the cache's size is 0.
var ErrNoCache = errors.New("the cache keeps nothing on disk")

// warmTarget is a tree, or one file, to bring into the cache.
type warmTarget struct {
	path   string // for messages
	bucket string // "" = every bucket
	prefix string // of the tree's keys; "" = the whole bucket
	file   *s3.Version
}

// Warm downloads what is not in the cache of the files at and below paths, in parallel, behind what readers wait for. The trees are listed flat,
// one request for 1000 objects, while files come in already. It stops when the cache is full rather than evict what it has just fetched, and
// what it has no room for is counted. The final state comes back with ctx.Err() when ctx or the mount ended it; what a file's download failed with is in
// the state, not in the error. An error without a state: a path does not exist, or ErrNoCache. id is the caller's name for it in [Status].
func (f *FS) Warm(ctx context.Context, id string, paths []string) (WarmState, error) {
	w, err := f.newWarming(ctx, id, paths)
	if err != nil {
		return WarmState{}, err
	}
	defer f.wg.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.ctx, cancel)()
	err = w.run(ctx)
	return w.snapshot(), err
}

// WarmLater is Warm that returns when the paths were found, and goes on until the mount ends; see Status.
func (f *FS) WarmLater(ctx context.Context, id string, paths []string) (WarmState, error) {
	w, err := f.newWarming(ctx, id, paths)
	if err != nil {
		return WarmState{}, err
	}
	w.change(func(s *WarmState) { s.Background = true })
	first := w.snapshot()
	go func() {
		defer f.wg.Done()
		if err := w.run(f.ctx); err != nil {
			f.log.Info("warm ended with the mount", "paths", paths)
		}
	}()
	return first, nil
}

// newWarming finds what paths mean and enters the work in the status. The caller ends f.wg.
func (f *FS) newWarming(ctx context.Context, id string, paths []string) (*warming, error) {
	if f.o.Cache.Room() == 0 {
		return nil, ErrNoCache
	}
	w := &warming{f: f, steps: semaphore.NewWeighted(warmSteps), step: f.o.Cache.FillStep(warmSteps)}
	w.state = WarmState{ID: id, Paths: paths, Started: time.Now(), Running: true, Room: f.o.Cache.Room()}
	w.room = w.state.Room
	for _, p := range paths {
		t, err := f.warmTarget(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		w.targets = append(w.targets, t)
	}
	w.targets = distinct(w.targets)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, syscall.ENOTCONN
	}
	f.wg.Add(1)
	f.warms = append(f.warms, w)
	if len(f.warms) > keepWarms {
		if i := slices.IndexFunc(f.warms, func(w *warming) bool { return !w.snapshot().Running }); i >= 0 {
			f.warms = slices.Delete(f.warms, i, i+1)
		}
	}
	return w, nil
}

// Warms are the states of the warmings that run, and of the last that have ended, oldest first.
func (f *FS) Warms() []WarmState {
	f.mu.Lock()
	warms := slices.Clone(f.warms)
	f.mu.Unlock()
	states := make([]WarmState, len(warms))
	for i, w := range warms {
		states[i] = w.snapshot()
	}
	return states
}

// warmTarget finds out what is at a path. A file that is not in the store yet is no target: the zero prefix below no bucket.
func (f *FS) warmTarget(ctx context.Context, path string) (warmTarget, error) {
	n, err := f.resolve(ctx, path)
	if err != nil {
		return warmTarget{}, err
	}
	defer f.unpin(n)
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.kind == kindDir {
		p := f.placeOf(n)
		return warmTarget{path: path, bucket: p.bucket, prefix: p.list()}, nil
	}
	v := f.versionOf(n)
	if !n.obj.exists {
		v = s3.Version{} // empty: nothing is to be fetched
	}
	return warmTarget{path: path, bucket: v.Bucket, prefix: v.Key, file: &v}, nil
}

// resolve walks a path from the mount's top and returns its node, pinned. Symbolic links are not followed.
func (f *FS) resolve(ctx context.Context, path string) (*node, error) {
	f.mu.Lock()
	n := pin(f.nodes[RootID])
	f.mu.Unlock()
	for el := range strings.SplitSeq(path, "/") {
		if el == "" {
			continue
		}
		next, err := f.lookup(ctx, n.id, el)
		f.unpin(n)
		if err != nil {
			return nil, err
		}
		n = next
	}
	return n, nil
}

// distinct leaves out what lies within another tree of the list, or is in it twice.
func distinct(list []warmTarget) []warmTarget {
	var kept []warmTarget
	for i, t := range list {
		if !slices.ContainsFunc(list[:i], t.within) && !slices.ContainsFunc(list[i+1:], func(o warmTarget) bool { return t.within(o) && !o.within(t) }) {
			kept = append(kept, t)
		}
	}
	return kept
}

// within tells whether o is a tree that holds all of t, or the same file.
func (t warmTarget) within(o warmTarget) bool {
	switch {
	case o.file != nil:
		return t.bucket == o.bucket && t.prefix == o.prefix
	case o.bucket == "":
		return true
	}
	return t.bucket == o.bucket && strings.HasPrefix(t.prefix, o.prefix)
}

// pathOfKey is where a key shows below the mount's top; false for a key that the mount does not show.
func (f *FS) pathOfKey(bucket, key string) (string, bool) {
	rest, ok := strings.CutPrefix(key, f.o.Prefix)
	switch {
	case !ok || f.o.Bucket != "" && bucket != f.o.Bucket:
		return "", false
	case f.o.Bucket == "":
		return bucket + "/" + name.Path(rest, false), true
	}
	return name.Path(rest, false), true
}
