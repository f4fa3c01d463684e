package fs

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"allasfs/s3"
)

// listing is one reading of a directory, page by page in the background; several handles follow it side by side. Complete, it answers lookups.
type listing struct {
	place   place
	started time.Time
	seq     uint64 // FS.seq when it began: own changes after that are newer
	limit   int    // pages, 0 = all; a listing that was begun on a guess stops there

	mu      sync.Mutex
	entries []entry // in the order of keys
	byName  []int32 // once complete: indices by name
	done    bool
	cut     bool // the limit was reached
	err     error
	marker  bool          // the directory has a marker
	more    chan struct{} // closed and replaced when there is more, or done
}

// at waits for entry i; ok is false past the end.
func (l *listing) at(ctx context.Context, i int) (e entry, ok bool, err error) {
	for {
		l.mu.Lock()
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

// find looks a name up in a complete listing.
func (l *listing) find(nm string) (entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := slices.BinarySearchFunc(l.byName, nm, func(i int32, nm string) int { return strings.Compare(l.entries[i].name, nm) })
	if !ok {
		return entry{}, false
	}
	return l.entries[l.byName[i]], true
}

func (l *listing) publish(es []entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, es...)
	close(l.more)
	l.more = make(chan struct{})
}

func (l *listing) finish(marker, cut bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done, l.cut, l.err, l.marker = true, cut, err, marker
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
	if l := n.listing; l != nil {
		l.mu.Lock()
		usable := l.err == nil && !l.cut && (f.fresh(l.started) || !l.done && l.limit == 0 && l.seq == f.seq)
		l.mu.Unlock()
		if usable {
			return l
		}
	}
	l := &listing{place: f.placeOf(n), started: time.Now(), seq: f.seq, limit: limit, more: make(chan struct{})}
	n.listing = l
	n.misses = 0
	f.spawn(func() { f.fetchListing(n, l) })
	return l
}

func (f *FS) fetchListing(n *node, l *listing) {
	marker, cut, err := f.fetchPages(l)
	l.finish(marker, cut, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || cut || n.listing != l {
		return
	}
	n.asked, n.marker = true, marker
	for nm, c := range n.changes {
		if c.seq <= l.seq {
			delete(n.changes, nm)
		}
	}
}

func (f *FS) fetchPages(l *listing) (marker, cut bool, err error) {
	if l.place.bucket == "" {
		return false, false, f.fetchBuckets(l)
	}
	m := &merger{place: l.place}
	o := s3.ListOptions{Prefix: l.place.list(), Delimiter: "/"}
	for n := 1; ; n++ {
		page, err := f.o.Store.List(f.ctx, l.place.bucket, o)
		if err != nil {
			return false, false, err
		}
		if err := f.trueSizes(f.ctx, l.place, page.Objects); err != nil {
			return false, false, err
		}
		l.publish(m.page(page))
		if page.Token == "" {
			l.publish(m.end())
			return m.marker, false, nil
		}
		if n == l.limit {
			return m.marker, true, nil
		}
		o.Token = page.Token
	}
}

func (f *FS) fetchBuckets(l *listing) error {
	buckets, err := f.o.Store.Buckets(f.ctx)
	if err != nil {
		return err
	}
	es := make([]entry, len(buckets))
	for i, b := range buckets {
		es[i] = entry{name: b.Name, dir: true, modified: b.Created.UnixNano()}
	}
	l.publish(es)
	return nil
}

// headOfListed is what HEAD said of an entry whose listed size cannot be believed, good while ETag and date stand.
type headOfListed struct {
	modified time.Time
	object   s3.Object
}

// trueSizes replaces, in place, the entries that may be Swift large objects or directory markers by what HEAD says, side by side. One that is gone
// meanwhile stays as listed.
func (f *FS) trueSizes(ctx context.Context, p place, objects []s3.Object) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range objects {
		o := &objects[i]
		if !o.MaybeLarge() || o.Key == p.list() {
			continue
		}
		id := versionKey{p.bucket, o.Key, o.ETag}
		if h, ok := f.heads.Get(id); ok && h.modified.Equal(o.Modified) {
			*o = h.object
			continue
		}
		if err := f.requests.Acquire(ctx, 1); err != nil {
			break
		}
		g.Go(func() error {
			defer f.requests.Release(1)
			h, err := f.o.Store.Head(ctx, p.bucket, o.Key)
			if isNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			listed := o.Modified
			h.Modified = listed // to the second in HEAD: one date for one version
			f.heads.Add(id, headOfListed{modified: listed, object: h})
			f.learn(p.bucket, h)
			*o = h
			return nil
		})
	}
	return g.Wait()
}
