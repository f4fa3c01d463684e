package fs

import (
	"context"
	"os"
	"strings"

	"allasfs/fs/name"
	"allasfs/s3"
)

// folderSuffix ends the keys of the markers that Hadoop and tools after it write: an empty object x_$folder$ is the directory x.
const folderSuffix = "_$folder$"

// folderOf returns the element of the directory that an empty object under the element elem means; false for an object that is none of these markers.
func folderOf(elem string, size int64) (dir string, ok bool) {
	dir, ok = strings.CutSuffix(elem, folderSuffix)
	return dir, ok && size == 0 && dir != "" && !strings.HasSuffix(dir, "/")
}

// toldName is an element that a merger has told, or will tell, as a name of its own.
type toldName struct {
	elem string
	dir  bool
}

// follow goes on to elem: what does not begin it cannot have its marker any more, for a marker comes after all that begins with its directory's name
// and a character before the underscore, and those are few.
func (m *merger) follow(elem string) {
	n := len(m.told)
	for n > 0 && !strings.HasPrefix(elem, m.told[n-1].elem) {
		n--
	}
	m.told = m.told[:n]
}

// folder takes an object that may be a marker of Hadoop's; false when it is an object like others: it is not empty, or a file has the directory's name.
func (m *merger) folder(o s3.Object) bool {
	elem := o.Key[len(m.place.prefix):]
	dir, ok := folderOf(elem, o.Size)
	if !ok || o.Large != s3.NotLarge {
		return false
	}
	m.marks.folder = true
	file := false
	for _, t := range m.told {
		if t.elem != dir {
			continue
		}
		if t.dir {
			return true
		}
		file = true
	}
	if !file {
		m.directory(dir, false)
	}
	return !file
}

// folderKey returns the key of the marker of Hadoop's that means the directory of which n tells, by a request if it may have one; "" when there is none.
func (f *FS) folderKey(ctx context.Context, bucket, dir string, n nearby) (string, error) {
	key, ok := hasFolderKey(dir)
	if !ok || n.folder == "" && !n.unsure {
		return "", nil
	}
	o, err := f.o.Store.Head(ctx, bucket, key)
	if isNotExist(err) || err == nil && (o.Size > 0 || o.Large != s3.NotLarge) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return key, nil
}

// askFolder tells what a name is that the store has neither an object nor keys below for: a directory by a marker of Hadoop's, or nothing.
func (f *FS) askFolder(ctx context.Context, p place, nm string, part name.Part, n nearby) (entry, error) {
	if part.Object {
		return entry{}, os.ErrNotExist
	}
	key, err := f.folderKey(ctx, p.bucket, p.list()+part.Elem, n)
	if err == nil && key == "" {
		err = os.ErrNotExist
	}
	return entry{name: nm, dir: true}, err
}

// isFolder tells whether the empty object of the element elem is the marker of a directory: it is, unless a file has the directory's name.
func (f *FS) isFolder(ctx context.Context, p place, elem string, size int64) (bool, error) {
	dir, ok := folderOf(elem, size)
	if !ok {
		return false, nil
	}
	e, err := f.askOne(ctx, p, dir, name.Part{Elem: dir}, false)
	if isNotExist(err) {
		return true, nil
	}
	return err == nil && e.dir, err
}

// dropFolder removes the marker of Hadoop's of a directory, of whose keys n tells, if it has one.
func (f *FS) dropFolder(ctx context.Context, p place, n nearby) error {
	key, err := f.folderKey(ctx, p.bucket, strings.TrimSuffix(p.prefix, "/"), n)
	if err != nil || key == "" {
		return err
	}
	return f.o.Store.Delete(ctx, p.bucket, key)
}

// renameFoldered is renameDir of a directory that may have a marker of Hadoop's.
func (f *FS) renameFoldered(ctx context.Context, src, dst *node, from, to spot) error {
	if err := f.dirMovable(src, to); err != nil {
		return err
	}
	if err := f.exclusively(ctx, src, func() error { return f.plainFolder(ctx, src) }); err != nil {
		return err
	}
	return f.renameDir(ctx, src, dst, from, to)
}

// plainFolder gives a directory that is about to be renamed the common marker in place of Hadoop's, which lies beside it and would not go along. Whether
// there is one costs a request.
func (f *FS) plainFolder(ctx context.Context, n *node) error {
	f.mu.Lock()
	p := f.placeOf(n)
	f.mu.Unlock()
	if p.cont != "" {
		return nil
	}
	key, err := f.folderKey(ctx, p.bucket, strings.TrimSuffix(p.prefix, "/"), nearby{unsure: true})
	if err != nil || key == "" {
		return err
	}
	marker, child, err := f.below(ctx, p)
	if err != nil {
		return err
	}
	if !marker && !child {
		if err := f.putMarker(ctx, p); err != nil {
			return err
		}
	}
	return f.o.Store.Delete(ctx, p.bucket, key)
}
