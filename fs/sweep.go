package fs

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"allasfs/s3"
)

const (
	maxSweeps     = 4        // tree walks that are followed at once
	sweepPages    = 2        // fetched at the most for one directory, which then lists itself
	sweepAhead    = 500      // entries: when fewer lie ready, the next page is fetched before it is asked for
	sweepMaxReady = 40 << 20 // bytes that lie ready at the most: those of half a million objects in directories of ten

	sweepRest     = time.Second // after a request that failed, twice as long after each that follows
	sweepRestMost = 30 * time.Second
)

// sweep is a flat listing that runs just ahead of a program that walks a tree (find, du, grep -r): one request a thousand objects in place of one a
// directory. Only what the walk asks for moves it: a page is fetched when a directory is awaited, or when little lies ready after one was taken. A walk in the
// order of keys has it jump to where the walk is; a scattered one has it go through the whole tree, as fast as the walk misses directories.
type sweep struct {
	f    *FS
	root place // of the topmost directory of the walk

	mu      sync.Mutex // guards all below; after FS.mu
	flat    flattener
	token   string    // continues after flat.at; "" after a jump
	begun   bool      // token is good for the next page
	done    bool      // no more keys
	fails   int       // requests that failed one after the other
	rest    time.Time // until when everyone lists for himself, because of them
	busy    bool      // a page is under way
	started time.Time
	seq     uint64                // started and seq of the page that is under way
	more    chan struct{}         // closed and replaced when a page has come
	ready   map[string]*packedDir // not asked for yet, by prefix
	order   []string              // of ready, the oldest first; may hold prefixes that were taken, no more than are ready and sweepAhead
	held    int                   // entries in ready, and one a directory
	bytes   int                   // that ready takes
	spoilt  map[string]struct{}   // changed here since the sweep began: not to be had from it
	deep    map[int]bool          // depths at which the last directory was not passed in sweepPages pages
	used    time.Time

	scattered bool // the walk takes directories in any order: all keys are gone through, from root's first, and what is passed is kept
	visits    int  // directories that were asked for and did not lie ready
	pages     int  // fetched
}

func (f *FS) newSweep(root place, first string) *sweep {
	w := &sweep{f: f, root: root, more: make(chan struct{}), ready: make(map[string]*packedDir), spoilt: make(map[string]struct{}),
		deep: make(map[int]bool), used: time.Now()}
	w.flat = flattener{bucket: root.bucket, root: root.list(), told: w.tell}
	w.flat.jump(before(first))
	return w
}

// newScatteredSweep is one for a walk of all that is below root in any order.
func (f *FS) newScatteredSweep(root place) *sweep {
	w := f.newSweep(root, "")
	w.scattered = true
	w.flat.jump(root.list())
	return w
}

// mayFetch tells whether a directory that does not lie ready may move the sweep; needs mu. A scattered one has no more pages than sweepPages for each such
// directory, so that few directories of very many cost little, and none while it is full: it goes on when something was taken.
func (w *sweep) mayFetch() bool {
	return !w.scattered || w.pages < sweepPages*w.visits && w.bytes < w.f.sweepMax-w.f.sweepMax/8
}

// before is a key that comes before all that begin with prefix, which ends in a slash, and after nearly everything else that does: start-after
// itself is left out of an answer, and the prefix may be a marker's key.
func before(prefix string) string { return strings.TrimSuffix(prefix, "/") + ".\U0010FFFF" }

// tell takes a complete directory; needs mu.
func (w *sweep) tell(d *flatDir) {
	if _, bad := w.spoilt[d.prefix]; bad {
		return
	}
	p, prefix := d.pack(), strings.Clone(d.prefix) // not the key that it was cut from
	w.ready[prefix] = p
	if len(w.order) > 2*len(w.ready)+sweepAhead { // most were taken
		w.order = slices.DeleteFunc(w.order, func(prefix string) bool { return w.ready[prefix] == nil })
	}
	w.order = append(w.order, prefix)
	w.held += 1 + p.n
	w.bytes += p.cost()
	for w.bytes > w.f.sweepMax && len(w.order) > 1 {
		w.drop(w.order[0])
		w.order = w.order[1:]
	}
}

// drop takes a listing away; needs mu.
func (w *sweep) drop(prefix string) {
	if p := w.ready[prefix]; p != nil {
		w.held -= 1 + p.n
		w.bytes -= p.cost()
		delete(w.ready, prefix)
	}
}

// take returns the listing of a prefix, if it lies ready, and sees to it that more do.
func (w *sweep) take(prefix string) *listing {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.takeReady(prefix)
}

