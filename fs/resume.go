package fs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"allasfs/cache"
	"allasfs/s3"
)

const (
	resumeWithin = 24 * time.Hour   // what a crash cut short is given up after that: a rename from its beginning, attributes from the first try that failed
	resumeAfter  = 30 * time.Second // see Options.ResumeAfter
	resumeMost   = 20               // times that: the longest time between two tries
)

// MoveState is a directory that is being renamed.
type MoveState struct {
	From  string `json:"from"`  // bucket/prefix
	To    string `json:"to"`    // bucket/prefix
	Phase string `json:"phase"` // copying, deleting
	Done  int64  `json:"done"`  // objects of the phase
	Total int64  `json:"total"` // 0 = not known yet
}

func (f *FS) showMove(m *dirMove) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moves[m] = struct{}{}
}

func (f *FS) hideMove(m *dirMove) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.moves, m)
}

// moveStates needs f.mu.
func (f *FS) moveStates() []MoveState {
	var all []MoveState
	for m := range f.moves {
		all = append(all, MoveState{From: m.from(), To: m.to(), Phase: m.intent.Phase, Done: m.done.Load(), Total: m.total.Load()})
	}
	slices.SortFunc(all, func(a, b MoveState) int { return cmp.Compare(a.From, b.From) })
	return all
}

// leftIntent is something that an earlier mount began or promised, and that a crash cut short.
type leftIntent interface {
	// ask tells, by a request that changes nothing, why the store could not take it now; no gate is held.
	ask(ctx context.Context) error
	// failed takes the error of a try; true when no other is worth while: then it is told what is lost, and the journal forgets it.
	failed(err error) (over bool)
	// resume ends it; true when it is over, whatever became of it. The tree's gate is held whole.
	resume(ctx context.Context) (over bool)
}

// toldOnce tells of the first of many tries that fail; those after it are told in the log alone, to who wants all.
type toldOnce struct{ told bool }

func (t *toldOnce) tell(f *FS, op, path string, err error) {
	if t.told {
		f.log.Debug(op, "path", path, "err", err)
		return
	}
	t.told = true
	_ = f.record(op, path, err) // nobody waits for it
}

// adoptIntents ends, in the background, what a crash cut short, the renames of directories and attributes that were set: nobody was told that they failed. The
// tree's gate is taken before anybody else can have it, so that nothing is changed here before they are tried.
func (f *FS) adoptIntents() {
	if f.o.ReadOnly {
		return
	}
	left := f.leftIntents()
	if len(left) == 0 || !f.tree.TryAcquire(whole) {
		return
	}
	for _, i := range left {
		if a, is := i.(*leftAttrs); is {
			f.mu.Lock()
			f.left[a] = struct{}{}
			f.mu.Unlock()
		}
	}
	f.spawn(func() {
		left = f.resumeAll(left)
		f.tree.Release(whole)
		f.resumeLater(left)
	})
}

// resumeLater tries again what could not be ended, after longer and longer times. The tree's gate is taken only for what the store, when it is asked, does not
// refuse: who changes anything here does not wait while it is away.
func (f *FS) resumeLater(left []leftIntent) {
	for wait := f.o.ResumeAfter; len(left) > 0; wait = min(2*wait, resumeMost*f.o.ResumeAfter) {
		select {
		case <-time.After(wait):
		case <-f.ctx.Done():
			return
		}
		ready, away := f.askAll(left)
		if len(ready) > 0 {
			if err := f.tree.Acquire(f.ctx, whole); err != nil {
				return
			}
			ready = f.resumeAll(ready)
			f.tree.Release(whole)
		}
		left = append(away, ready...)
	}
}

// askAll parts what can be tried now from what cannot; what is given up is in neither.
func (f *FS) askAll(left []leftIntent) (ready, away []leftIntent) {
	errs := make([]error, len(left))
	var g errgroup.Group
	g.SetLimit(maxRequests)
	for n, i := range left {
		g.Go(func() error { errs[n] = i.ask(f.ctx); return nil })
	}
	_ = g.Wait() // errs has them
	for n, i := range left {
		switch {
		case errs[n] == nil:
			ready = append(ready, i)
		case f.ctx.Err() != nil || !i.failed(errs[n]):
			away = append(away, i)
		}
	}
	return ready, away
}

