package fs

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"syscall"

	"allasfs/s3"
)

// Extended attributes that tell about a file; none can be set.
const (
	xattrETag   = "user.allasfs.etag"
	xattrType   = "user.allasfs.content_type"
	xattrState  = "user.allasfs.state"  // stored, local (not sent yet), sending
	xattrCached = "user.allasfs.cached" // bytes on the local disk
	xattrError  = "user.allasfs.error"  // why it could not be sent, in plain words
)

// xattrs are the attributes of a node by name.
func (f *FS) xattrs(n *node) map[string]string {
	m := map[string]string{xattrState: "stored"}
	f.mu.Lock()
	k, o, at, d, sending := n.kind, n.obj, n.at, n.draft, n.sending != nil
	var v s3.Version
	if o.exists {
		v = f.versionOf(n)
	}
	f.mu.Unlock()
	if k == kindDir {
		return nil
	}
	if o.exists {
		m[xattrETag] = o.etag
	}
	if at.contentType != "" {
		m[xattrType] = at.contentType
	}
	switch {
	case d != nil:
		m[xattrState] = "local"
		if sending {
			m[xattrState] = "sending"
		}
		if _, reason := d.State(); reason != "" {
			m[xattrError] = reason
		}
	case o.exists:
		r := f.o.Cache.File(f.cacheID(v), o.size, source{f.o.Store, v})
		m[xattrCached] = strconv.FormatInt(r.Cached(), 10)
		r.Close()
	}
	return m
}

// Getxattr returns one extended attribute; ENODATA where there is none.
func (f *FS) Getxattr(ctx context.Context, id uint64, name string) ([]byte, error) {
	n, err := f.node(id)
	if err != nil {
		return nil, err
	}
	if v, ok := f.xattrs(n)[name]; ok {
		return []byte(v), nil
	}
	return nil, syscall.ENODATA
}

// Listxattr returns the names of the extended attributes.
func (f *FS) Listxattr(ctx context.Context, id uint64) ([]string, error) {
	n, err := f.node(id)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(f.xattrs(n))), nil
}

// Setxattr is refused: EOPNOTSUPP.
func (f *FS) Setxattr(ctx context.Context, id uint64, name string, v []byte, flags uint32) error {
	return syscall.EOPNOTSUPP
}

// Removexattr is refused: EOPNOTSUPP.
func (f *FS) Removexattr(ctx context.Context, id uint64, name string) error {
	return syscall.EOPNOTSUPP
}
