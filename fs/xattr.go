package fs

import (
	"context"
	"strconv"
	"syscall"
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
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.kind == kindDir {
		return nil
	}
	m := map[string]string{xattrState: "stored"}
	if n.obj.exists {
		m[xattrETag] = n.obj.etag
	}
	if n.at.contentType != "" {
		m[xattrType] = n.at.contentType
	}
	if n.draft != nil {
		m[xattrState] = "local"
		if _, reason := n.draft.State(); reason != "" {
			m[xattrError] = reason
		}
		if n.sending != nil {
			m[xattrState] = "sending"
		}
	} else if r := f.readerOf(n); r != nil {
		m[xattrCached] = strconv.FormatInt(r.Cached(), 10)
		if n.handles == 0 {
			f.closeReader(n)
		}
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
	var names []string
	for _, nm := range []string{xattrETag, xattrType, xattrState, xattrCached, xattrError} {
		if _, ok := f.xattrs(n)[nm]; ok {
			names = append(names, nm)
		}
	}
	return names, nil
}

// Setxattr is refused: EOPNOTSUPP.
func (f *FS) Setxattr(ctx context.Context, id uint64, name string, v []byte, flags uint32) error {
	return syscall.EOPNOTSUPP
}

// Removexattr is refused: EOPNOTSUPP.
func (f *FS) Removexattr(ctx context.Context, id uint64, name string) error {
	return syscall.EOPNOTSUPP
}
