package fs

import (
	"path"
	"slices"
	"strings"
)

// index is the number of a name's entry. While the listing still comes in it is found only where names sort as keys do, which most do.
func (l *listing) index(nm string) (int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		i, ok := slices.BinarySearchFunc(l.byName, nm, func(i int32, nm string) int { return strings.Compare(l.entries[i].name, nm) })
		if !ok {
			return 0, false
		}
		return int(l.byName[i]), true
	}
	return slices.BinarySearchFunc(l.entries, nm, func(e entry, nm string) int { return strings.Compare(e.name, nm) })
}

// peek is entry i, if it is there already.
func (l *listing) peek(i int) (entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i < 0 || i >= len(l.entries) {
		return entry{}, false
	}
	return l.entries[i], true
}

// first tells whether no file comes before entry i.
func (l *listing) first(i int) bool {
	for j := range min(i, walkerScan) {
		if e, _ := l.peek(j); e.walked() {
			return false
		}
	}
	return i < walkerScan
}

// walked tells whether an entry is a step of those who read all files: directories are not, and from an empty file, as most unsized ones are, nothing is read.
func (e entry) walked() bool { return !e.dir && !e.unsized && e.size > 0 }

// counts tells whether an entry is one that w reads.
func (w *walker) counts(e entry) bool { return e.walked() && (!w.only || path.Ext(e.name) == w.ext) }

// fetchNext asks for the next files of a walker that has shown an order, until as many are on their way or ready as it wants. Needs f.mu.
func (f *FS) fetchNext(d *node, l *listing, w *walker) {
	need := w.need
	if abs(w.step) > 1 {
		need++
	}
	if w.run < need {
		return
	}
	if w.to < w.pos {
		w.next, w.to = w.last, w.pos
	}
	for w.to-w.pos < w.want {
		i, ended := w.after(l)
		if ended {
			f.finish(w)
			return
		}
		if i < 0 || !f.fetchEntry(d, l, w, i) {
			return
		}
		w.next = i
		w.to++
	}
}

// after finds the entry of the next step; below 0 when there is none within reach yet. ended: there will be none.
func (w *walker) after(l *listing) (i int, ended bool) {
	left, dir := abs(w.step), 1
	if w.step < 0 {
		dir = -1
	}
	for n, j := 0, w.next+dir; n < walkerScan; n, j = n+1, j+dir {
		e, ok := l.peek(j)
		if !ok {
			return -1, j < 0 || l.ended()
		}
		if w.counts(e) {
			left--
		}
		if left == 0 {
			return j, false
		}
	}
	return -1, false
}

// finish remembers, once, a walker that has asked for the last file of its directory: the next directory goes on as it did. Needs f.mu.
func (f *FS) finish(w *walker) {
	if w.done || w.step < 0 {
		return
	}
	w.done = true
	f.finished = append(f.finished, w)
	if len(f.finished) > walkersMost {
		f.finished = slices.Delete(f.finished, 0, 1)
	}
}

// fetchEntry fetches entry i ahead, unless it is large (and not read whole as those before it), open already, or changed here; false when there is no room. Needs f.mu.
func (f *FS) fetchEntry(d *node, l *listing, w *walker, i int) bool {
	e, ok := l.peek(i)
	part, err := decode(f.placeOf(d), e.name)
	if !ok || err != nil {
		return true
	}
	p := f.placeOf(d)
	o := e.object()
	if c := d.children[e.name]; c != nil {
		if c.unsent() || c.kind != kindFile || c.handles > 0 {
			return true
		}
		o = c.obj
	}
	if o.large || o.size == 0 || o.size > aheadFile && !(mayBeWhole(o.size) && f.readWhole(d)) {
		return true
	}
	return f.fetchAhead(w, o.version(p.bucket, p.list()+part.Elem), e.name, i, w.to+1)
}
