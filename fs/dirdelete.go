package fs

import (
	"context"
	"errors"
	"slices"
	"strings"

	"allasfs/s3"
)

const (
	deleteChunk = 4000 // sources that are removed between two looks at the progress
	lookAgain   = 1000 // of more sources it is looked once more whether another client changed them: the comparing may have begun minutes ago
)

// deleteSources removes what has been copied. changed sources stay: another client has replaced them since they were compared.
func (m *dirMove) deleteSources(ctx context.Context, keys []movedKey) (changed int, err error) {
	m.total.Store(int64(len(keys)))
	m.done.Store(0)
	m.f.persistEnds()
	after := ""
	for some := range slices.Chunk(keys, deleteChunk) {
		var now map[string]string
		if len(keys) > lookAgain {
			if now, err = m.etagsOf(ctx, after, some); err != nil {
				return changed, err
			}
			after = some[len(some)-1].from.Key
		}
		names := unchanged(some, now)
		if err := m.deleteKeys(ctx, names); err != nil {
			return changed, err
		}
		changed += len(some) - len(names)
		m.done.Add(int64(len(some)))
	}
	return changed, nil
}

// unchanged are the keys of those sources that may go: the store has what was compared, or nothing. now is what it has, as far as that was looked at. A Swift
// large object's entry is not its own, and such a source counts as one that did not change.
func unchanged(keys []movedKey, now map[string]string) (names []string) {
	for _, k := range keys {
		if etag, there := now[k.from.Key]; !there || k.from.Large || etag == k.from.ETag {
			names = append(names, k.from.Key)
		}
	}
	return names
}

// etagsOf lists what the store has now, after a key, of sources that are in the order of a listing; the marker whose key has no slash may be the last.
func (m *dirMove) etagsOf(ctx context.Context, after string, keys []movedKey) (map[string]string, error) {
	now := make(map[string]string, len(keys))
	if last := len(keys) - 1; !strings.HasPrefix(keys[last].from.Key, m.intent.Prefix) {
		keys = keys[:last]
	}
	if len(keys) == 0 {
		return now, nil
	}
	o := s3.ListOptions{Prefix: m.intent.Prefix, StartAfter: after}
	for {
		page, err := m.f.o.Store.List(ctx, m.intent.Bucket, o)
		if err != nil {
			return nil, err
		}
		last := ""
		for _, e := range page.Objects {
			now[e.Key], last = e.ETag, e.Key
		}
		if page.Token == "" || last >= keys[len(keys)-1].from.Key {
			return now, nil
		}
		o.Token = page.Token
	}
}

// deleteKeys removes sources; the error tells of a few that are still there.
func (m *dirMove) deleteKeys(ctx context.Context, names []string) error {
	failed, err := m.f.o.Store.DeleteMany(ctx, m.intent.Bucket, names)
	errs := []error{err}
	for _, e := range failed {
		if len(errs) > 3 {
			break
		}
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}
