package mount

import (
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// unsupported tells the xattrs that belong to the kernel: labels, capabilities, access lists. ENOTSUP, where ENODATA would do, makes ls and others
// ask once for the whole file system instead of twice for each file.
func unsupported(attr string) bool {
	return strings.HasPrefix(attr, "security.") || strings.HasPrefix(attr, "system.")
}

// GetXAttr implements fuse.RawFileSystem.
func (b *bridge) GetXAttr(cancel <-chan struct{}, in *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
	if unsupported(attr) {
		return 0, fuse.ENOTSUP
	}
	r := b.request(cancel, in)
	defer r.stop()
	value, err := b.fs.Getxattr(r, in.NodeId, attr)
	if err != nil {
		return 0, b.status("getxattr "+attr, in.NodeId, err)
	}
	return answer(dest, value)
}

// ListXAttr implements fuse.RawFileSystem.
func (b *bridge) ListXAttr(cancel <-chan struct{}, in *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	r := b.request(cancel, in)
	defer r.stop()
	names, err := b.fs.Listxattr(r, in.NodeId)
	if err != nil {
		return 0, b.status("listxattr", in.NodeId, err)
	}
	var list []byte
	for _, n := range names {
		list = append(append(list, n...), 0)
	}
	return answer(dest, list)
}

// answer copies value to dest; an empty dest asks for the size.
func answer(dest, value []byte) (uint32, fuse.Status) {
	if len(dest) > 0 && len(value) > len(dest) {
		return uint32(len(value)), fuse.ERANGE
	}
	copy(dest, value)
	return uint32(len(value)), fuse.OK
}

// SetXAttr implements fuse.RawFileSystem.
func (b *bridge) SetXAttr(cancel <-chan struct{}, in *fuse.SetXAttrIn, attr string, data []byte) fuse.Status {
	if unsupported(attr) {
		return fuse.ENOTSUP
	}
	r := b.request(cancel, &in.InHeader)
	defer r.stop()
	value := append([]byte(nil), data...) // data is the request's buffer
	return b.status("setxattr "+attr, in.NodeId, b.fs.Setxattr(r, in.NodeId, attr, value, in.Flags))
}

// RemoveXAttr implements fuse.RawFileSystem.
func (b *bridge) RemoveXAttr(cancel <-chan struct{}, in *fuse.InHeader, attr string) fuse.Status {
	if unsupported(attr) {
		return fuse.ENOTSUP
	}
	r := b.request(cancel, in)
	defer r.stop()
	return b.status("removexattr "+attr, in.NodeId, b.fs.Removexattr(r, in.NodeId, attr))
}
