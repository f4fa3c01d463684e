package fs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/sync/errgroup"
)

const (
	maxUnlisted     = 1000    // buckets that are remembered
	maxUnlistedFile = 1 << 18 // bytes that are read of their file
)

// unlisted are the buckets that opened by their names and that no list shows, since another project shares them. They are remembered, over mounts too, until
// the store says that they are gone. The store's own list takes out of them what it shows.
type unlisted struct {
	file string // one name a line; "" = for the life of the mount

	mu    sync.Mutex // over local disk I/O; taken with no other lock held
	names map[string]struct{}
}

// load reads the file.
func (u *unlisted) load() error {
	u.names = make(map[string]struct{})
	if u.file == "" {
		return nil
	}
	data, err := os.ReadFile(u.file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for line := range bytes.Lines(data[:min(len(data), maxUnlistedFile)]) {
		if nm, whole := bytes.CutSuffix(line, []byte("\n")); whole && len(nm) > 0 && len(u.names) < maxUnlisted {
			u.names[string(nm)] = struct{}{}
		}
	}
	return err
}

// set remembers or forgets names.
func (u *unlisted) set(remember bool, names ...string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	changed := false
	for _, nm := range names {
		_, has := u.names[nm]
		switch {
		case has && !remember:
			delete(u.names, nm)
			changed = true
		case !has && remember && len(u.names) < maxUnlisted && !strings.ContainsFunc(nm, unicode.IsControl):
			u.names[nm] = struct{}{}
			changed = true
		}
	}
	if !changed || u.file == "" {
		return nil
	}
	return u.save()
}

// save replaces the file in one step; needs mu.
func (u *unlisted) save() error {
	var b strings.Builder
	for _, nm := range u.sorted() {
		b.WriteString(nm + "\n")
	}
	fresh := u.file + ".new"
	if err := os.WriteFile(fresh, []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, u.file)
}

// sorted needs mu.
func (u *unlisted) sorted() []string {
	names := make([]string, 0, len(u.names))
	for nm := range u.names {
		names = append(names, nm)
	}
	slices.Sort(names)
	return names
}

// except are the remembered names that the list does not show; those that it shows are forgotten.
func (u *unlisted) except(listed []entry) ([]string, error) {
	names := make([]string, len(listed))
	for i, e := range listed {
		names[i] = e.name
	}
	err := u.set(false, names...)
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sorted(), err
}

// rememberBucket takes down what the store said of a bucket that was asked for by its name: err is nil where it is there.
func (f *FS) rememberBucket(nm string, err error) {
	if err != nil && !isNotExist(err) {
		return
	}
	if werr := f.unlisted.set(err == nil, nm); werr != nil {
		f.log.Warn("remember the buckets that opened by name", "err", werr)
	}
}

// fetchUnlisted adds to the list of buckets those that are remembered and not in it, but for those that the store does not know any more. One that cannot be
// reached now is shown all the same.
func (f *FS) fetchUnlisted(ctx context.Context, listed []entry) ([]entry, error) {
	names, err := f.unlisted.except(listed)
	if err != nil {
		f.log.Warn("remember the buckets that opened by name", "err", err)
	}
	gone := make([]bool, len(names))
	var g errgroup.Group
	g.SetLimit(maxRequests)
	for i, nm := range names {
		g.Go(func() error {
			_, err := f.o.Store.HeadBucket(ctx, nm)
			gone[i] = isNotExist(err)
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var es []entry
	for i, nm := range names {
		if gone[i] {
			f.rememberBucket(nm, os.ErrNotExist)
			continue
		}
		es = append(es, entry{name: nm, dir: true})
	}
	return es, nil
}
