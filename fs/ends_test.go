package fs

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"allasfs/cache/powercut"
	"allasfs/s3"
	"allasfs/s3/s3test"
)

// TestPowerCutAfterRemoving: a file that was closed with write-back, sent, and removed or renamed after that, does not come back under its old name when
// the power is cut at once, whatever its size.
func TestPowerCutAfterRemoving(t *testing.T) {
	for name, goes := range map[string]struct {
		how  func(*world) error
		left []string
	}{
		"removed":            {func(w *world) error { return w.unlink("d/f") }, []string{"d/"}},
		"renamed":            {func(w *world) error { return w.rename("d/f", "d/g") }, []string{"d/g"}},
		"with its directory": {func(w *world) error { return w.rename("d", "e") }, []string{"e/f"}},
	} {
		for size, data := range map[string][]byte{"small": []byte("x"), "large": bytes.Repeat([]byte("large "), 50_000)} {
			t.Run(name+"/"+size, func(t *testing.T) { powerCutAfter(t, data, goes.how, goes.left) })
		}
	}
}

// powerCutAfter makes d/f, sends it, has it go, and cuts the power; the bucket then has what is left.
func powerCutAfter(t *testing.T, data []byte, goes func(*world) error, left []string) {
	disk := powercut.New(t)
	srv := s3test.New(t)
	srv.MakeBucket("data")
	e := s3test.Of(t, srv)
	store := must[*s3.Client](t)(s3.New(s3.Config{Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey, RetryFor: 5 * time.Second}))
	t.Cleanup(store.Close)
	w := &world{t: t, srv: srv, store: store, dir: disk.Mount(), bucket: "data"}
	t.Cleanup(w.stop)
	w.start(later)
	w.ok(w.mkdir("d"))
	w.ok(w.create("d/f", data))
	w.ok(w.f.Sync(t.Context()))
	w.ok(goes(w))
	w.ok(w.f.doLater(t.Context(), time.Time{}))             // the marker of what is empty now
	disk.Cut(func(p string) bool { return p == "intents" }) // that a rename has ended got there by itself
	w.die()

	w.dir = disk.Mount()
	w.start(later)
	w.ok(w.f.Sync(t.Context()))
	if got := w.remoteKeys(); !slices.Equal(got, left) {
		t.Errorf("the bucket holds %q, want %q", got, left)
	}
	if kept := w.f.Status().Drafts; len(kept) != 0 {
		t.Errorf("kept: %+v", kept)
	}
}
