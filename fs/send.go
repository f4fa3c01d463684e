package fs

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"allasfs/cache"
	"allasfs/s3"
)

// sendOp is one sending of a file that several closers may wait for.
type sendOp struct {
	done  chan struct{}
	err   error // once done
	again bool  // the draft could not be sent before
	going bool  // of a draft that no node holds: it has the tree's gate, and is not to be overtaken; guarded by FS.mu
}

// flush sends n's draft if there is one and waits for that; ctx ends only the waiting. A draft that could not be sent is tried again by the next flush.
func (f *FS) flush(ctx context.Context, n *node) error {
	for {
		f.mu.Lock()
		op := n.sending
		joined := op != nil
		if op == nil {
			if n.draft == nil || n.unlinked {
				err := f.tear(n)
				f.mu.Unlock()
				return err
			}
			if f.ended {
				f.mu.Unlock()
				return syscall.ENOTCONN
			}
			op = &sendOp{done: make(chan struct{}), again: failedBefore(n.draft)}
			n.sending = op
			n.markUnsent()
			f.sendings[op] = struct{}{}
			f.wg.Go(func() { f.runSend(n, op) })
		}
		f.mu.Unlock()
		if err := op.wait(ctx); err != nil {
			return err
		}
		if !joined || op.err != nil {
			return op.err
		}
	}
}

func (f *FS) runSend(n *node, op *sendOp) {
	err := f.exclusively(f.ctx, n, func() error { return f.sendNode(f.ctx, n) })
	f.mu.Lock()
	defer f.mu.Unlock()
	op.err = err
	n.sending = nil
	delete(f.sendings, op)
	if n.draft == nil {
		f.dequeue(n)
	}
	f.sendingEnded(err)
	close(op.done)
	f.dropUnused(n)
}

// exclusively runs fn while no write and no other change of n runs, and no directory is renamed.
func (f *FS) exclusively(ctx context.Context, n *node, fn func() error) error {
	if err := f.tree.Acquire(ctx, 1); err != nil {
		return err
	}
	defer f.tree.Release(1)
	if err := n.gate.Acquire(ctx, whole); err != nil {
		return err
	}
	defer n.gate.Release(whole)
	return fn()
}

// sendNode sends n's draft with n's attributes; n's gate is held whole.
func (f *FS) sendNode(ctx context.Context, n *node) error {
	if err := f.arm(n); err != nil {
		return err
	}
	f.mu.Lock()
	d, at, o, seq := n.draft, n.at, n.obj, n.attrsSeq
	if d == nil || n.unlinked {
		f.mu.Unlock()
		return nil
	}
	if n.parent == nil { // its name went to something else meanwhile
		f.orphan(n, d)
		f.mu.Unlock()
		f.dropEarly(d)
		err := errStale{os.ErrNotExist}
		return f.record("upload", d.Target().Bucket+"/"+d.Target().Key, errors.Join(err, d.SetState(cache.StateConflict, reason(err))))
	}
	if err := f.tear(n); err != nil {
		f.mu.Unlock()
		return err
	}
	path := f.pathOf(n)
	bucket, key := f.keyOf(n)
	early := f.earlies[d.ID()]
	f.mu.Unlock()
	at, err := f.fullAttrs(ctx, bucket, key, o, at)
	if err == nil {
		err = errors.Join(
			d.SetTarget(cache.Target{Store: f.o.Name, Bucket: bucket, Key: key}),
			d.SetAttrs(cache.Attrs{ContentType: at.contentType, Meta: at.encode()}),
			f.closeDraft(n, d, ""))
	}
	if err == nil {
		_, err = f.supersede(ctx, bucket, key)
	}
	if err == nil && o.exists {
		err = f.beforeGone(ctx, bucket, key, nil)
	}
	var sent s3.Object
	if err == nil {
		err = f.nodeBaseNow(ctx, n, d)
	}
	if err == nil {
		sent, _, err = f.storeOnce(ctx, d, path, condition(d.Base()))
	}
	if err != nil {
		return f.sendFailed(n, d, path, err)
	}
	asBegun := early != nil && early.used
	if asBegun {
		at, seq = at.undated(), early.seq
	}
	f.sent(n, d, bucket, key, sent, at, seq)
	if asBegun { // what was set while it was written
		if err := f.sendAttrsNow(ctx, n); err != nil {
			f.log.Warn("set attributes after an upload", "path", path, "err", err)
		}
	}
	return nil
}

// fullAttrs completes attributes by the store's where a listing told none: what the object carries must not be lost by a change of its bytes.
func (f *FS) fullAttrs(ctx context.Context, bucket, key string, o object, at knownAttrs) (knownAttrs, error) {
	if at.known || !o.exists {
		if at.contentType == "" {
			at.contentType = contentType(key)
		}
		return at, nil
	}
	h, err := f.o.Store.Head(ctx, bucket, key)
	if err != nil {
		return at, err
	}
	return attrsOf(h).with(at), nil
}

