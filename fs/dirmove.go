package fs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"allasfs/cache"
	"allasfs/fs/name"
	"allasfs/s3"
)

const movePasses = 4 // over a directory that others change while it is renamed

// Phases of a dirMove.
const (
	moveCopying  = "copying"  // no source is gone
	moveDeleting = "deleting" // every copy was seen in the store
)

// moveIntent is what the journal keeps of a directory's rename while it is under way: by it the next mount ends what a crash cut short.
type moveIntent struct {
	Store    string    `json:"store"`
	Bucket   string    `json:"bucket"`
	Prefix   string    `json:"prefix"` // ends in a slash
	ToBucket string    `json:"to_bucket"`
	ToPrefix string    `json:"to_prefix"` // ends in a slash
	Plain    bool      `json:"plain"`     // the marker without a slash moves, too
	Phase    string    `json:"phase"`
	Begun    time.Time `json:"begun"`
}

// movedKey is one object of a directory that is renamed.
type movedKey struct {
	from s3.Version
	to   string
	now  s3.Object // the copy
}

// dirMove brings all objects below a prefix to another. The tree's gate is held whole.
type dirMove struct {
	f      *FS
	intent moveIntent
	kept   *cache.Intent // nil = the journal could not be written
	anew   bool          // nothing was there under the new name: what is there is not to be replaced, nor skipped
	begun  bool          // copies were asked for
	toldOnce
	over map[string]bool // keys of the markers of the empty directory that has the new name, which stays unless the rename succeeds

	mu   sync.Mutex
	made map[string]movedKey // copies by this run, by the new key

	total, done atomic.Int64 // objects, of the phase
}

// beginMove notes the rename in the journal. Where that cannot be written it goes on all the same: a crash leaves the objects under both names then.
func (f *FS) beginMove(i moveIntent) *dirMove {
	m := &dirMove{f: f, intent: i, anew: true, made: make(map[string]movedKey)}
	b, err := json.Marshal(i)
	if err == nil {
		m.kept, err = f.o.Cache.NewIntent(b)
	}
	if err != nil {
		f.log.Warn("the journal cannot be written: a crash would leave a directory under both names", "path", m.from(), "err", err)
		m.kept = nil
	}
	f.showMove(m)
	return m
}

func (m *dirMove) from() string { return m.intent.Bucket + "/" + m.intent.Prefix }
func (m *dirMove) to() string   { return m.intent.ToBucket + "/" + m.intent.ToPrefix }

// end takes the rename out of the status and, unless the mount ends in the middle of it, out of the journal: who asked for it has an answer.
func (m *dirMove) end(ctx context.Context) {
	m.f.hideMove(m)
	if m.kept == nil || ctx.Err() != nil {
		return
	}
	m.drop()
}

// run copies, looks whether every copy is there, and removes the sources, as long as it finds some that another client changed meanwhile. copied: moved is what
// is under the new name, also when sources could not be removed; else nothing is there that was not before.
func (m *dirMove) run(ctx context.Context) (moved []movedKey, copied bool, err error) {
	for range movePasses {
		now, _, err := m.copyAll(ctx)
		if err != nil && !copied && ctx.Err() == nil {
			m.undo(ctx)
		}
		if err != nil {
			return moved, copied, err
		}
		if !copied {
			m.phase(moveDeleting)
			m.f.retargetLeft(m.intent)
		}
		copied = true
		changed, err := m.deleteSources(ctx, now)
		moved = append(moved, now...)
		if err != nil || changed == 0 {
			return moved, true, err
		}
	}
	return moved, true, m.restless()
}

// restless is the error for a directory that does not stand still.
func (m *dirMove) restless() error {
	return fmt.Errorf("another client changes %s: %w", m.from(), syscall.EBUSY)
}

// phase writes down what is done from now on.
func (m *dirMove) phase(p string) {
	m.f.mu.Lock()
	m.intent.Phase = p
	m.f.mu.Unlock()
	if m.kept == nil {
		return
	}
	b, err := json.Marshal(m.intent)
	if err == nil {
		err = m.kept.Set(b)
	}
	if err != nil { // the phase before is right, too: the copies are found
		m.f.log.Warn("the journal of a rename", "path", m.from(), "err", err)
	}
}