// takeReady is take; needs mu.
func (w *sweep) takeReady(prefix string) *listing {
	p := w.ready[prefix]
	if p == nil {
		return nil
	}
	w.drop(prefix)
	w.used = time.Now()
	if !w.f.fresh(p.started) {
		return nil
	}
	delete(w.deep, depth(prefix))
	if w.held < sweepAhead && !w.busy && !w.done && !w.resting() {
		w.busy = true
		w.f.wg.Add(1)
		go func() {
			defer w.f.wg.Done()
			w.fetch(w.f.ctx)
		}()
	}
	return p.listing(place{bucket: w.root.bucket, prefix: prefix})
}

// resting tells whether no page is asked for since the store fails; needs mu.
func (w *sweep) resting() bool { return time.Now().Before(w.rest) }

// comes tells whether the directory of a prefix may come by the sweep, and how old what it shows may be; needs FS.mu.
func (w *sweep) comes(prefix string) (started time.Time, seq uint64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.reachable(prefix) || w.deep[depth(prefix)] {
		return time.Time{}, 0, false
	}
	w.used = time.Now()
	w.visits++
	switch d := w.flat.find(prefix); {
	case d != nil:
		return d.started, d.seq, true
	case w.busy:
		return w.started, w.seq, true
	}
	return time.Now(), w.f.seq, w.mayFetch()
}

// get is await; a nil sweep has nothing.
func (w *sweep) get(ctx context.Context, prefix string) *listing {
	if w == nil {
		return nil
	}
	return w.await(ctx, prefix)
}

// walking tells whether the walk got this far, so that a directory which lists itself belongs to it.
func (w *sweep) walking(prefix string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.resting() || !w.done && (w.scattered || w.deep[depth(prefix)] && prefix > w.flat.from)
}

// covers tells whether a directory lies below the root of the walk, or is it.
func (w *sweep) covers(p place) bool {
	return w.root.bucket == p.bucket && strings.HasPrefix(p.prefix, w.root.list())
}

// reachable tells whether a directory that is not ready may still come; needs mu.
func (w *sweep) reachable(prefix string) bool {
	_, bad := w.spoilt[prefix]
	if bad || w.resting() || w.done || !strings.HasPrefix(prefix, w.flat.root) {
		return false
	}
	if d := w.flat.find(prefix); d != nil {
		return d.whole
	}
	return prefix > w.flat.at
}

// await waits for the directory of a prefix, fetching at the most sweepPages pages for it, or as many as mayFetch allows; nil when it must list itself.
func (w *sweep) await(ctx context.Context, prefix string) *listing {
	for pages := 0; ; {
		w.mu.Lock()
		if l := w.takeReady(prefix); l != nil || !w.reachable(prefix) {
			w.mu.Unlock()
			return l
		}
		if more := w.more; w.busy {
			w.mu.Unlock()
			select {
			case <-more:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if pages == sweepPages && !w.scattered {
			w.deep[depth(prefix)] = true
			w.mu.Unlock()
			return nil
		}
		if !w.mayFetch() {
			w.mu.Unlock()
			return nil
		}
		if w.flat.find(prefix) == nil && !w.scattered { // nothing before it was asked for: go there at once
			w.flat.jump(before(prefix))
			w.begun = false
		}
		w.busy = true
		w.mu.Unlock()
		w.fetch(ctx)
		pages++
	}
}

// fetch gets the next page; busy is set, and belongs to the caller until fetch is back.
func (w *sweep) fetch(ctx context.Context) {
	w.f.mu.Lock()
	seq := w.f.seq
	w.f.mu.Unlock()
	w.mu.Lock()
	w.started, w.seq = time.Now(), seq
	o := s3.ListOptions{Prefix: w.flat.root, StartAfter: w.flat.at}
	if w.begun {
		o.Token = w.token
	}
	w.mu.Unlock()
	page, err := w.f.o.Store.List(ctx, w.root.bucket, o)
	if err == nil {
		err = w.f.described(ctx, w.root, page)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = false
	close(w.more)
	w.more = make(chan struct{})
	if err != nil {
		if ctx.Err() == nil { // else nobody waits for it any more, which is no failure
			w.fails++
			w.rest = time.Now().Add(min(sweepRest<<min(w.fails-1, 10), sweepRestMost))
		}
		return
	}
	w.fails = 0
	w.flat.page(page.Objects, w.started, w.seq)
	w.token, w.begun = page.Token, true
	w.pages++
	if page.Token == "" {
		w.flat.end()
		w.done = true
	}
}

// spoil keeps a directory that was changed here from being had from the sweep; needs FS.mu.
func (w *sweep) spoil(p place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.covers(p) {
		w.spoilt[p.prefix] = struct{}{}
		w.drop(p.prefix)
	}
}

// over tells whether nothing more is to be had. One that rests stays, lest each directory begins another.
func (w *sweep) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.busy && (w.done && len(w.ready) == 0 || !w.f.fresh(w.used))
}

func depth(prefix string) int { return strings.Count(prefix, "/") }
