package fs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"allasfs/cache"
)

// QueueState is what is on its way to the store and what got there, in numbers.
type QueueState struct {
	Files     int   `json:"files"`      // closed or being sent, not in the store yet
	Bytes     int64 `json:"bytes"`      // of these
	Sent      int64 `json:"sent"`       // bytes of them that have left
	DoneFiles int64 `json:"done_files"` // that got to the store in this mount's life
	DoneBytes int64 `json:"done_bytes"`
}

// Plus is the sum of two mounts' numbers.
func (s QueueState) Plus(t QueueState) QueueState {
	return QueueState{s.Files + t.Files, s.Bytes + t.Bytes, s.Sent + t.Sent, s.DoneFiles + t.DoneFiles, s.DoneBytes + t.DoneBytes}
}

// Sync sends every draft, attribute and directory marker that is not in the store yet; it returns when all were tried, with the errors joined. Pages that
// the kernel has not written out are not among them.
func (f *FS) Sync(ctx context.Context) error {
	errs := []error{f.syncLeft(ctx, ""), f.takeUpBelow(ctx, ""), f.syncFiles(ctx, ""), f.o.Store.FlushDeletes(ctx)}
	for { // at least once, for the background may be at it; what is done may leave more: a child's marker makes its parent's superfluous
		if err := f.doLater(ctx, time.Time{}); err != nil {
			errs = append(errs, err)
			break
		}
		if !f.isWorkLeft() || ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// SyncBelow is Sync for the files at and below a path of the mount, "" = all.
func (f *FS) SyncBelow(ctx context.Context, path string) error {
	if path == "" {
		return f.Sync(ctx)
	}
	err := errors.Join(f.syncLeft(ctx, path), f.takeUpBelow(ctx, path), f.syncFiles(ctx, path))
	return errors.Join(err, inParallel(f.nodesBelow(path, func(n *node) bool { return n.attrsUnsent }), func(n *node) error { return f.sendAttrs(ctx, n) }))
}

// syncFiles sends the drafts at and below path, many at a time. What another client was first with, unseen by any close, is an error until a person has
// decided on it.
func (f *FS) syncFiles(ctx context.Context, path string) error {
	err := inParallel(f.unsentNodes(path), func(n *node) error {
		err := f.flush(ctx, n)
		if _, torn := errors.AsType[errTorn](err); torn {
			err = fmt.Errorf("%s: %w", f.Path(n.id), err)
		}
		return err
	})
	left := inParallel(f.orphansBelow(path, f.closedOrphans()), func(d *cache.Draft) error { return f.resend(ctx, d, condition(d.Base()), false) })
	return errors.Join(err, left, f.untold(path))
}

// orphan takes n's draft, which cannot be sent, from it; whose close did not wait for that has yet to be told. Needs f.mu.
func (f *FS) orphan(n *node, d *cache.Draft) {
	n.draft = nil
	f.orphans.add(d)
	if n.queued != nil {
		f.unseen[d.ID()] = struct{}{}
	}
}

// untold are the conflicts that came in the background, when nobody waited for the upload.
func (f *FS) untold(path string) error {
	f.mu.Lock()
	var of []*cache.Draft
	for id := range f.unseen {
		if d := f.orphans.byID[id]; d != nil {
			of = append(of, d)
		} else {
			delete(f.unseen, id)
		}
	}
	f.mu.Unlock()
	var errs []error
	for _, d := range f.orphansBelow(path, of) {
		_, why := d.State()
		errs = append(errs, fmt.Errorf("%s/%s: %s", d.Target().Bucket, d.Target().Key, why))
	}
	return errors.Join(errs...)
}

// inParallel calls fn for all of list, some at a time, and joins the errors.
func inParallel[T any](list []T, fn func(T) error) error {
	errs := make([]error, len(list))
	var g errgroup.Group
	g.SetLimit(queueSmall)
	for i, x := range list {
		g.Go(func() error {
			errs[i] = fn(x)
			return nil
		})
	}
	_ = g.Wait() // errs has them
	return errors.Join(errs...)
}

// unsentNodes are the files at and below a path with drafts that ought to be in the store, or whose sending has not quite ended.
func (f *FS) unsentNodes(path string) []*node {
	return f.nodesBelow(path, func(n *node) bool { return (n.draft != nil || n.sending != nil) && !n.unlinked && !n.stale })
}

// nodesBelow are the known files at and below a path that fit.
func (f *FS) nodesBelow(path string, fits func(*node) bool) []*node {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*node
	for _, n := range f.nodes {
		if n.kind != kindDir && fits(n) && isBelow(f.pathOf(n), path) {
			out = append(out, n)
		}
	}
	return out
}

// orphansBelow are those of drafts that lie at and below a path.
func (f *FS) orphansBelow(path string, drafts []*cache.Draft) []*cache.Draft {
	var out []*cache.Draft
	for _, d := range drafts {
		if p, shown := f.pathOfKey(d.Target().Bucket, d.Target().Key); path == "" || shown && isBelow(p, path) {
			out = append(out, d)
		}
	}
	return out
}

func isBelow(p, path string) bool {
	return path == "" || p == path || strings.HasPrefix(p, path+"/")
}

// queueState needs f.mu.
func (f *FS) queueState() QueueState {
	s := QueueState{DoneFiles: f.sentFiles, DoneBytes: f.sentBytes}
	add := func(d *cache.Draft) { s.Files, s.Bytes = s.Files+1, s.Bytes+d.Size() }
	for _, n := range f.nodes {
		if n.draft != nil && !n.unlinked && (n.queued != nil || n.sending != nil) {
			add(n.draft)
		}
	}
	for _, d := range f.orphans.byID {
		if state, _ := d.State(); state == cache.StateClosed {
			add(d)
		}
	}
	for up := range f.uploads {
		s.Sent += min(up.sent.Load(), up.size)
	}
	return s
}
