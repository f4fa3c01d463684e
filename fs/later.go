package fs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"allasfs/s3"
)

// markerType is the content type of the directory markers that are written: empty objects whose key ends in a slash.
const markerType = "application/x-directory"

// schedule notes that n has work left to do, soon; needs f.mu.
func (f *FS) schedule(n *node) {
	if _, waiting := f.later[n]; waiting {
		return
	}
	f.later[n] = time.Now().Add(settleAfter)
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *FS) isWorkLeft() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.later) > 0
}

// runLater does what was scheduled, and forgets what is too old to be used.
func (f *FS) runLater() {
	defer f.wg.Done()
	tick := time.NewTicker(settleAfter / 2)
	defer tick.Stop()
	keep := f.o.TTL + time.Minute
	dropped := time.Now()
	for {
		if time.Since(dropped) > keep {
			f.dropOld(keep)
			dropped = time.Now()
		}
		if !f.isWorkLeft() {
			select {
			case <-f.wake:
			case <-time.After(keep):
			case <-f.ctx.Done():
				return
			}
			continue
		}
		select {
		case now := <-tick.C:
			if err := f.doLater(f.ctx, now); err != nil && f.ctx.Err() == nil {
				f.log.Warn("settle directories and attributes", "err", err)
			}
		case <-f.ctx.Done():
			return
		}
	}
}

// dropOld forgets listings that may not be used any more, and own changes that no listing in use can lack.
func (f *FS) dropOld(keep time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropSweeps()
	for _, n := range f.nodes {
		if l := n.listing; l != nil {
			if !l.ended() {
				continue
			}
			if !f.fresh(l.started) {
				n.listing = nil
			}
		}
		for nm, c := range n.changes {
			if time.Since(c.at) > keep {
				delete(n.changes, nm)
			}
		}
	}
}

// doLater does the work that is due at now, all of it for the zero time; deepest directories first, so that a directory whose child gets a marker
// needs none; attributes many at a time. What failed is tried again later.
func (f *FS) doLater(ctx context.Context, now time.Time) error {
	if err := f.settling.Acquire(ctx, 1); err != nil {
		return err
	}
	defer f.settling.Release(1)
	type job struct {
		n     *node
		depth int
	}
	var jobs []job
	f.mu.Lock()
	for n, due := range f.later {
		if !now.IsZero() && f.queue.files > 0 && n.queuedBelow() {
			continue // what is queued is about to make a marker superfluous
		}
		if now.IsZero() || !due.After(now) {
			jobs = append(jobs, job{n, strings.Count(f.pathOf(n), "/")})
			delete(f.later, n)
		}
	}
	f.mu.Unlock()
	slices.SortFunc(jobs, func(a, b job) int { return b.depth - a.depth })
	var files []*node
	var errs []error
	for _, j := range jobs {
		if j.n.kind != kindDir {
			files = append(files, j.n)
			continue
		}
		err := f.exclusively(ctx, j.n, func() error { return f.settle(ctx, j.n) })
		f.doneLater(j.n, err)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, inParallel(files, func(n *node) error {
		err := f.sendAttrs(ctx, n)
		f.doneLater(n, err)
		return err
	}))...)
}

// doneLater ends one piece of scheduled work: what failed is tried again, after twice the time that it waited before, at most retryMost.
func (f *FS) doneLater(n *node, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil:
		n.tries = 0
	case n.parent != nil && (n.kind == kindDir || n.attrsUnsent):
		f.later[n] = time.Now().Add(min(10*settleAfter<<n.tries, retryMost))
		n.tries = min(n.tries+1, 10)
	}
	f.dropUnused(n)
}

// retryMost is the longest time between two tries of what failed in passing.
const retryMost = 5 * time.Minute

// keepable tells whether a directory is one that a marker can keep: not the top, a bucket or a continuation; needs f.mu.
func (f *FS) keepable(n *node) bool {
	if n.id == RootID || n.parent == nil {
		return false
	}
	p := f.placeOf(n)
	return p.prefix != "" && p.cont == ""
}

// isPiece tells whether a directory is a continuation, a piece of long names; needs f.mu.
func (f *FS) isPiece(dir *node) bool { return f.placeOf(dir).cont != "" }

