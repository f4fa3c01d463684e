package fs

import (
	"path"
	"slices"
	"time"
)

const (
	walkersMost = 8   // programs told apart in one directory
	walkerNear  = 64  // entries of the listing from a walker's last file within which an opened file is its next one
	walkerScan  = 512 // entries looked at for one step
	walkerMost  = 64  // files that are held ready for one walker
	walkerFirst = 2   // files that are fetched when an order is first seen
	walkerLate  = 16  // steps by which a file may be read late before it counts as skipped
	walkerRing  = 6   // files that, read close to each other in any order, are several readers of one sequence
)

// walker is one program, or several that share the work, reading files of a directory in the order of its listing. It is recognised by the
// files that are read: by every step'th of them, forwards or backwards, those of one extension only if others were passed over. All fields are
// guarded by FS.mu.
type walker struct {
	last  int    // entry of the listing that was read and lies farthest in the walker's direction
	name  string // of that entry, which finds it in a newer listing
	step  int    // from one file to the next, in files that count; below 0 backwards
	run   int    // files in a row that were one step on
	need  int    // how long a run makes an order
	ext   string // of the files that count
	only  bool   // whether others do not
	pos   int    // steps made
	want  int    // files to hold ready
	next  int    // entry up to which files were asked for, and
	to    int    // how many steps that is
	ready []*ahead
	ring  [walkerRing]int // the last files, counted from the first one
	place int             // the last file so counted
	seen  int             // files read
	used  uint64          // FS.visits at the last one
	done  bool            // the last file of the directory was asked for
}

// walkers are those of one directory. The entries are those of one listing, known by when it began: it may go while they stay.
type walkers struct {
	of   time.Time
	list []*walker
}

// visited tells that a file is read for the first time since it was opened, and that it had been fetched ahead if hit is not nil. It asks for
// the files that come next, if there is an order. Needs f.mu.
func (f *FS) visited(n *node, hit *ahead) {
	d := n.parent
	if d == nil || d.listing == nil || f.closed {
		return
	}
	l := d.listing
	i, ok := l.index(n.name)
	if !ok || time.Since(l.started) > max(f.o.TTL, time.Minute) {
		return
	}
	f.visits++
	d.walkers.follow(l)
	w := d.walkers.find(i, hit)
	switch {
	case hit != nil && hit.by == w:
		w.hit(hit)
	case w == nil || !f.follow(w, l, i, n.name):
		w = f.newWalker(d, l, i)
	}
	if w.last == i {
		w.name = n.name
	}
	w.used = f.visits
	f.dropPassed(w)
	f.fetchNext(d, l, w)
}

// follow makes the walkers those of listing l.
func (ws *walkers) follow(l *listing) {
	if ws.of.Equal(l.started) {
		return
	}
	ws.of = l.started
	ws.list = slices.DeleteFunc(ws.list, func(w *walker) bool {
		i, ok := l.index(w.name)
		w.last, w.next, w.to = i, i, w.pos
		for _, a := range w.ready {
			if a.at, _ = l.index(a.name); a.pos > w.to {
				w.next, w.to = a.at, a.pos
			}
		}
		return !ok
	})
}

// find returns the walker that entry i belongs to: the one that it was fetched for, or the one that is nearest. nil = none.
func (ws *walkers) find(i int, hit *ahead) *walker {
	if hit != nil && slices.Contains(ws.list, hit.by) {
		return hit.by
	}
	var best *walker
	for _, w := range ws.list {
		if away := abs(i - w.last); away <= walkerNear && (best == nil || away < abs(i-best.last)) {
			best = w
		}
	}
	return best
}

// newWalker begins with entry i. At the start of a directory it goes on as the last one that came to the end of another: a tree is walked. Needs
// f.mu.
func (f *FS) newWalker(d *node, l *listing, i int) *walker {
	w := &walker{last: i, next: i, need: 1, want: walkerFirst, step: 1, seen: 1}
	ws := &d.walkers
	if len(ws.list) >= walkersMost {
		old := slices.MinFunc(ws.list, func(a, b *walker) int { return int(int64(a.used) - int64(b.used)) })
		f.stop(old)
		ws.list = slices.DeleteFunc(ws.list, func(o *walker) bool { return o == old })
	}
	ws.list = append(ws.list, w)
	if k := len(f.finished); k > 0 && l.first(i) {
		w.want, w.run = max(f.finished[k-1].want, walkerFirst), 1
		f.finished = slices.Delete(f.finished, k-1, k)
	}
	return w
}

