package fs

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"allasfs/fs/name"
	"allasfs/s3"
)

const (
	guessAfter = 4  // names asked for one by one before the whole directory is listed
	guessPages = 10 // pages of such a listing at the most, which somebody waits for

	requestsOfLook = 2 // of askOne
)

// learn remembers the attributes that HEAD told of a version.
func (f *FS) learn(bucket string, o s3.Object) {
	f.attrs.Add(versionKey{bucket, o.Key, o.ETag}, attrsOf(o))
}

// recall finds the attributes of a version, if they are known and still of the same date.
func (f *FS) recall(v s3.Version) knownAttrs {
	k := versionKey{v.Bucket, v.Key, v.ETag}
	a, ok := f.attrs.Get(k)
	switch {
	case !ok:
		return knownAttrs{}
	case a.modified.IsZero() && !v.Modified.IsZero():
		a.modified = v.Modified // our own upload, seen listed for the first time
		f.attrs.Add(k, a)
	case !v.Modified.IsZero() && !a.modified.Truncate(time.Second).Equal(v.Modified.Truncate(time.Second)):
		return knownAttrs{}
	}
	return a
}

// Lookup finds a name in a directory and adds a reference to its node. os.ErrNotExist when there is none; of the attributes Valid is set then.
// name.ErrTooLong when none can be so long.
func (f *FS) Lookup(ctx context.Context, parent uint64, nm string) (Attr, error) {
	n, err := f.lookup(ctx, parent, nm)
	if err == nil && !f.lookCloser(ctx, n) {
		f.unpin(n)
		n, err = f.lookup(ctx, parent, nm)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Attr{Valid: f.absentFor(parent, nm)}, err
	case err != nil:
		return Attr{}, err
	}
	return f.attrOf(n), nil
}

// pin adds a reference that unpin gives back, so that n is not forgotten meanwhile; needs f.mu.
func pin(n *node) *node {
	n.refs++
	return n
}

func (f *FS) unpin(n *node) {
	if n != nil {
		f.Forget(n.id, 1)
	}
}

// directory is the node of a directory that is still there.
func (f *FS) directory(id uint64) (*node, error) {
	n := f.nodes[id]
	switch {
	case n == nil:
		return nil, syscall.ESTALE
	case n.kind != kindDir:
		return nil, syscall.ENOTDIR
	case n.id != RootID && n.parent == nil:
		return nil, os.ErrNotExist
	}
	return n, nil
}

// lookup is Lookup that returns the node, pinned.
func (f *FS) lookup(ctx context.Context, parent uint64, nm string) (*node, error) {
	if len(nm) > name.MaxName {
		return nil, name.ErrTooLong
	}
	f.mu.Lock()
	d, err := f.directory(parent)
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	n, known := f.recallName(d, nm)
	if n != nil {
		pin(n)
	}
	p, unsized := f.placeOf(d), f.unsizedIn(d, nm)
	f.mu.Unlock()
	if known && n == nil {
		return nil, os.ErrNotExist
	}
	if known {
		return n, nil
	}
	if unsized != nil {
		_, _, err := f.findSized(ctx, unsized, nm)
		if err == nil {
			return f.lookup(ctx, parent, nm)
		}
		if !isNotExist(err) {
			return nil, err
		}
	}
	part, err := decode(p, nm)
	if err != nil {
		return nil, os.ErrNotExist
	}
	e, asked, err := f.ask(ctx, d, p, nm, part)
	f.mu.Lock()
	if f.placeOf(d) != p || p.bucket != "" && f.listedSince(d, asked) { // renamed meanwhile: the answer is about another directory; or older than the listing
		f.mu.Unlock()
		return f.lookup(ctx, parent, nm)
	}
	defer f.mu.Unlock()
	if err != nil && !isNotExist(err) {
		return nil, err
	}
	if n, changed := f.changedSince(d, nm, asked); changed {
		if n == nil {
			return nil, os.ErrNotExist
		}
		return pin(n), nil
	}
	if err == nil {
		return pin(f.adopt(d, e, part, asked)), nil
	}
	if c := d.children[nm]; c != nil {
		f.leave(c)
	}
	if l := d.listing; f.o.TTL > 0 && (l == nil || !l.started.After(asked)) { // one that is under way will tell
		f.noteSeen(d, nm, change{gone: true}, asked)
	}
	return nil, os.ErrNotExist
}

