package fs

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"allasfs/cache"
	"allasfs/fs/name"
)

// maxSize is S3's largest object.
const maxSize = 5 << 40

// Handle is one open file.
type Handle struct {
	f      *FS
	n      *node
	read   bool
	write  bool
	append bool
	sends  bool // closing it may have something to send: opened for writing, or it made or emptied the file
	keep   bool

	drops   string      // ETag of the version whose pages the kernel keeps from this open on, having dropped what it had; "" = it keeps them
	dropped atomic.Bool // and it has done so: it uses the handle

	timedOut timedOut
}

// Node is the id of the file's node.
func (h *Handle) Node() uint64 { return h.n.id }

// Writable tells whether closing the handle may have something to send: it was opened for writing, or made or emptied the file.
func (h *Handle) Writable() bool { return h.sends }

// KeepCache tells whether the kernel's pages of the file are still right.
func (h *Handle) KeepCache() bool { return h.keep }

// Direct tells, where the kernel collects writes (Options.KernelWrites), that those by this handle are to come at once: the file has bytes in the
// store, and the kernel would read a page before it changes a part of it.
func (h *Handle) Direct() bool {
	if !h.f.o.KernelWrites || !h.write {
		return false
	}
	h.f.mu.Lock()
	d, size := h.n.draft, h.n.obj.size
	h.f.mu.Unlock()
	if d == nil {
		return size > 0
	}
	return slices.ContainsFunc(d.Pieces(), func(p cache.Piece) bool { return p.Kind == cache.FromBase })
}

// used notes that the kernel uses the handle, and so has dropped the pages that its open told it to. Until then every other open has to tell it
// the same: else a program that opens the new version a moment later would be shown pages of the old one.
func (h *Handle) used() {
	if h.drops == "" || h.dropped.Swap(true) {
		return
	}
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	if h.n.obj.etag == h.drops {
		h.n.pages = h.drops
	}
}

// Open opens a file; flags as open(2) gives them. O_TRUNC empties it. What it shows is the version that the node was last known to be.
func (f *FS) Open(ctx context.Context, id uint64, flags uint32) (*Handle, error) {
	if flags&(syscall.O_ACCMODE|syscall.O_TRUNC) != syscall.O_RDONLY && !f.o.ReadOnly {
		f.leftOfNode(ctx, id)
		if n, err := f.node(id); err == nil {
			f.takeLeft(n)
		}
	}
	f.mu.Lock()
	n := f.nodes[id]
	var stale bool
	switch {
	case n == nil || n.stale:
		f.mu.Unlock()
		return nil, syscall.ESTALE
	case n.kind == kindDir:
		f.mu.Unlock()
		return nil, syscall.EISDIR
	case n.kind == kindLink:
		f.mu.Unlock()
		return nil, syscall.ELOOP
	default:
		stale = n.draft == nil && !n.attrsUnsent && n.handles == 0 && time.Since(n.checked) > max(f.o.TTL, time.Second) || f.mayHaveGrown(n)
	}
	f.mu.Unlock()
	if stale {
		same, err := f.refresh(ctx, n, false)
		if err != nil {
			return nil, err
		}
		if !same { // the kernel looks the name up again, and finds the node of the new version
			return nil, syscall.ESTALE
		}
	}
	return f.open(ctx, n, flags)
}

