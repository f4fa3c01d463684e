package fs

import (
	"slices"
	"testing"
	"time"

	"allasfs/s3/s3test"
)

// A file that another mount stores between this one's look at a new directory and its marker takes the marker away.
func TestMarkerLosesToAChild(t *testing.T) {
	w := newWorld(t)
	w.ok(w.mkdir("d"))
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" && r.Key == "d/" {
			w.srv.PutObject("data", "d/theirs", []byte("x"), nil)
		}
		return nil
	})
	w.ok(w.f.Sync(t.Context()))
	w.srv.Fault(nil)
	if got := w.remoteKeys(); !slices.Equal(got, []string{"d/theirs"}) {
		t.Errorf("the bucket holds %q", got)
	}
}

// That a directory has no marker is known for as long as names are: what another mount wrote later goes when a child is stored. Another client's stays.
func TestMarkerOfAnotherMount(t *testing.T) {
	for name, c := range map[string]struct {
		meta map[string]string
		want []string
	}{
		"ours":   {map[string]string{metaMarker: "directory"}, []string{"d/a", "d/b", "d/c"}},
		"theirs": {nil, []string{"d/", "d/a", "d/b", "d/c"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ttlZero)
			w.srv.PutObject("data", "d/a", []byte("x"), nil)
			w.ok(w.create("d/b", []byte("x")))
			w.ok(w.f.Sync(t.Context()))
			w.srv.PutObject("data", "d/", nil, c.meta)
			w.ok(w.create("d/c", []byte("x")))
			w.ok(w.f.Sync(t.Context()))
			if got := w.remoteKeys(); !slices.Equal(got, c.want) {
				t.Errorf("the bucket holds %q, want %q", got, c.want)
			}
		})
	}
}

// A directory that another client has emptied, by removing the file that this mount made in it, is not shown again when its marker is seen to.
func TestDirectoryEmptiedElsewhere(t *testing.T) {
	w := newWorld(t, ttlZero)
	w.remotePut("a", []byte("x"))
	w.ok(w.mkdir("d"))
	w.ok(w.create("d/b", []byte("x")))
	w.ok(w.store.Delete(t.Context(), w.bucket, "d/b"))
	h := must[*DirHandle](t)(w.f.OpenDir(t.Context(), RootID))
	defer h.Release()
	var got []string
	for i := 0; ; i++ {
		e, ok, err := h.Entry(t.Context(), i)
		w.ok(err)
		if !ok {
			break
		}
		got = append(got, e.Name)
		w.ok(w.f.doLater(t.Context(), time.Time{})) // the listing has begun
	}
	if !slices.Equal(got, []string{"a"}) {
		t.Errorf("the directory shows %q", got)
	}
}
