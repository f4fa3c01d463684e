package fs

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"allasfs/s3/s3test"
)

// TestUndoLeavesWhatHasNoSource: the copies of a rename that fails stay where their sources are gone: another client renames the same directory.
func TestUndoLeavesWhatHasNoSource(t *testing.T) {
	for name, refused := range map[string]string{"and no listing is answered": "ListObjectsV2", "and a listing shows it": ""} {
		t.Run(name, func(t *testing.T) {
			const n = 6
			w := newDirectory(t, n)
			var copies atomic.Int32
			var gone atomic.Bool
			w.srv.Fault(func(r s3test.Request) *s3test.Fault {
				switch {
				case r.Op == "CopyObject" && copies.Add(1) == n:
					for i := range n {
						key := fmt.Sprintf("f%d", i)
						w.srv.PutObject("data", "e/"+key, []byte("d/"+key), nil)
						w.srv.Delete("data", "d/"+key)
					}
					gone.Store(true)
				case r.Op == refused && gone.Load():
				default:
					return nil
				}
				return &s3test.Fault{Status: 403, Code: "AccessDenied"}
			})
			w.wantErr(w.rename("d", "e"), os.ErrPermission)
			w.srv.Fault(nil)
			w.wantMoved(n)
		})
	}
}

// TestNothingBegunNothingUndone: a rename that fails before it asked for a copy removes nothing under the new name, where another client may write by now.
func TestNothingBegunNothingUndone(t *testing.T) {
	w := newDirectory(t, 3)
	var listed atomic.Int32
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		switch {
		case r.Op == "ListObjectsV2" && r.Query.Get("prefix") == "d/" && listed.Add(1) == 1:
			return &s3test.Fault{Status: 403, Code: "AccessDenied"}
		case r.Op == "DeleteObjects":
			w.srv.PutObject("data", "e/f1", []byte("another's"), nil)
		}
		return nil
	})
	w.wantErr(w.rename("d", "e"), os.ErrPermission)
	if n := w.srv.Count("DeleteObjects"); n > 0 {
		t.Errorf("%d removals", n)
	}
}
