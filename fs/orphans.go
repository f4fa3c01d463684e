package fs

import (
	"slices"

	"allasfs/cache"
)

// orphans are the kept drafts that no node holds. A crash may leave very many, and each draft that is made asks for those of its key: so they are found by that, too.
// Guarded by FS.mu.
type orphans struct {
	byID map[string]*cache.Draft
	at   map[objectName][]*cache.Draft
}

func newOrphans() orphans {
	return orphans{byID: make(map[string]*cache.Draft), at: make(map[objectName][]*cache.Draft)}
}

func targetOf(d *cache.Draft) objectName { return objectName{d.Target().Bucket, d.Target().Key} }

func (o *orphans) add(d *cache.Draft) {
	o.byID[d.ID()] = d
	o.show(d, targetOf(d))
}

// show lets of find d under a key, which may be the one that it is about to get.
func (o *orphans) show(d *cache.Draft, at objectName) {
	if !slices.Contains(o.at[at], d) {
		o.at[at] = append(o.at[at], d)
	}
}

// hide is the end of show: d has another key now.
func (o *orphans) hide(d *cache.Draft, at objectName) {
	left := slices.DeleteFunc(o.at[at], func(x *cache.Draft) bool { return x == d })
	if len(left) == 0 {
		delete(o.at, at)
	} else {
		o.at[at] = left
	}
}

func (o *orphans) remove(d *cache.Draft) {
	delete(o.byID, d.ID())
	o.hide(d, targetOf(d))
}

// holds tells whether d is one of them.
func (o *orphans) holds(d *cache.Draft) bool { return o.byID[d.ID()] == d }

// of are those of a key.
func (o *orphans) of(bucket, key string) (all []*cache.Draft) {
	for _, d := range o.at[objectName{bucket, key}] {
		if t := d.Target(); t.Bucket == bucket && t.Key == key {
			all = append(all, d)
		}
	}
	return all
}
