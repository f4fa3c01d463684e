package mount

import (
	"context"
	"errors"
	"log/slog"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"allasfs/fs"
)

// Part is one file system of a union, and its directory at the top.
type Part struct {
	Name string // of the directory: no slash in it, and no other part's
	FS   *fs.FS

	// Down tells why the store cannot be used, nil = it can; it may wait for that as long as ctx lasts. It is asked before the part's own directory is
	// read, so that a store that never answered costs an errno and not a wait. nil = nobody knows.
	Down func(ctx context.Context) error
}

const (
	numberMask = uint64(1)<<fs.IDBits - 1 // of a node's id within its part
	maxParts   = 1<<(64-fs.IDBits) - 2    // the kernel's numbers of all ones are go-fuse's
	topWait    = 2 * time.Second          // for the parts that a statfs of the top asks
)

// union shows several file systems as the directories of one top directory. It is no layer within them: each keeps its nodes, handles and notifications,
// and the union only finds, by the upper bits of a node's number, whom a request is for. What would touch two parts is EXDEV.
type union struct {
	fuse.RawFileSystem
	parts []*unionPart
	log   *slog.Logger
}

type unionPart struct {
	*bridge
	name string
	down func(context.Context) error
}

var _ fuse.RawFileSystem = (*union)(nil)

// MountSeveral is Mount for several file systems, each in a directory of its own below o.Dir.
func MountSeveral(parts []Part, o Options) (*Server, error) {
	if len(parts) == 0 || len(parts) > maxParts {
		return nil, errors.New("mount: a mount has at least one part, and 254 at the most")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	u := &union{RawFileSystem: fuse.NewDefaultRawFileSystem(), log: o.Logger}
	s := &Server{top: u}
	for i, p := range parts {
		b := newBridge(p.FS, o.Logger.With("at", p.Name))
		b.first = uint64(i+1) << fs.IDBits
		u.parts = append(u.parts, &unionPart{bridge: b, name: p.Name, down: p.Down})
		s.parts = append(s.parts, b)
	}
	s.bridge = s.parts[0]
	return start(s, o)
}

// String implements fuse.RawFileSystem.
func (u *union) String() string { return fsName }

// of returns the part that a request is for, and makes its node number that of the part; nil for the top.
func (u *union) of(in *fuse.InHeader) *unionPart {
	p, id := u.split(in.NodeId)
	in.NodeId = id
	return p
}

func (u *union) split(number uint64) (p *unionPart, id uint64) {
	if i := int(number >> fs.IDBits); i > 0 && i <= len(u.parts) {
		p = u.parts[i-1]
	}
	return p, number & numberMask
}

// find returns the part of a name at the top, nil = there is none.
func (u *union) find(name string) *unionPart {
	for _, p := range u.parts {
		if p.name == name {
			return p
		}
	}
	return nil
}

// ready is the errno of a request for a part's own directory while its store cannot be used.
func (p *unionPart) ready(cancel <-chan struct{}, in *fuse.InHeader, op string) fuse.Status {
	if in.NodeId != fs.RootID || p.down == nil {
		return fuse.OK
	}
	r := p.request(cancel, in)
	defer r.stop()
	return p.status(op+" "+p.name, in.NodeId, p.down(r))
}

// numbered is the kernel as a part's notifier sees it.
type numbered struct {
	kernel
	b *bridge
}

// EntryNotify implements kernel.
func (k numbered) EntryNotify(parent uint64, name string) fuse.Status {
	return k.kernel.EntryNotify(k.b.number(parent), name)
}

// InodeNotify implements kernel.
func (k numbered) InodeNotify(node uint64, off, length int64) fuse.Status {
	return k.kernel.InodeNotify(k.b.number(node), off, length)
}

// Forget implements fuse.RawFileSystem. The parts' own directories stay.
func (u *union) Forget(number, lookups uint64) {
	if p, id := u.split(number); p != nil && id != fs.RootID {
		p.Forget(id, lookups)
	}
}

// Lookup implements fuse.RawFileSystem.
func (u *union) Lookup(cancel <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	p := u.of(in)
	if p == nil {
		return u.lookupPart(cancel, in, name, out)
	}
	if st := p.ready(cancel, in, "lookup in"); !st.Ok() {
		return st
	}
	return p.Lookup(cancel, in, name, out)
}

func (u *union) lookupPart(cancel <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	p := u.find(name)
	if p == nil {
		return fuse.ENOENT
	}
	r := p.request(cancel, in)
	defer r.stop()
	return p.status("stat", fs.RootID, p.fill(r, out))
}

// fill writes a part's own directory as an entry of the top; no store is asked for it.
func (p *unionPart) fill(ctx context.Context, out *fuse.EntryOut) error {
	a, err := p.fs.Getattr(ctx, fs.RootID)
	if err == nil {
		p.fillEntry(a, out)
	}
	return err
}

// GetAttr implements fuse.RawFileSystem.
func (u *union) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.GetAttr(cancel, in, out)
	}
	first := u.parts[0]
	r := first.request(cancel, &in.InHeader)
	defer r.stop()
	a, err := first.fs.Getattr(r, fs.RootID)
	if err != nil {
		return first.status("stat", fs.RootID, err)
	}
	a.Mode = syscall.S_IFDIR | 0o555&a.Mode
	first.fillAttrOut(a, out)
	out.Attr.Ino, out.Attr.Nlink = fuse.FUSE_ROOT_ID, uint32(2+len(u.parts))
	return fuse.OK
}

