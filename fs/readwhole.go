package fs

const (
	wholeMost = 8 << 20 // bytes of a file that is asked for as a whole where others beside it were read whole: what one request may bring
	wholeFrom = 2       // of these, in a row
	wholeDirs = 256     // directories of which that is known
)

// mayBeWhole tells whether a file of so many bytes is neither one that is fetched whole anyway nor too large for it.
func mayBeWhole(size int64) bool { return size > aheadFile && size <= wholeMost }

// asked counts what readers of an open file ask for, bytes that they ask for twice too. When it is as much as the file has, the file was read whole, in
// whatever order. Needs f.mu.
func (f *FS) asked(n *node, off, bytes int64) {
	size := n.obj.size
	if n.parent == nil || !mayBeWhole(size) || off >= size {
		return
	}
	before := f.reading[n]
	f.reading[n] = before + min(bytes, size-off)
	if before < size && f.reading[n] >= size {
		run, _ := f.wholes.Get(n.parent.id)
		f.wholes.Add(n.parent.id, run+1)
	}
}

// readEnds judges a file that nobody has open any more: when it was read in part, its directory's files are not expected to be read whole. Needs f.mu.
func (f *FS) readEnds(n *node) {
	bytes, ok := f.reading[n]
	delete(f.reading, n)
	if ok && bytes < n.obj.size && n.parent != nil {
		f.wholes.Remove(n.parent.id)
		f.stopWhole(n.parent)
	}
}

// readWhole tells whether the files of a directory that mayBeWhole are likely to be read whole, by what was done with the last ones.
func (f *FS) readWhole(d *node) bool {
	run, _ := f.wholes.Get(d.id)
	return run >= wholeFrom
}

// stopWhole gives up what is fetched ahead of readers in d if there are files among it that mayBeWhole. Needs f.mu.
func (f *FS) stopWhole(d *node) {
	for _, w := range d.walkers.list {
		for _, a := range w.ready {
			if mayBeWhole(a.size) {
				f.stop(w)
				break
			}
		}
	}
}
