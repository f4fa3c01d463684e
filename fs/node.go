package fs

import (
	"hash/fnv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"allasfs/cache"
	"allasfs/fs/name"
	"allasfs/s3"
)

type kind uint8

const (
	kindFile kind = iota
	kindDir
	kindLink
)

// place is where a directory's children are in the store.
type place struct {
	bucket string // "" = the top directory that lists buckets
	prefix string // "" or ending in a slash
	cont   string // start of an element over 255 bytes: this is one of its continuation directories
}

// nowhere is no bucket: the store is never asked for what lies in a directory that is gone.
const nowhere = "/"

// list is the prefix to list, and what the keys of children begin with.
func (p place) list() string { return p.prefix + p.cont }

// child is the place of the directory part below p.
func (p place) child(part name.Part) place {
	switch {
	case p.bucket == "":
		return place{bucket: part.Elem}
	case part.Continued:
		return place{bucket: p.bucket, prefix: p.prefix, cont: p.cont + part.Elem}
	}
	return place{bucket: p.bucket, prefix: p.list() + part.Elem + "/"}
}

// object is what the store holds under a file's key.
type object struct {
	exists   bool
	large    bool // Swift large object
	etag     string
	size     int64
	modified time.Time
}

// node is a file or directory that the kernel knows or that has local state. Its identity is its id; a file that another client replaced while
// it was open becomes another node, so that the kernel's pages never mix two versions. All fields but the gates are guarded by FS.mu.
type node struct {
	id     uint64
	gate   *semaphore.Weighted // shared by writes, whole for sending, renaming and removing; of a directory: whole for its marker and for removing it
	refs   uint64              // lookups that the kernel holds
	kind   kind
	parent *node // nil: the top, or detached
	name   string
	part   name.Part

	at       knownAttrs
	checked  time.Time // when the store was last asked
	unlinked bool      // detached by unlink or by a rename over it
	idle     bool      // in FS.idle, which keeps it
	stale    bool      // detached because another client's version is under its name now
	inPlace  bool      // it was opened for reading and writing beside somebody who read it past the daemon: that will come again

	// files
	obj         object
	last        s3.Version   // of a detached file: where its bytes are
	draft       *cache.Draft // not nil: local changes that are not in the store
	reader      *cache.File  // of obj, opened at first use
	loan        atomic.Pointer[loan]
	direct      *direct
	handles     int    // open
	writers     int    // of them for writing
	pages       string // ETag of what the kernel's page cache holds
	attrsSeq    uint64 // grows with each Setattr
	told        int64  // the mtime that the kernel has of it, where it collects writes, in nanoseconds since 1970; 0 = that which is shown
	tells       bool   // it is to tell that, as it does after a rename or a change of extended attributes
	attrsUnsent bool   // at is newer than the store's
	tries       int32  // of the work in FS.later that failed one after the other
	sending     *sendOp
	queued      *queued    // waits in FS.queue
	target      string     // of a symbolic link, once read
	drafting    sync.Mutex // one draft is made at a time; taken before FS.mu, held over local I/O
	appending   sync.Mutex // O_APPEND writes one after the other; taken before the draft's own locks

	// directories
	children map[string]*node  // known ones
	was      *formerPlace      // where it was until it was removed without a look at the store; nil of all others
	unsents  map[*node]bool    // children that may be unsent, and none that is unsent is missing: see markUnsent
	changes  map[string]change // own changes that listings begun earlier do not show
	listing  *listing          // the newest
	cached   *dirCache         // names that the kernel keeps; nil until it was read
	walkers  walkers           // who reads its files in order
	misses   int               // names asked for one by one since the last listing
	lastRead string            // prefix of the child directory that was read last
	readAt   time.Time         // when it, or a child directory, was read last
	held     bool              // exists here though the store may show nothing of it yet
	stays    bool              // a piece of long names that exists here alone: nothing can keep it in the store, and it keeps no directory above
	turns    uint64            // grows when a child was stored or removed: what held and empty say may be another thing then
	wrote    int64             // bytes of the file that was stored in it last, of those that are not empty; 0 = none was
	empty    bool              // held, and nothing below it was ever stored
	asked    stamp             // when it was found out whether there is a marker
	marker   bool              // the store holds a marker object for it, whose key ends in a slash
	foreign  bool              // that somebody else wrote, which stays
	plain    bool              // the store holds an empty object under its key without a slash, which means it too
}

// formerPlace is where a directory was.
type formerPlace struct {
	parent *node
	name   string
}

func (f *FS) newRoot() *node {
	return &node{id: RootID, refs: 1, kind: kindDir, children: make(map[string]*node), gate: semaphore.NewWeighted(whole)}
}

