package fs

import (
	"context"
	"path"
	"strings"
)

// sidecarEnd ends the keys of the JSON files in which CSC's a-put describes the object beside them: `data.tar_ameta` tells what is in `data.tar`.
const sidecarEnd = "_ameta"

const maxSidecar = 255 // bytes of a name, NAME_MAX

// describes returns the name that the sidecar nm is about; false for other names, and where sidecars are shown.
func (f *FS) describes(nm string) (about string, ok bool) {
	if !f.o.HideSidecars {
		return "", false
	}
	about, ok = strings.CutSuffix(nm, sidecarEnd)
	return about, ok && about != ""
}

// withSidecar does with the sidecar of nm in the directory parent, if sidecars are hidden and there is one, what was done with nm: whoever cannot see it does
// not think of it, and rm -r would find the directory not empty. What goes wrong with it is reported and fails nobody: the file's own operation is done.
func (f *FS) withSidecar(ctx context.Context, op string, parent uint64, nm string, do func(sidecar string) error) {
	sidecar := nm + sidecarEnd
	if !f.o.HideSidecars || len(sidecar) > maxSidecar || !f.isFile(ctx, parent, sidecar) {
		return
	}
	if err := do(sidecar); err != nil && !isNotExist(err) {
		f.Report(op, path.Join(f.Path(parent), sidecar), err)
	}
}

// isFile tells whether nm in the directory parent is one, as far as that can be found out.
func (f *FS) isFile(ctx context.Context, parent uint64, nm string) bool {
	n, err := f.lookup(ctx, parent, nm)
	if err != nil {
		return false
	}
	defer f.unpin(n)
	return n.kind != kindDir
}

// hidesListed tells whether entry i of the listing, named nm, is a sidecar whose file is there, so that it is not shown. Needs FS.mu.
func (d *DirHandle) hidesListed(i int, nm string) bool {
	about, ok := d.f.describes(nm)
	if !ok {
		return false
	}
	if there, known := d.fileHere(about); known {
		return there
	}
	return d.l.fileBefore(i, about)
}

// hidesLocal is hidesListed for a name that the listing, which has ended, does not show. Needs FS.mu.
func (d *DirHandle) hidesLocal(nm string) bool {
	about, ok := d.f.describes(nm)
	if !ok {
		return false
	}
	if there, known := d.fileHere(about); known {
		return there
	}
	e, there := d.l.find(about)
	return there && !e.dir
}

// fileHere tells whether nm is a file by what this mount knows better than the listing; known is false where it knows nothing. Needs FS.mu.
func (d *DirHandle) fileHere(nm string) (there, known bool) {
	if c := d.n.children[nm]; c != nil && c.unsent() {
		return c.kind != kindDir, true
	}
	ch, known := d.override(nm)
	return !ch.gone && !ch.e.dir, known
}

// fileBefore tells whether a file nm stands before entry i, whose name begins with nm: what lies between two such keys begins with nm too, so this
// looks back no further than that.
func (l *listing) fileBefore(i int, nm string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i--; i >= 0 && strings.HasPrefix(l.entries[i].name, nm); i-- {
		if e := l.entries[i]; e.name == nm {
			return !e.dir
		}
	}
	return false
}