// hit is a file that was fetched ahead and is read. When it was asked for too late to be there, or one that comes soon is not, the window grows by
// one, so that it doubles while it is used up, until the files are there in time: no more than that is wasted at the end.
func (w *walker) hit(a *ahead) {
	w.run, w.need = w.run+1, 1
	soon := a
	if k := w.want / 4; k < len(w.ready) {
		soon = w.ready[k]
	}
	if !a.there.Load() || !soon.there.Load() {
		w.want = min(w.want+1, walkerMost)
	}
	if ahead := a.pos - w.pos; ahead > 0 {
		w.place += ahead * w.step
		w.pos, w.last = a.pos, a.at
	}
	w.note(w.place)
}

// note adds a file to the ring.
func (w *walker) note(place int) {
	w.ring[w.seen%walkerRing] = place
	w.seen++
}

// follow takes a file that was not fetched ahead; false when it is another walker's, since this one has a long run that it does not fit. Needs f.mu.
func (f *FS) follow(w *walker, l *listing, i int, nm string) bool {
	gap := w.gap(l, i, nm)
	if gap == 0 {
		return true
	}
	if gap != w.step && !w.dense() && !w.forgives(gap) && w.run >= 2*walkerRing && len(w.ready) > 0 {
		return false
	}
	w.note(w.place + gap)
	switch {
	case gap == w.step:
		w.run++
		w.pos++
	case w.dense() || w.forgives(gap):
		if w.step != 1 {
			f.stop(w)
			w.step = 1
		}
		w.run = max(w.run, w.need)
		if gap < 0 {
			return true // the farthest one stays the last
		}
		w.pos += gap
	default:
		f.stop(w)
		w.step, w.run = gap, 1
	}
	w.last, w.place = i, w.place+gap
	if w.to < w.pos {
		w.next, w.to = i, w.pos
	}
	return true
}

// stop gives up what was fetched for an order that does not hold; needs f.mu.
func (f *FS) stop(w *walker) {
	if len(w.ready) > 0 {
		w.waste()
	}
	for len(w.ready) > 0 {
		f.dropAhead(w.ready[0])
	}
	w.want, w.run = walkerFirst, 0
	w.to = -1 // nothing is asked for
}

// gap counts the files from the last one to entry i, one if i is the next; below 0 backwards. It learns which files count: when all that were
// passed over have another extension than the two that were read, those do not.
func (w *walker) gap(l *listing, i int, nm string) int {
	ext := path.Ext(nm)
	if w.only && ext != w.ext {
		w.only = false
	}
	dir := 1
	if i < w.last {
		dir = -1
	}
	all, same := 0, 0
	for j := w.last; j != i; {
		j += dir
		e, ok := l.peek(j)
		if !ok || !e.walked() {
			continue
		}
		all++
		if path.Ext(e.name) == ext {
			same++
		}
	}
	if !w.only && w.seen < 2 || all > same && same == 1 {
		w.ext, w.only = ext, all > same && same == 1 && path.Ext(w.lastName(l)) == ext
	}
	if w.only {
		return dir * same
	}
	return dir * all
}

func (w *walker) lastName(l *listing) string {
	e, _ := l.peek(w.last)
	return e.name
}

// dense tells whether the last files lie so close to each other that several readers go through all of them.
func (w *walker) dense() bool {
	return w.seen > walkerRing && slices.Max(w.ring[:])-slices.Min(w.ring[:]) < walkerLate+walkerRing
}

// forgives tells whether a long run goes on though one file came late or some were passed over.
func (w *walker) forgives(gap int) bool {
	return w.step == 1 && w.run >= 2*walkerRing && gap >= -walkerNear && gap <= walkerRing
}

// forget takes a file out of those that are ready.
func (w *walker) forget(a *ahead) {
	w.ready = slices.DeleteFunc(w.ready, func(o *ahead) bool { return o == a })
}

// waste is a file that was fetched for nothing: the window shrinks, and the next order has to be plainer.
func (w *walker) waste() {
	w.want = max(w.want/2, 1)
	w.need = min(w.need+1, walkerRing)
}

// dropPassed gives up files that the walker has left behind; what is on its way comes all the same. Needs f.mu.
func (f *FS) dropPassed(w *walker) {
	for len(w.ready) > 0 && w.ready[0].pos < w.pos-walkerLate {
		w.waste()
		f.aheadOf(w.ready[0].id)
	}
}

func abs(i int) int { return max(i, -i) }