// childStored notes that the store holds something below dir, so that dir and those above need no marker; needs f.mu.
func (f *FS) childStored(dir *node) {
	for d := dir; d != nil && (f.isPiece(d) || f.keepable(d)); d = d.parent {
		// A listing that is under way may be of the time before, held or not: it was unsent until now.
		f.note(d.parent, d.name, change{e: entry{dir: true, marker: d.plain}})
		d.held, d.stays, d.empty = false, false, false
		d.turns++
		if f.keepable(d) && (!f.freshStamp(d.asked) || d.marker && !d.foreign) {
			f.schedule(d)
		}
	}
}

// childGone notes that dir may be empty in the store now: it stays a directory; needs f.mu.
func (f *FS) childGone(dir *node) {
	for ; dir != nil && f.isPiece(dir); dir = dir.parent {
		dir.stays = true
		dir.turns++
		f.schedule(dir)
	}
	if dir != nil && f.keepable(dir) {
		dir.hold()
		dir.turns++
		f.schedule(dir)
	}
}

// settlePiece finds out whether the store still shows a piece of a long name; else it stays until it is removed here. n's gate is held whole.
func (f *FS) settlePiece(ctx context.Context, n *node) error {
	f.mu.Lock()
	p, stays, turns := f.placeOf(n), n.stays, n.turns
	f.mu.Unlock()
	if !stays {
		return nil
	}
	_, child, err := f.below(ctx, p)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && child && n.turns == turns {
		n.stays = false
	}
	return err
}

// settle brings a directory's marker in order: one where nothing else keeps the directory, none beside a child. n's gate is held whole.
func (f *FS) settle(ctx context.Context, n *node) error {
	f.mu.Lock()
	if f.isPiece(n) {
		f.mu.Unlock()
		return f.settlePiece(ctx, n)
	}
	if !f.keepable(n) || f.freshStamp(n.asked) && !n.held && (!n.marker || n.foreign) {
		f.mu.Unlock()
		return nil
	}
	p, held, empty, turns := f.placeOf(n), n.held, n.empty, n.turns
	f.mu.Unlock()
	marker, child, asked := false, false, time.Now()
	var err error
	if !empty {
		if marker, child, err = f.below(ctx, p); err != nil {
			return err
		}
	}
	if held && !marker && !child {
		if err := f.putMarker(ctx, p); err != nil {
			return err
		}
		// Another mount that stored a child meanwhile has asked for a marker before there was one: of the two that ask after what they wrote, one sees both.
		if marker, child, err = f.below(ctx, p); err != nil {
			return err
		}
	}
	foreign := false
	if child && marker {
		h, err := f.o.Store.Head(ctx, p.bucket, p.prefix)
		if err != nil && !isNotExist(err) {
			return err
		}
		if foreign = h.Meta[metaMarker] == ""; !foreign {
			if err := f.o.Store.Delete(ctx, p.bucket, p.prefix); err != nil {
				return err
			}
			marker = false
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n.asked, n.marker, n.foreign = f.stamp(asked), marker, foreign
	if n.turns == turns {
		n.held, n.empty = false, false
	} else { // a child came or went while the store was asked, whose answer may be of the time before
		f.schedule(n)
	}
	f.spoil(n)
	if n.parent != nil && (marker || child) { // else another client has removed what kept it
		f.note(n.parent, n.name, change{e: entry{dir: true, marker: n.plain}})
		f.childStored(n.parent)
	}
	return nil
}

// putMarker makes the marker of a directory, unless something has its key.
func (f *FS) putMarker(ctx context.Context, p place) error {
	err := f.putMarkerOver(ctx, p, "")
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

// putMarkerOver makes the marker of a directory where the object of that ETag is, "" being none.
func (f *FS) putMarkerOver(ctx context.Context, p place, etag string) error {
	_, err := f.o.Store.Put(ctx, p.bucket, p.prefix, bytes.NewReader(nil), 0, s3.PutOptions{
		ContentType: markerType, Meta: map[string]string{metaMarker: "directory"}, IfNoneMatch: etag == "", IfMatch: etag})
	return err
}

// below asks what the store holds under a directory's prefix: its marker, anything else.
func (f *FS) below(ctx context.Context, p place) (marker, child bool, err error) {
	page, err := f.o.Store.List(ctx, p.bucket, s3.ListOptions{Prefix: p.list(), MaxKeys: 2})
	if err != nil {
		return false, false, err
	}
	for _, o := range page.Objects {
		if o.Key == p.prefix && o.Size == 0 {
			marker = true
		} else {
			child = true
		}
	}
	return marker, child, nil
}
