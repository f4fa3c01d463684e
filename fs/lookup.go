package fs

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
	"unicode/utf8"

	"allasfs/fs/name"
	"allasfs/s3"
)

// learn remembers the attributes that HEAD told of a version. What it said before of another one, which an entry stood for, is no longer so.
func (f *FS) learn(bucket string, o s3.Object) {
	nm := objectName{bucket, o.Key}
	if h, ok := f.heads.Get(nm); ok && h.object.ETag != o.ETag {
		f.heads.Remove(nm)
	}
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
	return f.found(d, e, part, nm, asked, err)
}

// found is what lookup makes of the answer to ask, pinned; needs f.mu.
func (f *FS) found(d *node, e entry, part name.Part, nm string, asked time.Time, err error) (*node, error) {
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
	if c != nil && (f.fresh(c.checked) || c.attrsUnsent || c.stays || c.unsent()) {
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