// resumeAll returns those that are not over. Attributes go first, many at a time: what was set on a file below a directory that was being renamed belongs to what
// has its old name, which may have to be copied yet, and to the copy, if there is one.
func (f *FS) resumeAll(left []leftIntent) (again []leftIntent) {
	var attrs, moves []leftIntent
	for _, i := range left {
		if _, is := i.(*leftAttrs); is {
			attrs = append(attrs, i)
		} else {
			moves = append(moves, i)
		}
	}
	over := make([]bool, len(attrs))
	var g errgroup.Group
	g.SetLimit(maxRequests)
	for n, i := range attrs {
		g.Go(func() error { over[n] = i.resume(f.ctx); return nil })
	}
	_ = g.Wait() // over has what came of them
	for n, i := range attrs {
		if !over[n] {
			again = append(again, i)
		}
	}
	return append(again, slices.DeleteFunc(moves, func(i leftIntent) bool { return i.resume(f.ctx) })...)
}

// Unended tells whether an earlier mount left something in c that a file system with that Options.Name has to bring to the store, or to keep: drafts, attributes,
// renames that a crash cut short. name "" = of any.
func Unended(c *cache.Cache, name string) bool {
	if slices.ContainsFunc(c.Drafts(), func(d *cache.Draft) bool { return name == "" || d.Target().Store == name }) {
		return true
	}
	all, _ := c.Intents() // what could be read of them; whose file system tells the error
	return slices.ContainsFunc(all, func(i *cache.Intent) bool {
		var its struct {
			Store string `json:"store"`
		}
		return json.Unmarshal(i.Data(), &its) == nil && (name == "" || its.Store == name)
	})
}

// leftIntents are those in the journal that are this file system's, the oldest first.
func (f *FS) leftIntents() (left []leftIntent) {
	all, err := f.o.Cache.Intents()
	if err != nil {
		f.log.Error("the journal of what was begun", "err", err)
	}
	var notes []*cache.Intent
	var moves []moveIntent
	for _, kept := range all {
		var its struct {
			Kind string `json:"kind"` // "" = the rename of a directory
			moveIntent
		}
		if err := json.Unmarshal(kept.Data(), &its); err != nil || its.Store != f.o.Name {
			continue
		}
		switch its.Kind {
		case "":
			moves = append(moves, its.moveIntent)
			if m := f.leftMove(kept); m != nil {
				left = append(left, m)
			}
		case attrsKind:
			notes = append(notes, kept)
		case abortKind:
			f.leftAbort(kept)
		}
	}
	for _, kept := range notes {
		if a := f.leftAttrs(kept, moves); a != nil {
			left = append(left, a)
		}
	}
	return left
}

// leftMove is the rename that kept tells of; nil where it is none of this file system, or an old one.
func (f *FS) leftMove(kept *cache.Intent) *dirMove {
	m := &dirMove{f: f, kept: kept, made: make(map[string]movedKey)}
	if err := json.Unmarshal(kept.Data(), &m.intent); err != nil || !f.o.Group.claimMove(f, m) {
		return nil
	}
	if time.Since(m.intent.Begun) > resumeWithin {
		f.log.Warn("a rename that was cut short long ago is left as it is: look whether something is under both names", "from", m.from(), "to", m.to())
		m.drop()
		return nil
	}
	return m
}

// ask implements leftIntent.
func (m *dirMove) ask(ctx context.Context) error {
	_, err := m.f.o.Store.List(ctx, m.intent.Bucket, s3.ListOptions{Prefix: m.intent.Prefix, MaxKeys: 1})
	return err
}