// with lays what is set in b over a.
func (a knownAttrs) with(b knownAttrs) knownAttrs {
	if b.hasMode {
		a.hasMode, a.mode = true, b.mode
	}
	if b.hasOwner {
		a.hasOwner, a.uid, a.gid = true, b.uid, b.gid
	}
	if !b.mtime.IsZero() {
		a.mtime = b.mtime
	}
	for name, e := range b.edits {
		a = a.edited(name, e)
	}
	return a
}

// sent makes the stored object the state of n, and the draft's bytes blocks of the cache.
func (f *FS) sent(n *node, d *cache.Draft, bucket, key string, o s3.Object, at knownAttrs, seq uint64) {
	v := o.Version(bucket)
	v.Key, v.Size = key, d.Size()
	if d.IsDirect() { // it may have grown since
		v.Size = o.Size
	}
	at.modified = o.Modified
	f.attrs.Add(versionKey{bucket, key, o.ETag}, at)
	n.drafting.Lock() // what is set from here on finds no draft, and is noted as that of the new version
	defer n.drafting.Unlock()
	f.noteSetMeanwhile(n, o.ETag, seq)
	modified := o.Modified
	if modified.IsZero() {
		modified = time.Now()
	}
	now := object{exists: true, etag: o.ETag, size: v.Size, modified: modified.Truncate(time.Second)}
	f.mu.Lock()
	lent := n.lentDraft(d)
	f.mu.Unlock()
	if lent {
		f.storedLent(n, d, now)
	} else if err := d.Commit(f.cacheID(v)); err != nil {
		f.log.Warn("keep what was sent in the cache", "bucket", bucket, "key", key, "err", err)
		if err := d.Discard(); err != nil {
			f.log.Warn("discard a draft that was sent", "bucket", bucket, "key", key, "err", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tellSegments(n)
	if n.reader != nil {
		f.closeReader(n)
	}
	if n.pages == n.obj.etag {
		n.pages = o.ETag
	}
	n.checked = time.Now()
	if !lent || !n.direct.isTouched() { // else the next close sends it again
		n.draft = nil
	}
	if lent {
		n.direct.parked = n.draft == nil
	}
	f.sentFiles, f.sentBytes = f.sentFiles+1, f.sentBytes+v.Size
	f.attrsStored(n, at, seq)
	n.obj = now
	if n.parent != nil {
		n.parent.wrote = cmp.Or(v.Size, n.parent.wrote)
		f.noteFile(n)
		f.childStored(n.parent)
	}
}

// noteFile records what the store now holds of an attached file; needs f.mu.
func (f *FS) noteFile(n *node) {
	f.note(n.parent, n.name, change{e: entry{etag: n.obj.etag, size: n.obj.size, modified: toSecond(n.obj.modified), large: n.obj.large}})
}

// sendFailed keeps the draft and says why. When another client was first, its version gets the name back and the draft waits for `allasfs recover`.
func (f *FS) sendFailed(n *node, d *cache.Draft, path string, err error) error {
	conflict := lost(d, err)
	why := reason(err)
	var serr error
	if conflict {
		serr, err = d.SetState(cache.StateConflict, why), errStale{err}
	} else {
		serr = f.closeDraft(n, d, why)
	}
	if _, torn := errors.AsType[errTorn](serr); serr != nil && !torn { // the mount ends, and what it lost came while this was on its way
		f.log.Error("journal of a draft", "path", path, "err", serr)
	}
	err = f.record("upload", path, err)
	if !conflict {
		return err
	}
	f.mu.Lock()
	parent, nm := n.parent, n.name
	f.orphan(n, d)
	if parent == nil { // it lost its name meanwhile
		f.mu.Unlock()
		return err
	}
	delete(parent.changes, nm)
	parent.listing = nil
	f.spoil(parent)
	f.leave(n)
	pid := parent.id
	f.mu.Unlock()
	f.notifyEntry(pid, nm)
	return err
}

// baseVersion is the version that a draft was made from.
func baseVersion(d *cache.Draft) s3.Version {
	t, b := d.Target(), d.Base()
	return s3.Version{Bucket: t.Bucket, Key: t.Key, ETag: b.ETag, Size: b.Size, Modified: b.Modified, Large: b.Large}
}

// store brings a draft to its target by the fewest requests, on a condition, and returns the object that the store now holds. The draft stays.
func (f *FS) store(ctx context.Context, d *cache.Draft, path string, o s3.PutOptions) (s3.Object, error) {
	t, b, a := d.Target(), d.Base(), d.Attrs()
	o.ContentType, o.Meta = a.ContentType, a.Meta
	base := baseVersion(d)
	if b.Large && o.IfMatch == b.ETag {
		o.IfMatch = "" // no condition of the gateway's fits
		if err := f.unchanged(ctx, base); err != nil {
			return s3.Object{}, err
		}
	}
	early := f.takeEarly(d)
	defer func() {
		if early != nil && !early.used {
			early.drop(ctx)
		}
	}()
	if src, ok := wholeCopy(d); ok {
		sent, err := f.sendCopy(ctx, src, t, a, o)
		if !errors.Is(err, errOrigin) {
			return sent, err
		}
	}
	size := d.Size() // of a file that the kernel writes it may grow
	up := f.track(path, size)
	defer f.untrack(up)
	body, done := f.bodyOf(ctx, d, up)
	defer done()
	body.exact()
	pieces := d.Pieces()
	parts := plan(pieces, size, b.ETag != "" && base.PartCopyable())
	switch {
	case len(parts) == 1 && parts[0].copy && parts[0].baseOff == 0 && parts[0].n == b.Size && o.IfMatch == b.ETag:
		return f.copyObject(ctx, base, t.Bucket, t.Key, s3.CopyOptions{Replace: true, ContentType: a.ContentType, Meta: a.Meta})
	case len(parts) == 1 && !parts[0].copy:
		turns := f.parts
		if size <= smallFile {
			turns = f.smalls
		}
		if err := turns.Acquire(ctx, 1); err != nil {
			return s3.Object{}, err
		}
		defer turns.Release(1)
		body.fetch(ctx, pieces, 0, size)
		sent, err := f.o.Store.Put(ctx, t.Bucket, t.Key, body, size, o)
		sent.Size = size
		return sent, err
	}
	return f.multipart(ctx, base, body, pieces, parts, o, early)
}

// unchanged is os.ErrNotExist or s3.ErrChanged when v is not the key's version any more.
func (f *FS) unchanged(ctx context.Context, v s3.Version) error {
	h, err := f.o.Store.Head(ctx, v.Bucket, v.Key)
	if err == nil && h.ETag != v.ETag {
		err = s3.ErrChanged
	}
	return err
}

func (f *FS) multipart(ctx context.Context, base s3.Version, body *draftBody, pieces []cache.Piece, parts []part, o s3.PutOptions, early *early) (s3.Object, error) {
	t := body.d.Target()
	id := early.upload(ctx, t, len(parts))
	if id == "" {
		var err error
		if id, err = f.o.Store.CreateMultipart(ctx, t.Bucket, t.Key, o); err != nil {
			return s3.Object{}, err
		}
		early = nil
		f.noteUpload(body.d, cache.Upload{Bucket: t.Bucket, Key: t.Key, ID: id})
	}
	done := make([]s3.Part, len(parts))
	g, gctx := errgroup.WithContext(ctx)
	for i, p := range parts {
		if early.claimed(i, p) {
			g.Go(func() error { return f.takePart(gctx, body, id, early, i, p, &done[i]) })
			continue
		}
		early.over(gctx, i)
		if err := f.parts.Acquire(gctx, 1); err != nil {
			break
		}
		g.Go(func() (err error) {
			defer f.parts.Release(1)
			if p.copy {
				done[i], err = f.o.Store.CopyPart(gctx, t.Bucket, t.Key, id, i+1, base, p.baseOff, p.n)
				body.up.sent.Add(p.n)
				return err
			}
			body.fetch(gctx, pieces, p.off, p.n)
			done[i], err = f.o.Store.PutPart(gctx, t.Bucket, t.Key, id, i+1, io.NewSectionReader(body.in(gctx), p.off, p.n), p.n)
			return err
		})
	}
	err := g.Wait()
	if err == nil {
		err = ctx.Err()
	}
	var obj s3.Object
	if early != nil {
		early.cut()
	}
	unsure := false
	if err == nil {
		f.noteWhole(body.d, t, id, done)
		obj, err = f.o.Store.Complete(ctx, t.Bucket, t.Key, id, done, o)
		last := parts[len(parts)-1]
		obj.Size = last.off + last.n
		unsure = err != nil && !refused(err)
	}
	switch {
	case unsure: // an abort beside a completion that the store still works on could take the parts away from the object
		f.log.Warn("an upload is left in the store: it did not say whether it completed it", "bucket", t.Bucket, "key", t.Key, "id", id, "err", err)
	case early == nil && err != nil:
		f.endLeft(ctx, body.d, cache.Upload{Bucket: t.Bucket, Key: t.Key, ID: id})
	}
	if early != nil {
		early.used = err == nil || unsure // else who took it drops it
	}
	return obj, err
}

// refused tells whether the store itself answered, and so has ended what it was asked; a gateway before it (502, 504) does not know.
func refused(err error) bool {
	e, ok := errors.AsType[*s3.Error](err)
	return ok && e.Status != 0 && e.Status != http.StatusBadGateway && e.Status != http.StatusGatewayTimeout || isConflict(err) || isNotExist(err)
}

// takePart is part i of the plan as it left while the file was written, or sends it now when that failed.
func (f *FS) takePart(ctx context.Context, body *draftBody, id string, early *early, i int, p part, to *s3.Part) (err error) {
	stored, ok := early.sent(ctx, i, p)
	if ok {
		*to = stored
		body.up.sent.Add(p.n)
		return nil
	}
	if err := f.parts.Acquire(ctx, 1); err != nil {
		return err
	}
	defer f.parts.Release(1)
	t := body.d.Target()
	*to, err = f.o.Store.PutPart(ctx, t.Bucket, t.Key, id, i+1, io.NewSectionReader(body.in(ctx), p.off, p.n), p.n)
	return err
}
