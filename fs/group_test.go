package fs

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"allasfs/cache"
	"allasfs/s3/s3test"
)

// Who finds no room for a draft waits for the uploads of the file systems beside it, and for them alone.
func TestWaitForRoomOfAnother(t *testing.T) {
	w := newWorld(t)
	g := NewGroup(2)
	w.bound(1000, func(o *Options) { o.Group, o.WriteBack = g, true })
	w.srv.MakeBucket("other")
	beside, err := New(Options{Store: w.store, Name: "beside", Bucket: "other", Cache: w.cache, TTL: time.Minute, Group: g})
	w.ok(err)
	defer func() { w.ok(beside.Close(t.Context())) }()
	hold := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(hold) })
	defer letGo()
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" && r.Bucket == "data" {
			<-hold
		}
		return nil
	})
	_, h, err := beside.Create(t.Context(), RootID, "g", syscall.O_WRONLY|syscall.O_CREAT, 0o644)
	w.ok(err)
	defer h.Release()
	w.ok(w.create("f", make([]byte, 900)))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = h.WriteAt(ctx, make([]byte, 200), 0)
	w.wantErr(err, context.DeadlineExceeded)
	letGo()
	must[int](t)(h.WriteAt(t.Context(), make([]byte, 200), 0))
	_, err = h.WriteAt(t.Context(), make([]byte, 900), 200) // nothing of the other is on its way any more
	w.wantErr(err, syscall.ENOSPC)
	w.ok(h.Flush(t.Context()))
}

// Of several file systems on one store each takes up the drafts of its own files, and no draft is taken up twice.
func TestDraftsOfAGroupAreTakenUpOnce(t *testing.T) {
	w := newWorld(t)
	for _, bucket := range []string{"data", "other"} {
		d := must[*cache.Draft](t)(w.cache.NewDraft(cache.Target{Store: "test", Bucket: bucket, Key: "f"}, cache.Base{}, 0, cache.Attrs{}))
		w.ok(d.SetState(cache.StateConflict, "for a person to decide"))
	}
	w.crash()
	w.cache = must[*cache.Cache](t)(cache.Open(cache.Options{Dir: w.dir, Size: 1 << 30}))
	defer func() { w.ok(w.cache.Close()) }()
	g := NewGroup(3)
	for _, tt := range []struct {
		bucket string
		want   []string
	}{{"other", []string{"other/f"}}, {"", []string{"data/f"}}, {"data", nil}} {
		f := must[*FS](t)(New(Options{Store: w.store, Name: "test", Bucket: tt.bucket, Cache: w.cache, TTL: time.Minute, Group: g}))
		defer func() { w.ok(f.Close(t.Context())) }()
		var got []string
		for _, d := range f.Status().Drafts {
			got = append(got, d.Path)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("the file system of bucket %q keeps %q, want %q", tt.bucket, got, tt.want)
		}
	}
}

// One that joins when another of its store is mounted already does not take up what that one is writing, or has queued.
func TestLateOneTakesNoLiveDrafts(t *testing.T) {
	w := newWorld(t, later, func(o *Options) { o.Group = NewGroup(2) })
	w.ok(w.create("queued", []byte("x")))
	h := must[*Handle](t)(w.open("open", syscall.O_WRONLY|syscall.O_CREAT))
	defer h.Release()
	late := must[*FS](t)(New(Options{Store: w.store, Name: "test", Cache: w.cache, TTL: time.Minute, Group: w.f.o.Group}))
	if kept := late.Status().Drafts; len(kept) > 0 {
		t.Errorf("it took %+v", kept)
	}
	w.ok(late.Close(t.Context()))
	w.ok(h.Flush(t.Context()))
	w.ok(w.f.Sync(t.Context()))
	if keys := w.srv.Keys("data"); !slices.Equal(keys, []string{"open", "queued"}) {
		t.Errorf("the store has %q", keys)
	}
}