// copyAll makes copies until a listing of both prefixes shows one of every source as it is. skipped tells of sources that have to stay, because something
// else has their new name; it is an error when the rename is anew.
func (m *dirMove) copyAll(ctx context.Context) (moved []movedKey, skipped int, err error) {
	for pass := range movePasses {
		todo, moved, foreign, err := m.compare(ctx)
		switch {
		case err != nil:
			return nil, 0, err
		case m.anew && foreign > 0 && pass == 0:
			return nil, 0, s3.ErrNotEmpty
		case m.anew && foreign > 0:
			return nil, 0, fmt.Errorf("another client writes to %s: %w", m.to(), os.ErrExist)
		case len(todo) == 0 || !m.anew && m.intent.Phase == moveDeleting:
			return moved, foreign + len(todo), nil
		}
		m.total.Store(int64(len(todo) + len(moved)))
		m.done.Store(int64(len(moved)))
		if err := m.copyKeys(ctx, todo); err != nil {
			return nil, 0, err
		}
	}
	return nil, 0, m.restless()
}

// compare lists both prefixes: todo has no copy, or an old one of this run, or nothing but the marker of a directory in its way; moved has one; of foreign
// sources something else has the new name.
func (m *dirMove) compare(ctx context.Context) (todo, moved []movedKey, foreign int, err error) {
	var there map[string]s3.Object
	g, gctx := errgroup.WithContext(ctx)
	var keys []movedKey
	g.Go(func() (err error) { keys, err = m.sources(gctx); return err })
	g.Go(func() (err error) { there, err = m.targets(gctx); return err })
	if err := g.Wait(); err != nil {
		return nil, nil, 0, err
	}
	if others := m.others(there); m.anew && !m.begun && others > 0 {
		return nil, nil, others, nil
	}
	for _, k := range keys {
		d, ok := there[k.to]
		if !ok {
			todo = append(todo, k)
			continue
		}
		now, is, err := m.copyOf(ctx, k, d)
		switch made, ours := m.made[k.to]; {
		case err != nil:
			return nil, nil, 0, err
		case is:
			k.now = now
			moved = append(moved, k)
		case ours && made.now.ETag == d.ETag, m.isOldMarker(now):
			todo = append(todo, k)
		default:
			foreign++
		}
	}
	return todo, moved, foreign, nil
}

// others is how many objects are under the new name beside the markers of the directory that is replaced.
func (m *dirMove) others(there map[string]s3.Object) (n int) {
	for key, o := range there {
		if !m.over[key] || o.Size > 0 {
			n++
		}
	}
	return n
}

// isOldMarker tells whether d is nothing but the marker of the directory that is replaced, which holds nothing: the object of a marker's key that the other
// directory has may well hold something.
func (m *dirMove) isOldMarker(d s3.Object) bool {
	return d.Key == m.intent.ToPrefix && d.Size == 0 && d.Large == s3.NotLarge
}

// copyOf tells whether d, which has the new key, is a copy of k as it is now, and which object it is.
func (m *dirMove) copyOf(ctx context.Context, k movedKey, d s3.Object) (s3.Object, bool, error) {
	if made, ok := m.made[k.to]; ok && made.from.ETag == k.from.ETag && made.now.ETag == d.ETag {
		return made.now, true, nil
	}
	if d.MaybeLarge() { // its entry in a listing is not its own
		h, err := m.f.o.Store.Head(ctx, m.intent.ToBucket, d.Key)
		if isNotExist(err) {
			return d, false, nil
		}
		if err != nil {
			return d, false, err
		}
		d = h
	}
	return d, d.ETag == k.from.ETag && d.Size == k.from.Size && (d.Large != s3.NotLarge) == k.from.Large, nil
}

// sources are all objects with their new keys; it is an error, before anything is done, if one cannot have it.
func (m *dirMove) sources(ctx context.Context) ([]movedKey, error) {
	i := m.intent
	var keys []movedKey
	err := m.f.eachBelow(ctx, i.Bucket, i.Prefix, func(objects []s3.Object) error {
		if err := m.f.trueSizes(ctx, place{bucket: i.Bucket}, objects); err != nil {
			return err
		}
		for _, o := range objects {
			k := movedKey{from: o.Version(i.Bucket), to: i.ToPrefix + o.Key[len(i.Prefix):]}
			if err := name.CheckKey(k.to); err != nil {
				return err
			}
			keys = append(keys, k)
		}
		return nil
	})
	if err != nil || !i.Plain {
		return keys, err
	}
	return m.withPlain(ctx, keys)
}

