package fs

import (
	"context"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"

	"allasfs/fs/name"
)

// DirEntry is one name of a directory.
type DirEntry struct {
	Name string
	Mode uint32 // type bits; 0 = unknown: an empty object may mean a directory, which only HEAD tells
	Ino  uint64 // 0 = unknown
}

// DirHandle is one open directory: a stable sequence of entries ("." and ".." are not among them), the listing's in the order of keys with what
// was changed here laid over it.
type DirHandle struct {
	f *FS
	n *node

	released    sync.Once
	cache, keep bool // see cacheNames

	mu    sync.Mutex // guards all below
	l     *listing
	next  int     // entry of l that was not looked at yet
	order []int32 // shown entries: an index of l, or of local as -1-i
	local []entry // that l does not show
	ended bool
}

// OpenDir opens a directory for reading; the first page of a listing is on its way when it returns.
func (f *FS) OpenDir(ctx context.Context, id uint64) (*DirHandle, error) {
	f.mu.Lock()
	n, err := f.directory(id)
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	d := &DirHandle{f: f, n: n, l: f.list(n, 0)}
	f.mu.Lock()
	defer f.mu.Unlock()
	d.cacheNames()
	return d, nil
}

// Release ends the handle. A listing that nobody else reads stops where it is.
func (d *DirHandle) Release() {
	d.released.Do(func() {
		d.l.leave()
		if d.cache {
			d.f.mu.Lock()
			defer d.f.mu.Unlock()
			d.n.cached.handles--
		}
	})
}

// Entry returns entry i (from 0); ok is false past the end. It may wait for the next page of the listing.
func (d *DirHandle) Entry(ctx context.Context, i int) (e DirEntry, ok bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i >= len(d.order) {
		if d.ended {
			return DirEntry{}, false, nil
		}
		if err := d.advance(ctx); err != nil {
			return DirEntry{}, false, err
		}
	}
	x, err := d.entry(i)
	if err != nil {
		return DirEntry{}, false, err
	}
	mode := uint32(syscall.S_IFREG)
	switch {
	case x.dir:
		mode = syscall.S_IFDIR
	case x.unsized:
		mode = d.f.typeOfUnsized(d.l.place, x)
	case d.f.isKnownLink(d.l.place, x):
		mode = syscall.S_IFLNK
	}
	d.f.mu.Lock()
	defer d.f.mu.Unlock()
	if c := d.n.children[x.name]; c != nil && d.knowsBetter(c) {
		return DirEntry{Name: x.name, Mode: d.f.attrOf(c).Mode & syscall.S_IFMT, Ino: c.id}, true, nil
	}
	return DirEntry{Name: x.name, Mode: mode, Ino: inode(d.l.place, x.name)}, true, nil
}

// knowsBetter tells whether a node is newer than the listing; needs FS.mu.
func (d *DirHandle) knowsBetter(n *node) bool { return n.checked.After(d.l.started) || n.unsent() }

func (d *DirHandle) entry(i int) (entry, error) {
	if k := d.order[i]; k < 0 {
		return d.local[-1-k], nil
	}
	e, ok, err := d.l.at(context.Background(), int(d.order[i])) // already there: does not wait
	if err == nil && !ok {
		err = os.ErrNotExist
	}
	return e, err
}

// advance takes the listing's next entry, or at its end what only this mount knows.
func (d *DirHandle) advance(ctx context.Context) error {
	e, ok, err := d.l.at(ctx, d.next)
	if err != nil {
		return err
	}
	if !ok {
		d.ended = true
		d.addLocal()
		return nil
	}
	d.f.mu.Lock()
	_, hidden := d.override(e.name)
	sidecar := !hidden && d.hidesListed(d.next, e.name)
	beside := hidden && !e.dir && e.size > 0 && d.n.unsentDir(e.name)
	d.f.mu.Unlock()
	switch {
	case sidecar:
	case !hidden:
		d.order = append(d.order, int32(d.next))
	case beside:
		if part, err := decode(d.l.place, e.name); err == nil {
			if nm, _, ok := name.Child(d.l.place.cont, d.l.place.cont+part.Elem, true); ok {
				e.name = nm
				d.addEntry(e)
			}
		}
	}
	d.next++
	return nil
}

