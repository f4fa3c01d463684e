package fs

import (
	"context"
	"errors"
	"os"
	"syscall"

	"allasfs/cache"
)

// closeFile is what close(2) waits for: the file is in the store; with Options.WriteBack it is in the journal, by which it survives the daemon's end and
// a power cut, and in the queue of uploads. What cannot be written to the journal, and what finds the queue full, is sent while the caller waits.
func (f *FS) closeFile(ctx context.Context, n *node) error {
	if !f.o.WriteBack {
		return f.flush(ctx, n)
	}
	f.mu.Lock()
	d, q := n.draft, n.queued
	none, lost, torn := d == nil || n.unlinked, n.parent == nil, f.tear(n)
	full := q == nil && f.queue.files >= f.o.QueueFiles
	f.mu.Unlock()
	switch {
	case torn != nil:
		return torn
	case none, q != nil && q.gen == d.Generation():
		return nil
	case lost, full:
		return f.flush(ctx, n)
	}
	err := f.onMount(ctx, []*node{n}, func(ctx context.Context) error { return f.toJournal(ctx, n) })
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, syscall.ENOTCONN), f.tornOf(n) != nil:
		return err
	}
	f.log.Warn("a closed file is sent at once: it cannot be kept safe on the disk", "path", f.Path(n.id), "err", err)
	return f.flush(ctx, n)
}

// toJournal makes n's draft one that this mount, or the next one, sends.
func (f *FS) toJournal(ctx context.Context, n *node) error {
	defer f.closing()()
	if err := f.tree.Acquire(ctx, 1); err != nil {
		return err
	}
	defer f.tree.Release(1)
	if err := n.gate.Acquire(ctx, 1); err != nil {
		return err
	}
	defer n.gate.Release(1)
	f.mu.Lock()
	d, at, o := n.draft, n.at, n.obj
	if d == nil || n.unlinked {
		f.mu.Unlock()
		return nil // sent or removed meanwhile
	}
	if n.parent == nil {
		f.mu.Unlock()
		return errStale{os.ErrNotExist}
	}
	t := cache.Target{Store: f.o.Name}
	t.Bucket, t.Key = f.keyOf(n)
	f.mu.Unlock()
	gen, err := f.journal(n, d, t, at, o.exists)
	if err != nil {
		return err
	}
	return f.journalled(n, d, gen)
}

// journalled lets n's draft d, which is in the journal as it was at gen, go out, unless it has lost a write since.
func (f *FS) journalled(n *node, d *cache.Draft, gen uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.tear(n); err != nil {
		return err
	}
	if n.draft == d && !n.unlinked {
		f.enqueue(n, gen, d.Size())
	}
	return nil
}

// journal writes down all that sending n's draft d takes. Attributes that the store has and that are not known here are left to who sends it: completeAttrs.
func (f *FS) journal(n *node, d *cache.Draft, t cache.Target, at knownAttrs, exists bool) (gen uint64, err error) {
	if at.contentType == "" && (at.known || !exists) {
		at.contentType = contentType(t.Key)
	}
	if d.Target() != t {
		err = d.SetTarget(t)
	}
	if err == nil {
		err = d.SetAttrs(cache.Attrs{ContentType: at.contentType, Meta: at.encode()})
	}
	gen = d.Generation()
	if err == nil {
		err = f.closeDraft(n, d, "")
	}
	if err == nil {
		err = d.Persist()
	}
	return gen, err
}

// completeAttrs gives a draft that an earlier mount left the attributes of the version that it was made from, where that mount did not know them.
func (f *FS) completeAttrs(ctx context.Context, d *cache.Draft) error {
	a, b, t := d.Attrs(), d.Base(), d.Target()
	if a.ContentType != "" || b.ETag == "" {
		return nil
	}
	h, err := f.o.Store.Head(ctx, t.Bucket, t.Key)
	if err != nil {
		if isNotExist(err) {
			return nil // who sends it finds out
		}
		return err
	}
	h2 := h
	h2.Meta = a.Meta
	at := attrsOf(h).with(attrsOf(h2))
	return d.SetAttrs(cache.Attrs{ContentType: at.contentType, Meta: at.encode()})
}

// Where a file stands, for StateOf.
const (
	stateClean     = "clean"     // the store has it as it is here
	stateOpen      = "open"      // changed, and not closed yet
	stateQueued    = "queued"    // closed, in the journal, waiting for its turn
	stateUploading = "uploading" // on its way
	stateError     = "error"     // could not be sent; is tried again, unless it is torn
	stateConflict  = "conflict"  // another client was first: what was written here is kept, see `allasfs recover`
)

// StateOf tells where a file stands (clean, open, queued, uploading, error, conflict) and, in plain words, why it is not in the store, "" = nothing went
// wrong. Both are empty for a directory, and for a node that is not there.
func (f *FS) StateOf(id uint64) (state, errText string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[id]
	if n == nil || n.kind == kindDir {
		return "", ""
	}
	if n.draft == nil {
		return f.stateOfKept(n)
	}
	s, why := n.draft.State()
	switch {
	case n.sending != nil:
		return stateUploading, why
	case why != "":
		return stateError, why
	case s == cache.StateClosed:
		return stateQueued, ""
	}
	return stateOpen, ""
}

// stateOfKept is StateOf for a file that has no changes of its own: a draft of its key may be kept that nobody holds. Needs f.mu.
func (f *FS) stateOfKept(n *node) (state, errText string) {
	if n.parent != nil {
		bucket, key := f.keyOf(n)
		for _, d := range f.orphans.of(bucket, key) {
			s, why := d.State()
			switch {
			case s == cache.StateConflict:
				return stateConflict, why
			case f.resends[d.ID()] != nil:
				return stateUploading, why
			case s == cache.StateClosed && why == "":
				return stateQueued, ""
			case s == cache.StateClosed:
				return stateError, why
			}
		}
	}
	if n.attrsUnsent {
		return stateQueued, ""
	}
	return stateClean, ""
}
