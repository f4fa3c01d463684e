package fs

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"allasfs/s3"
)

// readAhead is how many entries a listing is ahead of its readers, a page.
const readAhead = 1000

// listing is one reading of a directory, page by page in the background; several handles follow it side by side. Complete, it answers lookups.
type listing struct {
	place   place
	started time.Time
	seq     uint64 // FS.seq when it began: own changes after that are newer
	limit   int    // pages, 0 = all; a listing that was begun on a guess stops there
	ctx     context.Context
	stop    context.CancelFunc // ends the fetching; nil of a listing that never fetched

	mu      sync.Mutex
	entries []entry // in the order of keys
	byName  []int32 // once complete: indices by name
	done    bool
	cut     bool // the limit was reached
	err     error
	marks   marks
	more    chan struct{} // closed and replaced when there is more, or done
	readers int           // handles; when the last one goes, a listing that is not done stops
	read    int           // the farthest entry that was asked for
	hungry  chan struct{} // not nil: the fetching waits until more is read, which closes it
	sizing  sizing        // of entries whose sizes the pages do not tell
}

// at waits for entry i; ok is false past the end.
func (l *listing) at(ctx context.Context, i int) (e entry, ok bool, err error) {
	for {
		l.mu.Lock()
		l.note(i)
		if i < len(l.entries) {
			e = l.entries[i]
			l.mu.Unlock()
			return e, true, nil
		}
		done, err, more := l.done, l.err, l.more
		l.mu.Unlock()
		if done {
			return entry{}, false, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return entry{}, false, ctx.Err()
		}
	}
}

// note takes down that entry i is asked for; needs mu.
func (l *listing) note(i int) {
	l.read = max(l.read, i)
	if l.hungry != nil && len(l.entries)-l.read <= readAhead {
		close(l.hungry)
		l.hungry = nil
	}
}

// wanted waits until less than a page lies ahead of what was read, so that a reader who stops after the first names costs two requests. The error
// is that of a listing that was stopped.
func (l *listing) wanted() error {
	l.mu.Lock()
	if len(l.entries)-l.read > readAhead && l.hungry == nil {
		l.hungry = make(chan struct{})
	}
	wait := l.hungry
	l.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-l.ctx.Done():
		}
	}
	return l.ctx.Err()
}

// leave takes one reader away.
func (l *listing) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readers--
	if l.readers == 0 && !l.done && l.stop != nil {
		l.cut = true
		l.stop()
	}
}

// complete tells whether the listing is whole, so that what it does not show does not exist.
func (l *listing) complete() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done && l.err == nil && !l.cut
}

// ended tells whether no more entries come.
func (l *listing) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done
}

// find looks a name up in a complete listing. In one that is not, it may miss a name.
func (l *listing) find(nm string) (entry, bool) {
	i, ok := l.index(nm)
	if !ok {
		return entry{}, false
	}
	return l.peek(i)
}

func (l *listing) publish(es []entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, es...)
	close(l.more)
	l.more = make(chan struct{})
}

func (l *listing) finish(seen marks, cut bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut { // nobody reads it any more
		err = nil
	}
	l.done, l.cut, l.err, l.marks = true, l.cut || cut, err, seen
	if l.stop != nil {
		l.stop()
	}
	l.byName = make([]int32, len(l.entries))
	for i := range l.byName {
		l.byName[i] = int32(i)
	}
	slices.SortFunc(l.byName, func(a, b int32) int { return strings.Compare(l.entries[a].name, l.entries[b].name) })
	close(l.more)
	l.more = make(chan struct{})
}

// list returns a listing of n to follow: the present one while it is fresh or still coming in, else a new one. limit bounds a new one's pages.
func (f *FS) list(n *node, limit int) *listing {
	f.mu.Lock()
	defer f.mu.Unlock()
	if limit == 0 {
		n.readAt = time.Now()
	}
	if l := n.listing; l != nil {
		l.mu.Lock()
		usable := l.err == nil && !l.cut && (f.fresh(l.started) || !l.done && l.limit == 0 && l.seq == f.seq && l.hungry == nil)
		if limit == 0 && l.limit > 0 && (!l.done || f.o.FullStat) { // it may end before the directory does, and tells no attributes
			usable = false
		}
		if usable && limit == 0 {
			l.readers++
		}
		l.mu.Unlock()
		if usable {
			return l
		}
	}
	if l := f.readyListing(n); l != nil {
		l.readers++
		return l
	}
	l := &listing{place: f.placeOf(n), started: time.Now(), seq: f.seq, limit: limit, more: make(chan struct{}), readers: 1}
	l.ctx, l.stop = context.WithCancel(f.ctx)
	var w *sweep
	if limit == 0 {
		if from, started, seq, ok := f.sweepOf(n, l.place); ok {
			w, l.started, l.seq = from, started, seq
		}
	}
	n.listing = l
	n.misses = 0
	f.spawn(func() { f.fetchListing(n, l, w) })
	return l
}

// fetchListing fills l, from the flat listing w if there is one that has it.
func (f *FS) fetchListing(n *node, l *listing, w *sweep) {
	var seen marks
	var cut bool
	var err error
	if flat := w.get(l.ctx, l.place.prefix); flat != nil {
		l.publish(flat.entries)
		seen = flat.marks
	} else {
		seen, cut, err = f.fetchPages(l)
	}
	l.finish(seen, cut, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.listing == l && l.complete() {
		n.settle(l, f.stamp(l.started))
	}
}

// settle takes what a complete listing, which was begun when asked says, tells of its directory, and forgets the own changes that it shows; needs FS.mu.
func (n *node) settle(l *listing, asked stamp) {
	n.asked, n.marker = asked, l.marks.own
	for nm, c := range n.changes {
		if c.seq <= l.seq {
			delete(n.changes, nm)
		}
	}
}

func (f *FS) fetchPages(l *listing) (seen marks, cut bool, err error) {
	if l.place.bucket == "" {
		return marks{}, false, f.fetchBuckets(l)
	}
	m := &merger{place: l.place}
	o := s3.ListOptions{Prefix: l.place.list(), Delimiter: "/"}
	first := ""
	for n := 1; ; n++ {
		page, err := f.o.Store.List(l.ctx, l.place.bucket, o)
		if err != nil {
			return marks{}, false, err
		}
		describe := f.described
		if l.limit > 0 {
			describe = f.namesOf // one name is looked for
		}
		if err := describe(l.ctx, l.place, page); err != nil {
			return marks{}, false, err
		}
		l.publish(m.page(page))
		if page.Token == "" {
			l.publish(m.end())
			return m.marks, false, nil
		}
		if n == l.limit {
			return m.marks, true, nil
		}
		o.Token = page.Token
		if l.limit > 0 {
			continue
		}
		from, last := bounds(page)
		if first == "" {
			first = from
		}
		if err := l.wanted(); err != nil {
			return marks{}, false, err
		}
		if n >= rangesAfter && last != "" {
			err := f.fetchRanges(l, m, newRanges(l.place.list(), first, last, page.Token))
			return m.marks, false, err
		}
	}
}

func (f *FS) fetchBuckets(l *listing) error {
	buckets, err := f.o.Store.Buckets(l.ctx)
	if err != nil {
		return err
	}
	es := make([]entry, len(buckets))
	for i, b := range buckets {
		es[i] = entry{name: b.Name, dir: true, modified: b.Created.UnixNano()}
	}
	l.publish(es)
	more, err := f.fetchUnlisted(l.ctx, es)
	l.publish(more)
	return err
}