// override tells whether this mount knows better than the listing about a name; needs FS.mu.
func (d *DirHandle) override(nm string) (change, bool) {
	ch, ok := d.n.changes[nm]
	if ok && ch.seq > d.l.seq {
		return ch, true
	}
	c := d.n.children[nm]
	return change{}, c != nil && c.unsent()
}

func (d *DirHandle) addEntry(e entry) {
	d.local = append(d.local, e)
	d.order = append(d.order, int32(-len(d.local)))
}

// addLocal adds the names that this mount knows better, after the listing's.
func (d *DirHandle) addLocal() {
	d.f.mu.Lock()
	defer d.f.mu.Unlock()
	told := make(map[string]struct{})
	for _, nm := range slices.Sorted(maps.Keys(d.n.changes)) { // two handles of one state number their entries alike
		ch := d.n.changes[nm]
		if ch.seq <= d.l.seq {
			continue
		}
		told[nm] = struct{}{}
		if c := d.n.children[nm]; (!ch.gone || c != nil && (c.stays || c.unsent())) && !d.hidesLocal(nm) {
			e := ch.e
			e.name = nm
			if c != nil {
				e.dir = c.kind == kindDir
			}
			d.addEntry(e)
		}
	}
	var more []string
	for nm, c := range d.n.children {
		if _, done := told[nm]; !done && (c.unsent() || d.isHereAlone(c)) && !d.hidesLocal(nm) {
			more = append(more, nm)
		}
	}
	for _, nm := range slices.Sorted(slices.Values(more)) {
		d.addEntry(entry{name: nm, dir: d.n.children[nm].kind == kindDir})
	}
}

// isHereAlone tells of what the listing, which has ended, does not show: a bucket that was opened by its name though it is not the project's, or an empty piece
// of long names; needs FS.mu.
func (d *DirHandle) isHereAlone(c *node) bool {
	unlisted := d.l.place.bucket == "" && d.f.fresh(c.checked) && !c.refused()
	if !unlisted && !c.stays {
		return false
	}
	_, listed := d.l.find(c.name)
	return !listed
}

// StatKnown tells whether Stat of entry i would cost no request.
func (d *DirHandle) StatKnown(i int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i >= len(d.order) {
		return true
	}
	e, err := d.entry(i)
	return err != nil || !e.unsized
}

// Stat returns the attributes of entry i as Lookup would, from the listing, and adds a reference. os.ErrNotExist when it is gone. It asks for a size that the
// listing does not tell.
func (d *DirHandle) Stat(ctx context.Context, i int) (Attr, error) {
	d.mu.Lock()
	if i >= len(d.order) {
		d.mu.Unlock()
		return Attr{}, os.ErrNotExist
	}
	e, err := d.entry(i)
	k, started, seq := d.order[i], d.l.started, d.l.seq
	d.mu.Unlock()
	f := d.f
	if err == nil && e.unsized {
		e, err = f.sized(ctx, d.l, int(k))
	}
	if err != nil {
		return Attr{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := d.n.children[e.name]; n != nil && d.knowsBetter(n) {
		n.refs++
		return f.attrOf(n), nil
	}
	ch, changed := d.n.changes[e.name]
	if changed && ch.seq > seq {
		if ch.gone {
			return Attr{}, os.ErrNotExist
		}
		e, started = ch.e, ch.at
	}
	part, err := decode(d.l.place, e.name)
	if err != nil {
		return Attr{}, os.ErrNotExist
	}
	n := f.adopt(d.n, e, part, started)
	n.refs++
	return f.attrOf(n), nil
}