// newNode makes the child of parent; needs f.mu.
func (f *FS) newNode(parent *node, nm string, part name.Part, k kind) *node {
	n := &node{kind: k, parent: parent, name: nm, part: part}
	if k == kindDir {
		n.children = make(map[string]*node)
	}
	n.gate = semaphore.NewWeighted(whole)
	n.id = f.freeID(inode(f.placeOf(parent), nm))
	f.nodes[n.id] = n
	parent.children[nm] = n
	return n
}

// freeID is want unless a living node has it.
func (f *FS) freeID(want uint64) uint64 {
	for id := want; ; id = f.nextID {
		if _, taken := f.nodes[id]; !taken && id > RootID {
			return id
		}
		f.nextID++
	}
}

// inode is a number for a name that stays over remounts, so that tools which remember inode numbers find them again.
func inode(p place, nm string) uint64 {
	h := fnv.New64a()
	for _, s := range []string{p.bucket, p.list(), nm} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return h.Sum64() & (1<<(IDBits-1) - 1)
}

// placeOf needs f.mu; for directories.
func (f *FS) placeOf(n *node) place {
	if n.id == RootID {
		return place{bucket: f.o.Bucket, prefix: f.o.Prefix}
	}
	if n.parent == nil {
		return place{bucket: nowhere}
	}
	return f.placeOf(n.parent).child(n.part)
}

// keyOf is a file's bucket and key; needs f.mu and an attached node.
func (f *FS) keyOf(n *node) (bucket, key string) {
	p := f.placeOf(n.parent)
	return p.bucket, p.list() + n.part.Elem
}

// versionOf needs f.mu; of a file that exists.
func (f *FS) versionOf(n *node) s3.Version {
	if n.parent == nil {
		return n.last
	}
	bucket, key := f.keyOf(n)
	return n.obj.version(bucket, key)
}

func (o object) version(bucket, key string) s3.Version {
	return s3.Version{Bucket: bucket, Key: key, ETag: o.etag, Size: o.size, Modified: o.modified, Large: o.large}
}

func (f *FS) cacheID(v s3.Version) cache.ID {
	return cache.ID{Store: f.o.Name, Bucket: v.Bucket, Key: v.Key, ETag: v.ETag}
}

// local tells whether n must be kept though the kernel forgot it; needs f.mu.
func (n *node) local() bool {
	return n.idle || n.draft != nil || n.held || n.stays || n.attrsUnsent || n.sending != nil || n.handles > 0 || len(n.children) > 0
}

// refused tells of a bucket's directory that nobody here may look into: it shows without any permission; needs f.mu.
func (n *node) refused() bool {
	return n.kind == kindDir && n.parent != nil && n.parent.id == RootID && n.at.hasMode && n.at.mode == 0
}

// detach takes n out of its directory; needs f.mu.
func (f *FS) detach(n *node) {
	if n.parent == nil {
		return
	}
	if n.parent.children[n.name] == n {
		delete(n.parent.children, n.name)
	}
	delete(n.parent.unsents, n)
	delete(f.later, n)
	if n.kind != kindDir && n.obj.exists {
		n.last = f.versionOf(n)
	}
	p := n.parent
	n.parent, n.idle = nil, false
	f.dropUnused(p)
	f.dropUnused(n)
}

// dropUnused forgets n, and then its parents, when nobody needs it; needs f.mu.
func (f *FS) dropUnused(n *node) {
	for n != nil && n.id != RootID && n.refs == 0 && !n.local() {
		if _, waiting := f.later[n]; waiting {
			return
		}
		delete(f.nodes, n.id)
		delete(f.torn, n)
		if n.reader != nil {
			f.closeReader(n)
		}
		p := n.parent
		if p != nil {
			if p.children[n.name] == n {
				delete(p.children, n.name)
			}
			delete(p.unsents, n)
		}
		n.parent = nil
		n = p
	}
}

// Forget gives refs references back.
func (f *FS) Forget(id, refs uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[id]
	if n == nil {
		return
	}
	if n.refs -= min(refs, n.refs); n.refs == 0 {
		n.told, n.tells = 0, false
	}
	f.keepIdle(n)
	f.dropUnused(n)
}

// Path is where a node is, from the mount's top, for messages; "" for the top and for a node that is gone.
func (f *FS) Path(id uint64) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pathOf(f.nodes[id])
}

func (f *FS) pathOf(n *node) string {
	var parts []string
	for ; n != nil && n.id != RootID; n = n.parent {
		parts = append([]string{n.name}, parts...)
	}
	return strings.Join(parts, "/")
}