// OpenDir implements fuse.RawFileSystem.
func (u *union) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	p := u.of(&in.InHeader)
	if p == nil {
		return fuse.OK // its entries are known: no handle
	}
	if st := p.ready(cancel, &in.InHeader, "opendir"); !st.Ok() {
		return st
	}
	return p.OpenDir(cancel, in, out)
}

// ReadDir implements fuse.RawFileSystem.
func (u *union) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.ReadDir(cancel, in, out)
	}
	for off := in.Offset; off < u.entries(); off++ {
		if !out.AddDirEntry(u.entry(off)) {
			break
		}
	}
	return fuse.OK
}

// ReadDirPlus implements fuse.RawFileSystem.
func (u *union) ReadDirPlus(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	if p := u.of(&in.InHeader); p != nil {
		return p.ReadDirPlus(cancel, in, out)
	}
	r := u.parts[0].request(cancel, &in.InHeader)
	defer r.stop()
	for off := in.Offset; off < u.entries(); off++ {
		entry := out.AddDirLookupEntry(u.entry(off))
		if entry == nil {
			break
		}
		if off < dots {
			continue
		}
		if p := u.parts[off-dots]; p.fill(r, entry) != nil {
			*entry = fuse.EntryOut{} // the kernel asks when it needs it
		}
	}
	return fuse.OK
}

func (u *union) entries() uint64 { return uint64(dots + len(u.parts)) }

// entry is the entry of the top that begins at an offset.
func (u *union) entry(off uint64) fuse.DirEntry {
	e := fuse.DirEntry{Mode: syscall.S_IFDIR, Off: off + 1}
	switch off {
	case 0:
		e.Name, e.Ino = ".", fuse.FUSE_ROOT_ID
	case 1:
		e.Name = ".."
	default:
		p := u.parts[off-dots]
		e.Name, e.Ino = p.name, p.number(fs.RootID)
	}
	return e
}

// ReleaseDir implements fuse.RawFileSystem.
func (u *union) ReleaseDir(in *fuse.ReleaseIn) {
	if p := u.of(&in.InHeader); p != nil {
		p.ReleaseDir(in)
	}
}

// FsyncDir implements fuse.RawFileSystem.
func (u *union) FsyncDir(<-chan struct{}, *fuse.FsyncIn) fuse.Status { return fuse.OK }

// StatFs implements fuse.RawFileSystem: of a part its own, of the top the sum of those that answer soon.
func (u *union) StatFs(cancel <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	if p := u.of(in); p != nil {
		if st := p.ready(cancel, in, "statfs"); !st.Ok() {
			return st
		}
		return p.StatFs(cancel, in, out)
	}
	r := u.parts[0].request(cancel, in)
	defer r.stop()
	ctx, stop := context.WithTimeout(r, topWait)
	defer stop()
	answers := make(chan fs.Space, len(u.parts))
	for _, p := range u.parts {
		go func() {
			var s fs.Space
			var err error
			if p.down != nil {
				err = p.down(ctx)
			}
			if err == nil {
				s, err = p.fs.Statfs(ctx, fs.RootID)
			}
			if err != nil {
				s = fs.Space{}
			}
			answers <- s
		}()
	}
	var sum fs.Space
	for range u.parts {
		sum = plus(sum, <-answers)
	}
	fillStatfs(sum, out)
	return fuse.OK
}

// plus adds two spaces; one without a limit makes the sum one.
func plus(a, b fs.Space) fs.Space {
	quota := func(a, b int64) int64 {
		if a < 0 || b < 0 {
			return -1
		}
		return a + b
	}
	return fs.Space{Bytes: a.Bytes + b.Bytes, Objects: a.Objects + b.Objects,
		QuotaBytes: quota(a.QuotaBytes, b.QuotaBytes), QuotaObjects: quota(a.QuotaObjects, b.QuotaObjects)}
}
