package fs

import (
	"context"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"allasfs/s3"
)

// Extended attributes that tell about a file. They are read by name, and neither listed (a copy would try to set them) nor set.
const (
	xattrOwn    = "user.allasfs."
	xattrETag   = xattrOwn + "etag"
	xattrType   = xattrOwn + "content-type"
	xattrClass  = xattrOwn + "storage-class"
	xattrState  = xattrOwn + "state"  // see FS.StateOf
	xattrCached = xattrOwn + "cached" // bytes on the local disk
	xattrError  = xattrOwn + "error"  // why it could not be sent, or what failed last with it, in plain words; directories have it too
	xattrInfo   = xattrOwn + "info"   // Info as JSON; directories have it too
	xattrLink   = xattrOwn + "link"   // a URL by which anybody may download the stored version, for a day; .SECONDS after it: for so long
)

// defaultClass is the storage class of what the store tells none of.
const defaultClass = "STANDARD"

// Flags of setxattr(2).
const (
	xattrCreate  = 1
	xattrReplace = 2
)

// ownXattr is one of the attributes that tell about a file; false where it has none of that name. at are the file's.
func (f *FS) ownXattr(n *node, at knownAttrs, name string) (string, bool) {
	f.mu.Lock()
	o, id := n.obj, n.id
	var v s3.Version
	if o.exists {
		v = f.versionOf(n)
	}
	f.mu.Unlock()
	if name == xattrLink || strings.HasPrefix(name, xattrLink+".") {
		return f.linkTo(v, strings.TrimPrefix(name[len(xattrLink):], "."))
	}
	state, _ := f.StateOf(id)
	switch name {
	case xattrETag:
		return o.etag, o.exists
	case xattrType:
		return at.contentType, at.contentType != ""
	case xattrClass:
		if at.class == "" {
			return defaultClass, o.exists
		}
		return at.class, o.exists
	case xattrState:
		return state, state != ""
	case xattrCached:
		if !o.exists {
			return "", false
		}
		r := f.o.Cache.File(f.cacheID(v), o.size, source{f.o.Store, v})
		defer r.Close()
		return strconv.FormatInt(r.Cached(), 10), true
	}
	return "", false
}

