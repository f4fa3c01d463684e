package fs

import (
	"sync"

	"allasfs/cache"
)

// Group is the file systems of one mount, that share a cache and the daemon's memory: who waits for room among the drafts waits for the uploads of all.
type Group struct {
	of int

	mu  sync.Mutex // taken with no other lock held
	all map[*FS]struct{}

	claimed map[*cache.Draft]struct{} // drafts of earlier mounts that one of them takes care of
	intents map[string]struct{}       // what else an earlier mount left, by name, that one of them takes care of
}

// NewGroup makes a group, of that many mounted file systems.
func NewGroup(of int) *Group {
	return &Group{of: max(of, 1), all: make(map[*FS]struct{}), claimed: make(map[*cache.Draft]struct{}), intents: make(map[string]struct{})}
}

// share is how much of what there is for one file system is for each of the group, least at the least. A nil group is one file system.
func (g *Group) share(all, least int) int {
	if g == nil {
		return all
	}
	return max(all/g.of, least)
}

// claim tells whether f takes care of a draft that an earlier mount left: of several file systems on one store the first that shows its file; what those that are
// mounted already have made is theirs. One that is alone takes care of all drafts of its store.
func (g *Group) claim(f *FS, d *cache.Draft) bool {
	if g == nil || g.of == 1 {
		return true
	}
	if _, shown := f.pathOfKey(d.Target().Bucket, d.Target().Key); !shown || !d.Left() {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_, taken := g.claimed[d]
	g.claimed[d] = struct{}{}
	return !taken
}

// claimMove is claim for the rename of a directory that an earlier mount left, of which one that shows both names takes care.
func (g *Group) claimMove(f *FS, m *dirMove) bool {
	if g == nil || g.of == 1 {
		return true
	}
	_, from := f.pathOfKey(m.intent.Bucket, m.intent.Prefix)
	_, to := f.pathOfKey(m.intent.ToBucket, m.intent.ToPrefix)
	return from && to && g.claimIntent(m.from())
}

// claimAttrs is claim for attributes that an earlier mount left.
func (g *Group) claimAttrs(f *FS, a *leftAttrs) bool {
	if g == nil || g.of == 1 {
		return true
	}
	_, shown := f.pathOfKey(a.note.Bucket, a.note.Key)
	return shown && g.claimIntent(attrsKind+" of "+a.note.Bucket+"/"+a.note.Key)
}

// claimAbort is claim for an upload that an earlier mount left to be aborted.
func (g *Group) claimAbort(f *FS, l *leftUpload) bool {
	if g == nil || g.of == 1 {
		return true
	}
	_, shown := f.pathOfKey(l.Bucket, l.Key)
	return shown && g.claimIntent(abortKind+" of "+l.ID)
}

// claimIntent tells whether nobody took care of what goes by that name.
func (g *Group) claimIntent(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, taken := g.intents[name]
	g.intents[name] = struct{}{}
	return !taken
}

func (g *Group) join(f *FS) {
	if g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.all[f] = struct{}{}
	}
}

func (g *Group) leave(f *FS) {
	if g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.all, f)
	}
}

// others are the file systems beside f.
func (g *Group) others(f *FS) []*FS {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []*FS
	for o := range g.all {
		if o != f {
			list = append(list, o)
		}
	}
	return list
}