// failed implements leftIntent.
func (m *dirMove) failed(err error) (over bool) {
	final := errors.Is(err, os.ErrPermission) || isNotExist(err)
	if !final && time.Since(m.intent.Begun) < resumeWithin {
		m.tell(m.f, "rename", m.from(), err)
		return false
	}
	_ = m.f.record("rename", m.from(), fmt.Errorf("what a crash had cut short is given up: look what is under both names, this one and %s: %w", m.to(), err)) // nobody waits for it
	m.drop()
	return true
}

// resume implements leftIntent.
func (m *dirMove) resume(ctx context.Context) (over bool) {
	f := m.f
	f.showMove(m)
	defer f.hideMove(m)
	keys, skipped, err := m.copyAll(ctx)
	if err == nil {
		m.phase(moveDeleting)
		f.retargetLeft(m.intent)
		var changed int
		changed, err = m.deleteSources(ctx, keys)
		skipped += changed
	}
	f.changedBehind(m.intent.Bucket, func(key string) bool { return strings.HasPrefix(key+"/", m.intent.Prefix) })
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		return m.failed(err)
	case skipped > 0:
		f.log.Warn("of a rename that a crash had cut short some stay: something else has their new names", "from", m.from(), "to", m.to(), "stay", skipped)
	default:
		f.log.Info("a rename that a crash had cut short was ended", "from", m.from(), "to", m.to(), "objects", len(keys))
	}
	m.drop()
	return true
}

func (m *dirMove) drop() {
	if err := m.kept.Drop(); err != nil {
		m.f.log.Error("the journal of a rename", "path", m.from(), "err", err)
	}
}

// retargetLeft lets what an earlier mount left of files below a directory that was renamed, bytes and attributes, go to where they are now.
func (f *FS) retargetLeft(i moveIntent) {
	f.mu.Lock()
	var left []*cache.Draft
	for _, d := range f.orphans.byID {
		if t := d.Target(); t.Bucket == i.Bucket && strings.HasPrefix(t.Key, i.Prefix) {
			left = append(left, d)
		}
	}
	attrs := slices.Collect(maps.Keys(f.left))
	f.mu.Unlock()
	for _, a := range attrs {
		a.follow(i)
	}
	for _, d := range left {
		t := d.Target()
		t.Bucket, t.Key = i.ToBucket, i.ToPrefix+t.Key[len(i.Prefix):]
		if err := f.retargetOrphan(d, t); err != nil && !errors.Is(err, os.ErrClosed) {
			f.log.Error("journal of a draft", "bucket", t.Bucket, "key", t.Key, "err", err)
		}
	}
}

// retargetOrphan lets a draft that no node holds go to another key; it is found by both meanwhile.
func (f *FS) retargetOrphan(d *cache.Draft, t cache.Target) error {
	was, now := targetOf(d), objectName{t.Bucket, t.Key}
	f.mu.Lock()
	if f.orphans.holds(d) {
		f.orphans.show(d, now)
	}
	f.mu.Unlock()
	err := d.SetTarget(t)
	f.mu.Lock()
	defer f.mu.Unlock()
	gone := !f.orphans.holds(d)
	if gone || err == nil {
		f.orphans.hide(d, was)
	}
	if gone || err != nil {
		f.orphans.hide(d, now)
	}
	return err
}

// changedBehind lets names whose objects were changed behind the nodes' back be looked up anew, but not those that have changes of their own.
func (f *FS) changedBehind(bucket string, is func(key string) bool) {
	f.mu.Lock()
	type gone struct {
		parent uint64
		name   string
	}
	var all []gone
	f.sweeps = nil
	for _, n := range f.nodes {
		if n.kind == kindDir {
			n.listing, n.changes = nil, nil
		}
		if n.parent == nil || n.unsent() || n.attrsUnsent {
			continue
		}
		if b, key := f.keyOf(n); b == bucket && is(key) {
			all = append(all, gone{n.parent.id, n.name})
			f.leave(n)
		}
	}
	f.mu.Unlock()
	for _, g := range all {
		f.notifyEntry(g.parent, g.name)
	}
}