// listedSince tells whether a directory was listed after the store was asked about one of its names, so that the listing knows better; needs f.mu.
func (f *FS) listedSince(n *node, asked time.Time) bool {
	return f.isWhole(n.listing) && n.listing.started.After(asked)
}

// changedSince tells whether a name is known to have changed after the store was asked about it, so that its answer may be of the time before, and
// what the name is now: nil when it is gone. The node of the change may have been forgotten since. Needs f.mu.
func (f *FS) changedSince(d *node, nm string, asked time.Time) (n *node, changed bool) {
	if c := d.children[nm]; c != nil && (c.checked.After(asked) || c.unsent()) {
		return c, true
	}
	ch, ok := d.changes[nm]
	if !ok || !ch.at.After(asked) {
		return nil, false
	}
	return f.fromChange(d, nm, ch), true
}

// decode reads a name in a directory; an error for a name that nothing there can have.
func decode(p place, nm string) (name.Part, error) {
	if p.bucket == "" {
		if len(nm) == 0 || nm == "." || nm == ".." {
			return name.Part{}, name.ErrInvalid
		}
		return name.Part{Elem: nm}, nil
	}
	if !utf8.ValidString(nm) {
		return name.Part{}, name.ErrInvalid // the store takes no such key
	}
	return name.DecodeAfter(p.cont, nm)
}

// recallName answers a name from what is known here; needs f.mu. known with a nil node: it does not exist.
func (f *FS) recallName(d *node, nm string) (n *node, known bool) {
	c := d.children[nm]
	if c != nil && (f.fresh(c.checked) || c.attrsUnsent || c.unsent()) {
		return c, true
	}
	ch, changed := d.changes[nm]
	if changed && f.fresh(ch.at) {
		return f.fromChange(d, nm, ch), true
	}
	l := d.listing
	if l == nil || !f.fresh(l.started) {
		l = f.readyListing(d)
	}
	if l == nil {
		return nil, false
	}
	whole, newer := l.complete(), changed && ch.seq > l.seq
	if newer && whole {
		return f.fromChange(d, nm, ch), true
	}
	e, ok := l.find(nm)
	if !whole && (newer || !ok) { // what the listing shows already is there
		return nil, false
	}
	if !ok {
		if f.placeOf(d).bucket == "" {
			return nil, false // a bucket need not be listed to be there
		}
		if c != nil {
			if c.attrsUnsent {
				return nil, false
			}
			f.leave(c)
		}
		return nil, true
	}
	if e.unsized {
		return nil, false
	}
	part, err := decode(f.placeOf(d), nm)
	if err != nil {
		return nil, true
	}
	return f.adopt(d, e, part, l.started), true
}

func (f *FS) fromChange(d *node, nm string, ch change) *node {
	if ch.gone {
		return nil
	}
	part, err := decode(f.placeOf(d), nm)
	if err != nil {
		return nil
	}
	return f.adopt(d, ch.e, part, ch.at)
}

// adopt returns the node of an entry that was true at the time asked, making or updating it; needs f.mu. What was learned later, and what has
// changes of its own here, stays. A file that is open and is another version now becomes a new node: the open handles keep the old.
func (f *FS) adopt(d *node, e entry, part name.Part, asked time.Time) *node {
	k := kindFile
	if e.dir {
		k = kindDir
	}
	n := d.children[e.name]
	if n != nil && (n.attrsUnsent || n.checked.After(asked) || n.unsent()) {
		return n
	}
	if n != nil && (n.kind == kindDir) != (k == kindDir) {
		f.leave(n)
		n = nil
	}
	if n != nil && k == kindFile && n.obj.exists && (f.isFixed(n, e.object()) || f.changesKind(n, e)) {
		f.leave(n)
		n = nil
	}
	if n == nil {
		n = f.newNode(d, e.name, part, k)
	}
	n.checked = asked
	if k == kindDir {
		n.plain = e.marker
		if e.refused != n.refused() {
			n.at.hasMode, n.at.mode = e.refused, 0
		}
		if n.at.modified.IsZero() && e.modified != 0 {
			n.obj.modified = time.Unix(0, e.modified)
		}
		return n
	}
	f.setObject(n, e.object())
	return n
}

