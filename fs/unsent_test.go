package fs

import (
	"fmt"
	"testing"
)

// checkUnsents tells of nodes that are unsent and that a directory above would not find.
func (w *world) checkUnsents(t interface{ Errorf(string, ...any) }) {
	f := w.f
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.nodes {
		if !n.unsentSelf() {
			continue
		}
		for p := n; p.parent != nil; p = p.parent {
			if !p.parent.unsents[p] {
				t.Errorf("%q is unsent, and %q does not know of it", f.pathOf(n), f.pathOf(p.parent))
			}
		}
	}
}

// TestUnsentBelow: a directory knows of what is unsent below it, near or far, wherever it was moved, until it is sent; and it does not look a second
// time at the children that were.
func TestUnsentBelow(t *testing.T) {
	const files = 100
	w := newWorld(t, later)
	w.ok(w.mkdir("a"))
	w.ok(w.mkdir("a/b"))
	w.ok(w.mkdir("c"))
	below := func(path string) bool {
		t.Helper()
		id := w.hold(path).ID
		w.f.mu.Lock()
		defer w.f.mu.Unlock()
		return w.f.nodes[id].unsentBelow()
	}
	for i := range files {
		w.ok(w.create(fmt.Sprint("a/b/", i), []byte("x")))
		w.hold(fmt.Sprint("a/b/", i)) // its node stays
	}
	w.checkUnsents(t)
	if !below("a") || !below("a/b") || below("c") {
		t.Errorf("with files unsent: a %v, a/b %v, c %v", below("a"), below("a/b"), below("c"))
	}
	w.ok(w.rename("a/b/7", "c/7"))
	w.checkUnsents(t)
	if !below("c") {
		t.Error("a file that was moved is not found")
	}
	w.ok(w.f.Sync(t.Context()))
	if below("a") || below("a/b") || below("c") {
		t.Errorf("with all sent: a %v, a/b %v, c %v", below("a"), below("a/b"), below("c"))
	}
	id := w.hold("a/b").ID
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	if left := len(w.f.nodes[id].unsents); left > 0 {
		t.Errorf("%d of %d children that were sent are looked at again", left, files)
	}
}

// BenchmarkCreateMany is what making a file costs in a directory of very many, of which the kernel asks the attributes each time.
func BenchmarkCreateMany(b *testing.B) {
	w := newWorld(b)
	w.ok(w.mkdir("d"))
	d := w.hold("d")
	for i := 0; b.Loop(); i++ { // the kernel remembers each file
		_, h, err := w.f.Create(b.Context(), d.ID, fmt.Sprint(i), 1, 0o644)
		w.ok(err)
		_, err = h.WriteAt(b.Context(), []byte("x"), 0)
		w.ok(err)
		w.ok(h.Flush(b.Context()))
		h.Release()
		_, err = w.f.Getattr(b.Context(), d.ID)
		w.ok(err)
	}
}