// withPlain adds the marker whose key has no slash, if it is still the empty object that means the directory.
func (m *dirMove) withPlain(ctx context.Context, keys []movedKey) ([]movedKey, error) {
	h, err := m.f.o.Store.Head(ctx, m.intent.Bucket, strings.TrimSuffix(m.intent.Prefix, "/"))
	if isNotExist(err) || err == nil && (h.Size > 0 || h.Large != s3.NotLarge) {
		return keys, nil
	}
	if err != nil {
		return nil, err
	}
	return append(keys, movedKey{from: h.Version(m.intent.Bucket), to: strings.TrimSuffix(m.intent.ToPrefix, "/")}), nil
}

// targets is what is under the new name, by key.
func (m *dirMove) targets(ctx context.Context) (map[string]s3.Object, error) {
	i := m.intent
	there := make(map[string]s3.Object, len(m.made))
	err := m.f.eachBelow(ctx, i.ToBucket, i.ToPrefix, func(objects []s3.Object) error {
		for _, o := range objects {
			there[o.Key] = o
		}
		return nil
	})
	if plain := strings.TrimSuffix(i.ToPrefix, "/"); err == nil && i.Plain {
		h, err := m.f.o.Store.Head(ctx, i.ToBucket, plain)
		if err == nil {
			there[plain] = h
		} else if !isNotExist(err) {
			return nil, err
		}
	}
	return there, err
}

// eachBelow lists all objects of a prefix, page by page.
func (f *FS) eachBelow(ctx context.Context, bucket, prefix string, fn func([]s3.Object) error) error {
	o := s3.ListOptions{Prefix: prefix}
	for {
		page, err := f.o.Store.List(ctx, bucket, o)
		if err == nil {
			err = fn(page.Objects)
		}
		if err != nil || page.Token == "" {
			return err
		}
		o.Token = page.Token
	}
}

// copyKeys copies all of keys side by side. A source that another client changes or removes meanwhile is no error: the next look finds it.
func (m *dirMove) copyKeys(ctx context.Context, keys []movedKey) error {
	m.begun = true
	var g errgroup.Group // which ends no copy that is under way: what it made would be unknown
	g.SetLimit(maxRequests)
	var failed atomic.Bool
	for _, k := range keys {
		if failed.Load() {
			break
		}
		g.Go(func() (err error) {
			k.now, err = m.f.copyObject(ctx, k.from, m.intent.ToBucket, k.to, s3.CopyOptions{Brief: true})
			if errors.Is(err, s3.ErrChanged) || isNotExist(err) {
				return nil
			}
			if err != nil {
				failed.Store(true)
				return err
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			m.made[k.to] = k
			m.done.Add(1)
			return nil
		})
	}
	return g.Wait()
}

// undo removes the copies of a rename that failed, also those whose making was not answered: nothing but m.over was under the new name before. A copy goes only where
// a look shows that its source is there: another client may have renamed the directory, too, and have nothing else.
func (m *dirMove) undo(ctx context.Context) {
	if !m.begun {
		return
	}
	old, moved, _, err := m.compare(ctx)
	if err != nil {
		m.f.log.Error("the copies of a rename that failed stay", "path", m.to(), "err", err)
		return
	}
	for _, k := range old {
		if was, ours := m.made[k.to]; ours {
			moved = append(moved, was)
		}
	}
	var made []string
	for _, k := range moved {
		switch {
		case !m.over[k.to]:
			made = append(made, k.to)
		case k.from.Size > 0:
			m.putBack(ctx, k.now)
		}
	}
	if len(made) == 0 {
		return
	}
	if failed, derr := m.f.o.Store.DeleteMany(ctx, m.intent.ToBucket, made); derr != nil || len(failed) > 0 {
		m.f.log.Error("remove the copies of a rename that failed", "path", m.to(), "copies", len(made), "left", len(failed), "err", derr)
	}
}

// putBack makes the marker of the directory that was to be replaced empty again.
func (m *dirMove) putBack(ctx context.Context, marker s3.Object) {
	if err := m.f.putMarkerOver(ctx, place{bucket: m.intent.ToBucket, prefix: marker.Key}, marker.ETag); err != nil {
		m.f.log.Error("the marker of a directory that was not replaced holds what was to be moved there", "path", m.to(), "err", err)
	}
}
