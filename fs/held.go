package fs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"allasfs/cache"
	"allasfs/fs/name"
)

// HeldReport is what the cache has on disk below a path.
type HeldReport struct {
	Path    string      `json:"path"`  // below the mount's top, "" = the whole cache
	Files   int         `json:"files"` // versions
	Bytes   int64       `json:"bytes"` // on disk
	Groups  []HeldGroup `json:"groups"`
	Largest []HeldFile  `json:"largest"`
	Other   HeldGroup   `json:"other"` // that this mount does not show, as another mount with this cache folder left it
	Cache   cache.Stats `json:"cache"`
}

// HeldGroup is the sum of what lies at or below one name of the directory Path, most bytes first.
type HeldGroup struct {
	Path  string `json:"path"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"` // on disk
}

// HeldFile is one version in the cache.
type HeldFile struct {
	Path  string    `json:"path"`
	Size  int64     `json:"size"`  // of the object
	Bytes int64     `json:"bytes"` // on disk
	Used  time.Time `json:"used"`  // last use
	Open  bool      `json:"open"`
}

// Held tells what the cache has on disk at and below path, with the n largest files one by one. It makes no request.
func (f *FS) Held(path string, n int) (HeldReport, error) {
	match, err := f.versionsBelow(path)
	if err != nil {
		return HeldReport{}, err
	}
	r := HeldReport{Path: path, Groups: []HeldGroup{}, Largest: []HeldFile{}, Cache: f.o.Cache.Stats()}
	groups := map[string]*HeldGroup{}
	for _, h := range f.o.Cache.Held() {
		p, shown := f.pathOfKey(h.ID.Bucket, h.ID.Key)
		if shown = shown && h.ID.Store == f.o.Name; !shown {
			r.Other.Files, r.Other.Bytes = r.Other.Files+1, r.Other.Bytes+h.Bytes
			continue
		}
		if !match(h.ID) {
			continue
		}
		r.Files, r.Bytes = r.Files+1, r.Bytes+h.Bytes
		g := groupOf(path, p)
		if groups[g] == nil {
			groups[g] = &HeldGroup{Path: g}
		}
		groups[g].Files, groups[g].Bytes = groups[g].Files+1, groups[g].Bytes+h.Bytes
		if len(r.Largest) < n { // Held comes in this order
			r.Largest = append(r.Largest, HeldFile{Path: p, Size: h.Size, Bytes: h.Bytes, Used: h.Used, Open: h.Open})
		}
	}
	for _, g := range slices.SortedFunc(maps.Values(groups), func(a, b *HeldGroup) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Path, b.Path))
	}) {
		r.Groups = append(r.Groups, *g)
	}
	return r, nil
}

// groupOf is the name in directory dir at or below which p lies, as a path with a slash at its end where p is below it.
func groupOf(dir, p string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(p, dir), "/")
	if rest == "" {
		return p
	}
	head, _, deeper := strings.Cut(rest, "/")
	g := strings.TrimSuffix(p, rest) + head
	if deeper {
		g += "/"
	}
	return g
}

// Evict takes what lies at and below paths out of the cache, and with all everything that is in it, also what another mount left there. What is
// open stays and is counted; drafts are never touched. It makes no request, so it works for what is no longer in the store.
func (f *FS) Evict(paths []string, all bool) (cache.Evicted, error) {
	var matches []func(cache.ID) bool
	for _, p := range paths {
		m, err := f.versionsBelow(p)
		if err != nil {
			return cache.Evicted{}, err
		}
		matches = append(matches, m)
	}
	return f.o.Cache.Evict(func(id cache.ID) bool {
		return all || slices.ContainsFunc(matches, func(m func(cache.ID) bool) bool { return m(id) })
	}), nil
}

// versionsBelow tells the versions of the keys that show at and below a path; EINVAL for a path that no key can have.
func (f *FS) versionsBelow(path string) (func(cache.ID) bool, error) {
	bucket, rest := f.o.Bucket, strings.Trim(path, "/")
	if bucket == "" {
		bucket, rest, _ = strings.Cut(rest, "/")
	}
	if rest == "" {
		return func(id cache.ID) bool {
			return id.Store == f.o.Name && (bucket == "" || id.Bucket == bucket) && strings.HasPrefix(id.Key, f.o.Prefix)
		}, nil
	}
	key, object, err := name.Key(rest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, err, syscall.EINVAL)
	}
	key = f.o.Prefix + key
	return func(id cache.ID) bool {
		return id.Store == f.o.Name && id.Bucket == bucket && (id.Key == key || !object && strings.HasPrefix(id.Key, key+"/"))
	}, nil
}