// errorOf tells why n could not be sent or, if nothing is wrong with that, which of the errors that status shows was the last one of n; "" = none.
func (f *FS) errorOf(n *node) string {
	if _, reason := f.StateOf(n.id); reason != "" {
		return reason
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	path := f.pathOf(n)
	for _, e := range slices.Backward(f.errors) {
		if e.Path == path {
			return e.Text
		}
	}
	return ""
}

// attrsKnown returns a node's attributes with the metadata that its object carries, asking the store when they are not known or older than the TTL.
// What was changed here is laid over them. ESTALE when another client's version is there and this one is open or changed.
func (f *FS) attrsKnown(ctx context.Context, n *node) (knownAttrs, error) {
	f.mu.Lock()
	changed := n.draft != nil || n.attrsUnsent || n.sending != nil
	ask := n.kind != kindDir && n.parent != nil && n.obj.exists && (!n.at.known || !changed && !f.fresh(n.checked))
	at, o := n.at, n.obj
	var v s3.Version
	if ask {
		v = f.versionOf(n)
	}
	f.mu.Unlock()
	switch {
	case !ask:
		return at, nil
	case !changed:
		if _, err := f.refresh(ctx, n, true); err != nil {
			return at, err
		}
	default:
		h, err := f.o.Store.Head(ctx, v.Bucket, v.Key)
		if err != nil {
			return at, err
		}
		f.mu.Lock()
		if h.ETag == o.etag && n.obj.same(o) && !n.at.known {
			n.at = attrsOf(h).with(n.at)
		}
		f.mu.Unlock()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !n.at.known {
		return n.at, syscall.ESTALE
	}
	return n.at, nil
}

// Getxattr returns one extended attribute; ENODATA where there is none.
func (f *FS) Getxattr(ctx context.Context, id uint64, name string) ([]byte, error) {
	n, err := f.node(id)
	if err != nil {
		return nil, err
	}
	switch name {
	case xattrInfo:
		return f.infoXattr(ctx, id)
	case xattrError:
		if text := f.errorOf(n); text != "" {
			return []byte(text), nil
		}
		return nil, syscall.ENODATA
	}
	f.mu.Lock()
	at, dir := n.at, n.kind == kindDir
	f.mu.Unlock()
	if dir || !strings.HasPrefix(name, xattrPrefix) {
		return nil, syscall.ENODATA
	}
	if !strings.HasPrefix(name, xattrOwn) || name == xattrType || name == xattrClass {
		if at, err = f.attrsKnown(ctx, n); err != nil {
			return nil, err
		}
	}
	value, ok := at.user()[name]
	if strings.HasPrefix(name, xattrOwn) {
		value, ok = f.ownXattr(n, at, name)
	}
	if !ok {
		return nil, syscall.ENODATA
	}
	return []byte(value), nil
}

// Listxattr returns the names of the attributes that are stored with a file, sorted, as far as they are known: it asks the store nothing, for ls of
// coreutils 9.5 and newer lists the attributes of each file that it shows. A file whose attributes a HEAD has told (an open for writing, a Getxattr) has
// all of them.
func (f *FS) Listxattr(_ context.Context, id uint64) ([]string, error) {
	n, err := f.node(id)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	at := n.at
	f.mu.Unlock()
	return slices.Sorted(maps.Keys(at.user())), nil
}

// Setxattr sets an attribute user.… of a file; it reaches the store as a mode does (see Setattr). flags are setxattr(2)'s. EOPNOTSUPP for directories, Swift
// large objects and other kinds of attributes, EPERM for those that tell about the file, EILSEQ for names that are not UTF-8, EEXIST and ENODATA as the
// flags say, ENOSPC when the metadata would exceed S3's 2 KiB.
func (f *FS) Setxattr(ctx context.Context, id uint64, name string, v []byte, flags uint32) error {
	return f.editXattr(ctx, id, name, flags, edit{value: string(v)})
}

// Removexattr removes an attribute user.… of a file; ENODATA where there is none, else the errors of Setxattr.
func (f *FS) Removexattr(ctx context.Context, id uint64, name string) error {
	return f.editXattr(ctx, id, name, xattrReplace, edit{gone: true})
}

func (f *FS) editXattr(ctx context.Context, id uint64, name string, flags uint32, e edit) error {
	if err := f.writableIn(id, ""); err != nil {
		return err
	}
	n, err := f.node(id)
	if err != nil {
		return err
	}
	if err := checkXattr(name); err != nil {
		return err
	}
	f.mu.Lock()
	unfit := n.kind == kindDir || n.obj.large
	f.mu.Unlock()
	if unfit {
		return syscall.EOPNOTSUPP
	}
	f.takeLeft(n)
	if _, err := f.attrsKnown(ctx, n); err != nil {
		return err
	}
	unsent, err := f.setEdit(n, name, flags, e)
	if unsent {
		f.noteAttrs(n)
	}
	return err
}

// setEdit sets or removes an attribute of a file whose attributes are known; unsent tells that the store has to hear of it.
func (f *FS) setEdit(n *node, name string, flags uint32, e edit) (unsent bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.obj.exists && !n.at.known { // it became another version meanwhile
		return false, syscall.ESTALE
	}
	n.tells = true
	was, has := n.at.user()[name]
	switch {
	case has && flags&xattrCreate != 0:
		return false, os.ErrExist
	case !has && flags&xattrReplace != 0:
		return false, syscall.ENODATA
	case has && !e.gone && was == e.value:
		return false, nil
	}
	at := n.at.edited(name, e)
	if !e.gone && metaSize(at.encode()) > maxMeta {
		return false, syscall.ENOSPC
	}
	n.at = at
	n.attrsSeq++
	return f.sendLater(n), nil
}

// checkXattr tells whether name can be set at all.
func checkXattr(name string) error {
	switch {
	case strings.HasPrefix(name, xattrOwn):
		return syscall.EPERM
	case !strings.HasPrefix(name, xattrPrefix):
		return syscall.EOPNOTSUPP
	case name == xattrPrefix:
		return syscall.EINVAL
	case !utf8.ValidString(name):
		return syscall.EILSEQ
	}
	return nil
}
