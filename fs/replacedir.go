package fs

import (
	"context"
	"strings"

	"allasfs/s3"
)

// replacedDir is an empty directory that another one is renamed over. Its markers, which alone keep it, stay until all copies are there: a rename that fails leaves
// it as it was.
type replacedDir struct {
	place place
	near  nearby
	plain bool // it has a marker whose key has no slash
}

// replacing looks at a directory that is about to be replaced; s3.ErrNotEmpty when it is not empty. The tree's gate is held whole.
func (f *FS) replacing(ctx context.Context, n *node) (r replacedDir, err error) {
	f.mu.Lock()
	r.place, r.plain = f.placeOf(n), n.plain
	unsent := n.unsentBelow()
	f.mu.Unlock()
	if unsent {
		return r, s3.ErrNotEmpty
	}
	r.near, err = f.nearbyEmpty(ctx, n, r.place)
	return r, err
}

// markers are the keys of its markers that the rename may meet under the new name, all of them empty objects.
func (r replacedDir) markers() map[string]bool {
	m := make(map[string]bool)
	if r.near.marker {
		m[r.place.prefix] = true
	}
	if r.plain {
		m[strings.TrimSuffix(r.place.prefix, "/")] = true
	}
	return m
}

// replaced removes the markers of a directory that moved objects have taken the place of, except those that are now markers of what was moved, and the common one
// where nothing was moved, which needs it. What cannot be removed does no harm beside the objects.
func (f *FS) replaced(ctx context.Context, r replacedDir, moved []movedKey) {
	if r.place.bucket == "" {
		return
	}
	if len(moved) == 0 {
		r.near.marker = false
	}
	for _, k := range moved {
		switch k.to {
		case r.place.prefix:
			r.near.marker = false
		case strings.TrimSuffix(r.place.prefix, "/"):
			r.plain = false
		}
	}
	if err := f.dropMarkers(ctx, r.place, r.near, r.plain); err != nil {
		f.log.Warn("a marker of a directory that was replaced stays", "path", r.place.bucket+"/"+r.place.prefix, "err", err)
	}
}
