package fs

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"allasfs/s3"
)

// headOfListed is what HEAD said of an entry whose listed size cannot be believed, good while ETag and date stand and no opening or reading finds it wrong: segments may
// be added to a dynamic large object, of which its entry shows nothing.
type headOfListed struct {
	etag     string
	modified time.Time
	asked    time.Time
	object   s3.Object
}

// mayHaveGrown tells whether a file that nobody has open is a dynamic large object that the store was not asked about for longer than metadata is trusted, though
// listings went on to show its entry as it was. Needs f.mu.
func (f *FS) mayHaveGrown(n *node) bool {
	if !n.obj.large || n.parent == nil || n.draft != nil || n.handles > 0 {
		return false
	}
	bucket, key := f.keyOf(n)
	h, ok := f.heads.Get(objectName{bucket, key})
	return ok && h.object.Large == s3.DLO && h.object.ETag == n.obj.etag && time.Since(h.asked) > max(f.o.TTL, time.Second)
}

// confirmHead notes that what HEAD said of a file's entry was found right at the time asked; needs f.mu.
func (f *FS) confirmHead(n *node, asked time.Time) {
	bucket, key := f.keyOf(n)
	nm := objectName{bucket, key}
	if h, ok := f.heads.Get(nm); ok && h.object.ETag == n.obj.etag {
		h.asked = asked
		f.heads.Add(nm, h)
	}
}

// disbelieve forgets what listings show of a file, and what HEAD said of its entry, since the store has told otherwise; needs f.mu.
func (f *FS) disbelieve(n *node) {
	bucket, key := f.keyOf(n)
	f.heads.Remove(objectName{bucket, key})
	delete(n.parent.changes, n.name)
	n.parent.listing = nil
	f.spoil(n.parent)
}

// namesOf finds out what must be known of a listed page's objects before their names can be told: whether one that may be a Swift large object is one, where
// an empty object would mean a directory. Of the others sizes are told if they are known; else their entries are unsized.
func (f *FS) namesOf(ctx context.Context, p place, page *s3.Page) error {
	return f.trueSizesOf(ctx, p, page.Objects, func(o s3.Object) bool { return besideDir(page, o.Key) })
}

// besideDir tells whether a page shows a directory of the name of the object key, or the marker of Hadoop's that would mean it, or may end before it does; or
// whether the object may be such a marker.
func besideDir(page *s3.Page, key string) bool {
	if strings.HasSuffix(key, folderSuffix) {
		return true
	}
	shows := func(end string) bool {
		want := key + end
		i, _ := slices.BinarySearchFunc(page.Objects, want, func(o s3.Object, want string) int { return strings.Compare(o.Key, want) })
		j, _ := slices.BinarySearch(page.Prefixes, want)
		return i < len(page.Objects) && strings.HasPrefix(page.Objects[i].Key, want) || j < len(page.Prefixes) && page.Prefixes[j] == want
	}
	_, last := bounds(page)
	return shows("/") || shows(folderSuffix) || page.Token != "" && last < key+folderSuffix
}

// trueSizes replaces, in place, the entries that may be Swift large objects or directory markers by what HEAD says, side by side; a key that ends in a
// slash is a marker, whose size does not matter. One that is gone meanwhile stays as listed.
func (f *FS) trueSizes(ctx context.Context, p place, objects []s3.Object) error {
	return f.trueSizesOf(ctx, p, objects, func(s3.Object) bool { return true })
}

