package fs

// tellSegments logs that the segments of n, a Swift large object that goes or is replaced, stay: another manifest may be made of them, a copy's for one.
// Needs f.mu, and n where it was.
func (f *FS) tellSegments(n *node) {
	if !n.obj.large || n.parent == nil {
		return
	}
	bucket, key := f.keyOf(n)
	where := bucket + "_segments"
	if h, ok := f.heads.Get(objectName{bucket, key}); ok && h.object.Manifest != "" {
		where, key = h.object.Segments()
		where += "/" + key
	}
	path := f.pathOf(n)
	f.spawn(func() {
		f.log.Info("a large object of Swift's was removed or replaced; its segments stay", "path", path, "segments", where)
	})
}