// isFixed tells whether n cannot become the object o of the store: it is open and o another version; or the kernel, which collects writes, knows n and
// would not believe another size or time. Needs f.mu.
func (f *FS) isFixed(n *node, o object) bool {
	switch {
	case n.handles > 0:
		return !n.obj.same(o)
	case !f.o.KernelWrites || n.refs == 0:
		return false
	case !n.obj.same(o):
		return true
	}
	bucket, key := f.keyOf(n)
	a := f.recall(o.version(bucket, key))
	if !a.known && n.obj.modified.Unix() == o.modified.Unix() {
		return false
	}
	return f.attrOf(n).Mtime.Sub(mtimeOf(o, a)).Abs() >= apart
}

// changesKind tells whether a file became a symbolic link, or a link a file; needs f.mu.
func (f *FS) changesKind(n *node, e entry) bool {
	bucket, key := f.keyOf(n)
	a := f.recall(e.object().version(bucket, key))
	return a.known && a.link != (n.kind == kindLink)
}

// same tells whether two states of a key are one version with the same metadata.
func (o object) same(p object) bool {
	return o.etag == p.etag && o.size == p.size
}

// setObject makes o the state of the store's object of n, and finds its attributes if they are known; needs f.mu.
func (f *FS) setObject(n *node, o object) {
	if !n.obj.same(o) && n.reader != nil {
		f.closeReader(n)
	}
	moved := !n.obj.same(o) || n.obj.modified.Unix() != o.modified.Unix()
	f.keepTold(n)
	n.obj = o
	if a := f.recall(f.versionOf(n)); a.known {
		n.at = a
	} else if moved {
		n.at = knownAttrs{}
	} else {
		return
	}
	n.kind = kindFile
	if n.at.link {
		n.kind = kindLink
	}
}

// leave takes a node, and what is below it, out of its directory because the store holds something else or nothing there now; needs f.mu.
func (f *FS) leave(n *node) {
	for _, c := range n.children {
		f.leave(c)
	}
	n.stale = true
	f.detach(n)
}

// ask asks the store about one name, and tells of when the answer is, at the earliest. After a few such questions the whole directory is listed, as one that
// is walked will be.
func (f *FS) ask(ctx context.Context, d *node, p place, nm string, part name.Part) (e entry, asked time.Time, err error) {
	asked = time.Now()
	if p.bucket == "" {
		e, err := f.askBucket(ctx, nm)
		return e, asked, err
	}
	f.mu.Lock()
	d.misses++
	beside := part.Object && d.unsentDir(name.Encode(part.Elem, false)[0])
	guess, again := f.guesses(d)
	f.mu.Unlock()
	if again {
		f.listAgain(d)
	}
	if guess && !beside {
		if l := f.askListing(ctx, d); l != nil {
			e, ok, err := f.findSized(ctx, l, nm)
			if err == nil && !ok {
				err = os.ErrNotExist
			}
			return e, l.started, err
		}
	}
	if part.Continued {
		e, err = f.askContinued(ctx, p, nm, part)
	} else {
		e, err = f.askOne(ctx, p, nm, part, beside)
	}
	return e, asked, err
}

// askBucket asks for a bucket. One that the store lets nobody here look into is there all the same, so that its name is taken; the reason is told.
func (f *FS) askBucket(ctx context.Context, nm string) (entry, error) {
	_, err := f.o.Store.HeadBucket(ctx, nm)
	f.rememberBucket(nm, err)
	e := entry{name: nm, dir: true}
	if errors.Is(err, os.ErrPermission) {
		f.Report("look into", nm, err)
		e.refused, err = true, nil
	}
	return e, err
}