// trueSizesOf is trueSizes that asks no more than ask says.
func (f *FS) trueSizesOf(ctx context.Context, p place, objects []s3.Object, ask func(s3.Object) bool) error {
	var asked []*s3.Object // before any is replaced, for ask looks at them all
	for i := range objects {
		o := &objects[i]
		if o.MaybeLarge() && !strings.HasSuffix(o.Key, "/") && !f.recallSize(p.bucket, o) && ask(*o) {
			asked = append(asked, o)
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, o := range asked {
		if err := f.requests.Acquire(ctx, 1); err != nil {
			break
		}
		g.Go(func() error {
			defer f.requests.Release(1)
			h, err := f.askSize(ctx, p.bucket, *o)
			if isNotExist(err) {
				return nil
			}
			if err == nil {
				*o = h
			}
			return err
		})
	}
	return g.Wait()
}

// recallSize replaces a listed object by what HEAD said of it before, if it did.
func (f *FS) recallSize(bucket string, o *s3.Object) bool {
	if h, ok := f.heads.Get(objectName{bucket, o.Key}); ok && h.etag == o.ETag && h.modified.Equal(o.Modified) {
		*o = h.object
		return true
	}
	if !f.empties.has(bucket, *o) { // what else is known of it is known to the second, in which a large object, whose entry is the same, may have come in its place
		return false
	}
	*o = o.Plain()
	if a, ok := f.describedBefore(bucket, *o); ok {
		o.ContentType = a.contentType
	}
	return true
}

// askSize asks for a listed object, and remembers the answer.
func (f *FS) askSize(ctx context.Context, bucket string, o s3.Object) (s3.Object, error) {
	asked := time.Now()
	h, err := f.o.Store.Head(ctx, bucket, o.Key)
	if err != nil {
		return s3.Object{}, err
	}
	h.Modified = o.Modified // to the second in HEAD: one date for one version
	f.heads.Add(objectName{bucket, o.Key}, headOfListed{etag: o.ETag, modified: o.Modified, asked: asked, object: h})
	f.learn(bucket, h)
	if h.Large == s3.NotLarge {
		f.attrFile.add(bucket, h)
		if h.Size == 0 && h.ETag == o.ETag && !meansDir(h) {
			f.warnKeep(f.empties.add(bucket, o))
		}
	}
	return h, nil
}

// sizing is the asking for the sizes of a listing's entries. Nobody asks before a program wants to know one; then others are asked for side by side, as many
// as were wanted before: in the order of the listing, and then from its start, since who goes by another order is likely to want any. Guarded by listing.mu.
type sizing struct {
	wanted  int                  // by programs
	under   map[int32]*sizingOne // requests that are under way, by entry
	first   int                  // where the asking ahead began
	next    int                  // where it is
	wrapped bool                 // it was at the end of the listing
}

// sizingOne is one request that is under way.
type sizingOne struct {
	done chan struct{} // closed with the answer
	err  error
}

const (
	sizesAhead  = 512 // requests for sizes ahead of who asks, for one listing at once; FS.requests bounds those that are under way
	sizesSettle = 8   // entries that were wanted before it is believed where they go
)

// sized returns entry i of a listing with its true size and kind, asking for it if it must, and for others ahead. os.ErrNotExist when the object is gone.
func (f *FS) sized(ctx context.Context, l *listing, i int) (entry, error) {
	one := f.want(l, i)
	if one == nil {
		e, _ := l.peek(i)
		return e, nil
	}
	select {
	case <-one.done:
	case <-ctx.Done():
		return entry{}, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[i], one.err
}

// want asks for the size of entry i, which a program waits for, and for others; nil when it is known.
func (f *FS) want(l *listing, i int) *sizingOne {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.entries[i].unsized {
		return nil
	}
	s := &l.sizing
	s.wanted++
	one := s.under[int32(i)]
	if one == nil {
		if s.wanted <= sizesSettle {
			s.first, s.next, s.wrapped = i+1, i+1, false
		}
		one = f.askEntry(l, i, false)
	}
	f.askAhead(l)
	return one
}

// askAhead has as many entries under way as were wanted before, up to sizesAhead; needs f.mu and l.mu.
func (f *FS) askAhead(l *listing) {
	s := &l.sizing
	for len(s.under) < min(s.wanted, sizesAhead) {
		switch {
		case s.next >= len(l.entries) && (!l.done || s.wrapped):
			return
		case s.next >= len(l.entries):
			s.next, s.wrapped = 0, true
		case s.wrapped && s.next >= s.first:
			return
		}
		if l.entries[s.next].unsized && s.under[int32(s.next)] == nil {
			f.askEntry(l, s.next, true)
		}
		s.next++
	}
}

// askEntry asks for entry i in the background; ahead: behind those that somebody waits for. Needs f.mu and l.mu.
func (f *FS) askEntry(l *listing, i int, ahead bool) *sizingOne {
	one := &sizingOne{done: make(chan struct{})}
	if l.sizing.under == nil {
		l.sizing.under = make(map[int32]*sizingOne)
	}
	l.sizing.under[int32(i)] = one
	e := l.entries[i]
	f.spawn(func() {
		sized, err := f.sizeOf(l.place, e, ahead)
		l.mu.Lock()
		defer l.mu.Unlock()
		if err == nil {
			l.entries[i] = sized
		}
		delete(l.sizing.under, int32(i))
		one.err = err
		close(one.done)
	})
	return one
}

// sizeOf asks for an unsized entry.
func (f *FS) sizeOf(p place, e entry, ahead bool) (entry, error) {
	part, err := decode(p, e.name)
	if err != nil {
		return entry{}, err
	}
	if ahead {
		if err := f.requests.Acquire(f.ctx, 1); err != nil {
			return entry{}, err
		}
		defer f.requests.Release(1)
	}
	h, err := f.askSize(f.ctx, p.bucket, s3.Object{Key: p.list() + part.Elem, ETag: e.etag, Modified: time.Unix(0, e.modified)})
	if err != nil {
		return entry{}, err
	}
	sized := fileEntry(h)
	if meansDir(h) {
		sized = entry{dir: true, marker: true}
	}
	sized.name = e.name
	return sized, nil
}

// findSized is find that asks for the size; needs no lock.
func (f *FS) findSized(ctx context.Context, l *listing, nm string) (e entry, ok bool, err error) {
	i, ok := l.index(nm)
	if !ok {
		return entry{}, false, nil
	}
	e, err = f.sized(ctx, l, i)
	return e, err == nil, err
}

// unsizedIn returns the fresh listing that shows nm in a directory but not its size; nil when there is none. Needs f.mu.
func (f *FS) unsizedIn(d *node, nm string) *listing {
	l := d.listing
	if l == nil || !f.fresh(l.started) || d.changes[nm].seq > l.seq {
		return nil
	}
	if e, ok := l.find(nm); !ok || !e.unsized {
		return nil
	}
	return l
}

// typeOfUnsized is the type of an unsized entry: it is known of what was uploaded here, and of what HEAD told; 0 where it is not.
func (f *FS) typeOfUnsized(p place, e entry) uint32 {
	part, err := decode(p, e.name)
	if err != nil {
		return 0
	}
	switch a := f.recall(e.object().version(p.bucket, p.list()+part.Elem)); {
	case !a.known:
		return 0
	case isDirType(a.contentType):
		return syscall.S_IFDIR
	}
	return syscall.S_IFREG
}
