package fs

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"allasfs/s3/s3test"
)

// TestSourceChangedWhileItIsCompared: what another client writes to a large directory that is renamed is not removed, when it comes after the listing that
// compares the copies has passed it: it is renamed, too.
func TestSourceChangedWhileItIsCompared(t *testing.T) {
	w := newDirectory(t, lookAgain+100)
	changed := []string{"f0", "f1"} // f0 is the first in a listing
	var compared atomic.Int32
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		second := r.Op == "ListObjectsV2" && r.Query.Get("prefix") == "d/" && r.Query.Get("continuation-token") != ""
		if second && w.srv.Count("CopyObject") > 0 && compared.Add(1) == 1 { // the first page has passed
			for _, key := range changed {
				w.srv.PutObject("data", "d/"+key, []byte("changed"), nil)
			}
		}
		return nil
	})
	w.ok(w.rename("d", "e"))
	if got := w.srv.Keys("data"); len(got) != lookAgain+100 || slices.ContainsFunc(got, func(k string) bool { return strings.HasPrefix(k, "d/") }) {
		t.Errorf("%d keys, the first is %s", len(got), got[0])
	}
	for _, key := range changed {
		if got := string(must[[]byte](t)(w.read("e/" + key))); got != "changed" {
			t.Errorf("e/%s reads as %q", key, got)
		}
	}
	if n := w.srv.Count("CopyObject"); n != lookAgain+102 {
		t.Errorf("%d copies", n)
	}
	if left := w.journal(); len(left) > 0 {
		t.Error("the journal still has the rename")
	}
}