func (f *FS) open(ctx context.Context, n *node, flags uint32) (*Handle, error) {
	h := &Handle{f: f, n: n, append: flags&syscall.O_APPEND != 0}
	switch flags & syscall.O_ACCMODE {
	case syscall.O_RDONLY:
		h.read = true
	case syscall.O_WRONLY:
		h.write = true
	default:
		h.read, h.write = true, true
	}
	h.sends = h.write || flags&syscall.O_TRUNC != 0
	if h.sends {
		if err := f.writableIn(n.id, ""); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	n.handles++
	f.handles++
	if h.write {
		n.writers++
	}
	h.keep = n.draft != nil || n.pages != "" && n.pages == n.obj.etag
	if n.draft == nil && !h.keep {
		h.drops = n.obj.etag
	}
	f.mu.Unlock()
	if flags&syscall.O_TRUNC != 0 {
		if err := f.truncate(ctx, n, 0); err != nil {
			h.Release()
			return nil, err
		}
	}
	return h, nil
}

// Create makes a file, or opens the one that is there (EEXIST with O_EXCL). The object comes to be at close. Adds a reference.
func (f *FS) Create(ctx context.Context, parent uint64, nm string, flags uint32, mode uint32) (Attr, *Handle, error) {
	if err := f.writableIn(parent, nm); err != nil {
		return Attr{}, nil, err
	}
	n, made, err := f.lookupOrMake(ctx, parent, nm, mode)
	switch {
	case err != nil:
	case made:
		flags &^= syscall.O_TRUNC
	case flags&syscall.O_EXCL != 0:
		err = os.ErrExist
	case n.kind == kindDir:
		err = syscall.EISDIR
	}
	var h *Handle
	if err == nil {
		h, err = f.open(ctx, n, flags)
	}
	if h != nil && made {
		h.sends = true
	}
	if err != nil {
		f.unpin(n)
		return Attr{}, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attrOf(n), h, nil
}

// lookupOrMake finds a name or makes a new file of it; another call may be making it at the same time.
func (f *FS) lookupOrMake(ctx context.Context, parent uint64, nm string, mode uint32) (n *node, made bool, err error) {
	f.leftOfName(ctx, parent, nm)
	for {
		began := time.Now()
		n, err := f.lookup(ctx, parent, nm)
		if !isNotExist(err) {
			return n, false, err
		}
		if n, err = f.newFile(ctx, parent, nm, mode, knownAttrs{}, began); !errors.Is(err, os.ErrExist) {
			return n, err == nil, err
		}
	}
}

// newFile makes a pinned node with an empty draft and no object yet; os.ErrExist when the name came to be here after it was looked up.
func (f *FS) newFile(ctx context.Context, parent uint64, nm string, mode uint32, at knownAttrs, looked time.Time) (*node, error) {
	f.mu.Lock()
	d, err := f.directory(parent)
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	p := f.placeOf(d)
	f.own(ctx, d, &at)
	f.mu.Unlock()
	part, err := childFor(p, nm)
	if err != nil {
		return nil, err
	}
	if err := f.nameFree(ctx, parent, part); err != nil {
		return nil, err
	}
	key := p.list() + part.Elem
	if err := f.leftArrives(ctx, p.bucket, key); err != nil {
		return nil, err
	}
	at.known, at.contentType, at.mtime = true, contentType(key), time.Now()
	if mode &= 0o7777; mode != 0o666&^f.o.Umask && !at.link {
		at.hasMode, at.mode = true, mode
	}
	draft, err := f.o.Cache.NewDraft(cache.Target{Store: f.o.Name, Bucket: p.bucket, Key: key}, cache.Base{}, 0,
		cache.Attrs{ContentType: at.contentType, Meta: at.encode()})
	if err != nil {
		return nil, err
	}
	f.inherit(f.ctx, draft, f.keptFor(p.bucket, key), true)
	f.mu.Lock()
	defer f.mu.Unlock()
	c, _ := f.changedSince(d, nm, looked)
	if c != nil || f.goingTo(p.bucket, key) != nil || f.leftSent[objectName{p.bucket, key}].After(looked) {
		f.dropUnused(c)
		f.spawn(func() { _ = draft.Discard() }) // nothing was written to it
		return nil, os.ErrExist
	}
	if c := d.children[nm]; c != nil {
		f.leave(c)
	}
	n := f.newNode(d, nm, part, kindFile)
	if at.link {
		n.kind = kindLink
	}
	n.setDraft(draft)
	f.stayBehind(n)
	n.at, n.checked = at, time.Now()
	touch(d)
	return pin(n), nil
}

// nameFree refuses names that would show as another one at once: the object beside a directory needs that directory.
func (f *FS) nameFree(ctx context.Context, parent uint64, part name.Part) error {
	if part.Continued {
		return name.ErrInvalid
	}
	if !part.Object {
		return nil
	}
	names := name.Encode(part.Elem, false)
	d, err := f.lookup(ctx, parent, names[0])
	if isNotExist(err) {
		return name.ErrInvalid
	}
	if err != nil {
		return err
	}
	defer f.unpin(d)
	if d.kind != kindDir {
		return name.ErrInvalid
	}
	return nil
}

// childFor checks a name for a file, or a link, that is new in a directory.
func childFor(p place, nm string) (name.Part, error) {
	part, err := decodeNew(p, nm)
	if err != nil {
		return part, err
	}
	return part, name.CheckKey(p.list() + part.Elem)
}

// childDirFor is childFor of a directory: its key, a marker's, ends in a slash. One without a name, at the top of a bucket, has the keys that begin with a slash.
func childDirFor(p place, nm string) (name.Part, error) {
	part, err := decodeNew(p, nm)
	if err != nil {
		return part, err
	}
	if part.Object {
		return part, name.ErrInvalid
	}
	return part, name.CheckKey(p.list() + part.Elem + "/")
}

// decodeNew is decode of a name that is to be.
func decodeNew(p place, nm string) (name.Part, error) {
	if p.bucket == "" {
		return name.Part{}, syscall.EPERM // only buckets live here
	}
	if !utf8.ValidString(nm) {
		return name.Part{}, syscall.EILSEQ // no key that the store takes
	}
	return decode(p, nm)
}

// Release ends the handle. A file that was unlinked goes with its last handle. What came after the last close, as the pages of a mapping do, is sent
// in the background when nobody has the file open for writing any more; readers may keep it open.
func (h *Handle) Release() {
	h.used()
	f, n := h.f, h.n
	f.mu.Lock()
	n.handles--
	f.handles--
	if h.write {
		n.writers--
	}
	var draft *cache.Draft
	if n.handles == 0 {
		f.readEnds(n)
		if n.reader != nil {
			f.closeReader(n)
		}
		if n.unlinked && n.draft != nil {
			draft, n.draft = n.draft, nil
		}
	}
	if n.writers == 0 && n.draft == nil {
		delete(f.torn, n) // nothing came that could be sent without what was lost
	}
	late := (n.handles == 0 || h.write && n.writers == 0) && n.draft != nil && n.sending == nil && n.queued == nil && !f.closed
	if late {
		f.spawn(func() { f.sendLate(n) })
	}
	f.dropUnused(n)
	f.mu.Unlock()
	if draft != nil {
		if err := draft.Discard(); err != nil {
			f.log.Warn("discard the data of an unlinked file", "err", err)
		}
	}
}

// sendLate sends a draft that no close will; one that could not be sent before waits for its next close, or for Sync.
func (f *FS) sendLate(n *node) {
	f.mu.Lock()
	d := n.draft
	f.mu.Unlock()
	if d == nil {
		return
	}
	if _, failed := d.State(); failed != "" {
		return
	}
	if err := f.closeFile(f.ctx, n); err != nil {
		f.log.Warn("send what came after the last close", "path", f.Path(n.id), "err", err)
	}
}

// closeReader needs f.mu; the closing itself waits for nobody.
func (f *FS) closeReader(n *node) {
	r := n.reader
	n.reader = nil
	f.spawn(func() {
		if err := r.Close(); err != nil {
			f.log.Warn("close a cache file", "err", err)
		}
	})
}
