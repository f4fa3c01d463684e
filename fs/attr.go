package fs

import (
	"syscall"
	"time"
)

// Attr is what stat(2) shows of a node.
type Attr struct {
	ID           uint64 // node, and inode number
	Size         int64
	Mode         uint32 // type and permission bits as in st_mode
	Mtime, Ctime time.Time
	UID, GID     uint32
	Nlink        uint32
	Valid        time.Duration // for which this may be trusted: the TTL, less the age of what the store said
}

// Change is a setattr: nil fields stay.
type Change struct {
	Size     *int64
	Mode     *uint32 // permission bits
	UID, GID *uint32
	Mtime    *time.Time
	Guessed  bool // without a time of access, Mtime may be the kernel's own idea, where it collects writes

	DropSetID bool // a file loses its set-user and set-group bits, unless Mode sets them
}

// attrOf needs f.mu.
func (f *FS) attrOf(n *node) Attr {
	a := Attr{ID: n.id, UID: f.o.UID, GID: f.o.GID, Nlink: 1, Size: n.obj.size, Mtime: mtimeOf(n.obj, n.at)}
	if n.at.hasOwner {
		a.UID, a.GID = n.at.uid, n.at.gid
	}
	switch n.kind {
	case kindDir:
		a.Mode = syscall.S_IFDIR | f.perm(n, 0o777)
		a.Nlink, a.Size = 2, 0
	case kindLink:
		a.Mode = syscall.S_IFLNK | 0o777
	default:
		a.Mode = syscall.S_IFREG | f.perm(n, 0o666)
	}
	if n.kind != kindLink && f.showsReadOnly(n) {
		a.Mode &^= 0o222
	}
	if n.draft != nil {
		a.Size = n.draft.Size()
	}
	if w := n.direct; w != nil && (w.parked || n.draft == w.d) {
		if at, size, touched := w.d.Touched(); touched {
			a.Size, a.Mtime = size, at
		}
	}
	if n.unlinked {
		a.Nlink = 0
	}
	if a.Mtime.IsZero() {
		a.Mtime = f.since
	}
	a.Ctime = a.Mtime
	a.Valid = f.o.TTL
	if !n.unsent() && n.id != RootID {
		a.Valid = max(0, f.o.TTL-time.Since(n.checked))
	}
	return a
}

// mtimeOf is the time of modification that metadata tells, else the store's date; zero when nobody tells.
func mtimeOf(o object, at knownAttrs) time.Time {
	if at.mtime.IsZero() {
		return o.modified
	}
	return at.mtime
}

// perm is the node's permission bits, or def less the umask where it stores none.
func (f *FS) perm(n *node, def uint32) uint32 {
	if n.at.hasMode {
		return n.at.mode & 0o7777
	}
	return def &^ f.o.Umask
}