// guesses tells whether the whole directory d is to be listed since some of its names were asked for one by one: before the next is answered, or again, beside
// that, when it is known to be so large that nobody should wait for it, and as many were asked for as that costs. Needs f.mu.
func (f *FS) guesses(d *node) (now, again bool) {
	l := d.listing
	if d.misses <= guessAfter || f.o.TTL <= 0 || l != nil && f.fresh(l.started) {
		return false, false
	}
	if l == nil || !l.complete() || len(l.entries) <= guessPages*readAhead {
		return true, false
	}
	return false, d.misses*requestsOfLook > len(l.entries)/readAhead
}

// listAgain lists a directory in the background, so that a walk of it that lasts longer than its listing may be trusted goes on by the next.
func (f *FS) listAgain(d *node) {
	l := f.list(d, 0)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spawn(func() {
		defer l.leave()
		for i := 0; ; i += readAhead / 2 {
			if _, more, err := l.at(f.ctx, i); err != nil || !more {
				return
			}
		}
	})
}

// askListing lists the whole directory for one name, or waits for the end of a listing that is under way; nil when that took too long, or failed.
func (f *FS) askListing(ctx context.Context, d *node) *listing {
	l := f.list(d, guessPages)
	for i := 0; ; i++ {
		if i > guessPages*readAhead { // a larger one, that somebody else reads
			return nil
		}
		_, more, err := l.at(ctx, i)
		if err != nil {
			return nil
		}
		if !more {
			break
		}
	}
	if !l.complete() {
		return nil
	}
	return l
}

// askContinued asks whether elements over 255 bytes begin so.
func (f *FS) askContinued(ctx context.Context, p place, nm string, part name.Part) (entry, error) {
	sub := p.child(part)
	m := &merger{place: sub}
	o := s3.ListOptions{Prefix: sub.list(), Delimiter: "/"}
	for {
		page, err := f.o.Store.List(ctx, p.bucket, o)
		if err != nil {
			return entry{}, err
		}
		if len(m.page(page)) > 0 || page.Token == "" && len(m.end()) > 0 {
			return entry{name: nm, dir: true}, nil
		}
		if page.Token == "" {
			return entry{}, os.ErrNotExist
		}
		o.Token = page.Token
	}
}

// askOne asks for the object and for the directory side by side. beside: the directory of that name is there, whatever the store says.
func (f *FS) askOne(ctx context.Context, p place, nm string, part name.Part, beside bool) (entry, error) {
	key := p.list() + part.Elem
	var object s3.Object
	var objectErr error
	var near nearby
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if key == "" { // no object has that key, yet others may begin with a slash
			objectErr = os.ErrNotExist
			return nil
		}
		object, objectErr = f.o.Store.Head(gctx, p.bucket, key)
		if objectErr != nil && !isNotExist(objectErr) && !errors.Is(objectErr, os.ErrPermission) {
			return objectErr
		}
		return nil
	})
	g.Go(func() (err error) {
		near, err = f.nearby(gctx, p.bucket, key)
		return err
	})
	if err := g.Wait(); err != nil {
		return entry{}, err
	}
	prefix := beside || near.marker || near.child
	plain := false
	if objectErr == nil {
		f.learn(p.bucket, object)
		switch {
		case object.Size > 0:
		case key == p.prefix: // the directory's own marker
			objectErr = os.ErrNotExist
		case prefix || isDirType(object.ContentType): // a marker of the name
			objectErr, prefix, plain = os.ErrNotExist, true, true
		default:
			marker, err := f.isFolder(ctx, p, part.Elem, object.Size)
			if err != nil {
				return entry{}, err
			}
			if marker {
				objectErr = os.ErrNotExist
			}
		}
	}
	switch {
	case prefix && !part.Object:
		return entry{name: nm, dir: true, marker: plain}, nil
	case objectErr == nil && prefix == part.Object:
		return entry{name: nm, etag: object.ETag, size: object.Size, modified: toSecond(object.Modified), large: object.Large != s3.NotLarge}, nil
	case objectErr == nil:
		return entry{}, os.ErrNotExist
	case isNotExist(objectErr):
		return f.askFolder(ctx, p, nm, part, near)
	}
	return entry{}, objectErr
}

func isNotExist(err error) bool { return errors.Is(err, os.ErrNotExist) }
