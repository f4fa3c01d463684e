package fs

import (
	"fmt"
	"testing"

	"allasfs/cache"
)

// TestOrphansByKey: a kept draft is found by the key that it has, while that changes and after it is gone.
func TestOrphansByKey(t *testing.T) {
	w := newWorld(t)
	d := must[*cache.Draft](t)(w.cache.NewDraft(cache.Target{Store: "test", Bucket: "data", Key: "a"}, cache.Base{}, 0, cache.Attrs{}))
	found := func() string {
		return fmt.Sprint(len(w.f.keptFor("data", "a")), len(w.f.keptFor("data", "b")), len(w.f.orphans.at))
	}
	want := func(s string) {
		t.Helper()
		if got := found(); got != s {
			t.Errorf("found %s, want %s", got, s)
		}
	}
	w.f.orphans.add(d)
	want("1 0 1")
	w.ok(w.f.retargetOrphan(d, cache.Target{Store: "test", Bucket: "data", Key: "b"}))
	want("0 1 1")
	w.f.orphans.remove(d)
	want("0 0 0")
	w.f.orphans.add(d)
	w.ok(d.Discard())
	if w.f.retargetOrphan(d, cache.Target{Store: "test", Bucket: "data", Key: "a"}) == nil {
		t.Error("a draft that is gone got another key")
	}
	want("0 1 1")
	w.f.orphans.remove(d)
	want("0 0 0")
}
