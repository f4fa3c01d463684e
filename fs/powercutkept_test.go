package fs

import (
	"bytes"
	"slices"
	"syscall"
	"testing"

	"allasfs/cache"
	"allasfs/cache/powercut"
	"allasfs/s3/s3test"
)

// cutWorld is a world whose disk loses, at cut, what nobody made durable; the first mount is started.
type cutWorld struct {
	*world
	disk *powercut.Disk
}

func newCutWorld(t *testing.T) cutWorld {
	disk := powercut.New(t)
	srv := s3test.New(t)
	srv.MakeBucket("data")
	w := cutWorld{&world{t: t, srv: srv, store: newStore(t, s3test.Of(t, srv)), dir: disk.Mount(), bucket: "data"}, disk}
	t.Cleanup(w.stop)
	w.start(later)
	return w
}

// cut is a power cut, and the next mount.
func (w cutWorld) cut() {
	w.disk.Cut(nil)
	w.die()
	w.down(false)
	w.dir = w.disk.Mount()
	w.start(later)
}

// keepChanged changes the first byte of a stored file, and keeps that as a crash leaves what is not sent any more.
func (w cutWorld) keepChanged(path string, stored []byte) {
	w.srv.PutObject("data", path, stored, nil)
	w.ok(w.write(path, []byte("x"), 0, syscall.O_WRONLY))
	for _, d := range w.cache.Drafts() {
		w.ok(d.SetState(cache.StateConflict, supersededWhy))
		w.ok(d.Persist())
	}
	w.crash()
	w.start(later)
}

// TestPowerCutAfterTheBaseWent: what was kept has the bytes that it did not change after a power cut, too, once its version was removed or moved.
func TestPowerCutAfterTheBaseWent(t *testing.T) {
	for name, change := range map[string]func(w cutWorld) error{
		"removed": func(w cutWorld) error { return w.unlink("d/f") },
		"moved":   func(w cutWorld) error { return w.rename("d", "e") },
	} {
		for _, size := range []int{4000, 300_000} { // in the journal, and in a file
			t.Run(name, func(t *testing.T) {
				w := newCutWorld(t)
				stored := bytes.Repeat([]byte("s"), size)
				w.keepChanged("d/f", stored)
				w.ok(change(w))
				w.cut()
				w.wantSaved("conflict", "x"+string(stored[1:]))
			})
		}
	}
}

// TestPowerCutAfterTheSourceWent: a copy within the mount that was closed, and is not stored yet, is whole after the source was removed and the power cut.
func TestPowerCutAfterTheSourceWent(t *testing.T) {
	w := newCutWorld(t)
	stored := bytes.Repeat([]byte("s"), 6<<20)
	w.srv.PutObject("data", "f", stored, nil)
	in := must[*Handle](t)(w.open("f", syscall.O_RDONLY))
	g := must[*Handle](t)(w.open("g", syscall.O_WRONLY|syscall.O_CREAT))
	must[int64](t)(g.CopyFrom(t.Context(), in, 0, 0, int64(len(stored))))
	w.ok(g.Flush(t.Context()))
	g.Release()
	in.Release()
	w.ok(w.unlink("f"))
	w.cut()
	w.ok(w.f.Sync(t.Context()))
	if !bytes.Equal(w.object("g"), stored) {
		t.Errorf("g is lost: %+v", w.f.Status().Drafts)
	}
}

// TestPowerCutAfterARemoval: what an earlier mount left of a file that was removed is not sent after a power cut either.
func TestPowerCutAfterARemoval(t *testing.T) {
	w := newCutWorld(t)
	w.leftQueued("f", "older")
	w.srv.PutObject("data", "f", []byte("another's"), nil)
	w.ok(w.unlink("f"))
	w.cut()
	w.ok(w.f.Sync(t.Context()))
	if got := w.srv.Keys("data"); !slices.Equal(got, []string{}) {
		t.Errorf("stored: %q", got)
	}
}

// TestSendOfTheKeptBesideAWriter: what was kept is not sent while its file is being written, which may take bytes of the version that would go.
func TestSendOfTheKeptBesideAWriter(t *testing.T) {
	w := newWorld(t, later)
	stored := bytes.Repeat([]byte("stored"), 50_000)
	w.srv.PutObject("data", "f", stored, nil)
	d := w.leftQueued("f", "older")
	w.ok(w.f.supersedeOne(t.Context(), d))
	w.down(false)
	h := must[*Handle](t)(w.open("f", syscall.O_WRONLY))
	must[int](t)(h.WriteAt(t.Context(), []byte("x"), 0))
	w.wantErr(w.f.RecoverSend(t.Context(), d.ID(), true), syscall.EBUSY)
	w.ok(h.Flush(t.Context()))
	h.Release()
	w.ok(w.f.Sync(t.Context()))
	if got := w.object("f"); string(got) != "x"+string(stored[1:]) {
		t.Errorf("the object is %.20q (%d bytes)", got, len(got))
	}
	w.ok(w.f.RecoverSend(t.Context(), d.ID(), true))
	if got := w.object("f"); string(got) != "older" {
		t.Errorf("the object is %.20q (%d bytes)", got, len(got))
	}
}
