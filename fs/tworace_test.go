package fs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"allasfs/s3/s3test"
)

// TestTwoMountsRace: of two mounts that close a file of the same key at the same moment, one made or changed, one gets it into the store; the other's close
// fails with ESTALE, and what was written there is kept.
func TestTwoMountsRace(t *testing.T) {
	s3test.Each(t, func(t *testing.T, e s3test.Endpoint) {
		rounds := 20
		if e.Server == nil {
			rounds = 5
		}
		a := newWorldOn(t, e, e.Bucket(t), ttlZero)
		b := newWorldOn(t, e, a.bucket, ttlZero)
		for i := range rounds {
			key := fmt.Sprintf("f%d", i)
			if i%2 == 1 {
				a.remotePut(key, []byte("the version before"))
			}
			data, errs := [2]string{"of the first mount", "of the second one"}, [2]error{}
			var handles [2]*Handle
			for j, w := range []*world{a, b} {
				handles[j] = must[*Handle](t)(w.open(key, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC))
				must[int](t)(handles[j].WriteAt(t.Context(), []byte(data[j]), 0))
			}
			var both sync.WaitGroup
			for j, h := range handles {
				both.Go(func() { errs[j] = h.Flush(t.Context()) })
			}
			both.Wait()
			winner := 0
			if errs[0] != nil {
				winner = 1
			}
			if errs[winner] != nil || !errors.Is(errs[1-winner], syscall.ESTALE) {
				t.Fatalf("%s: closes returned %v and %v, want one nil and one ESTALE", key, errs[0], errs[1])
			}
			if got := string(a.object(key)); got != data[winner] {
				t.Errorf("%s: the store has %q, want %q", key, got, data[winner])
			}
			[]*world{a, b}[1-winner].wantKept(key, data[1-winner])
			for _, h := range handles {
				h.Release()
			}
		}
	})
}

// wantKept checks that one file is kept, in conflict, with these bytes, and drops it.
func (w *world) wantKept(key, data string) {
	w.t.Helper()
	kept := w.f.Status().Drafts
	if len(kept) != 1 || kept[0].State != "conflict" || kept[0].Path != w.bucket+"/"+key {
		w.t.Fatalf("kept: %+v", kept)
	}
	file := filepath.Join(w.t.TempDir(), "saved")
	w.ok(w.f.RecoverSave(w.t.Context(), kept[0].ID, file))
	if got, err := os.ReadFile(file); err != nil || string(got) != data {
		w.t.Errorf("kept of %s: %q, %v", key, got, err)
	}
	w.ok(w.f.RecoverDrop(w.t.Context(), kept[0].ID))
}
