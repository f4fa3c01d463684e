package fs

import (
	"bytes"
	"syscall"
	"testing"

	"allasfs/s3"
)

// TestRmdirLeavesAFile: rmdir(2) of a directory that an empty object of its name means removes that object only while it is empty.
func TestRmdirLeavesAFile(t *testing.T) {
	for _, data := range []string{"", "another's"} {
		w := newWorld(t)
		_, err := w.store.Put(t.Context(), w.bucket, "d", bytes.NewReader(nil), 0, s3.PutOptions{ContentType: markerType})
		w.ok(err)
		if a := must[Attr](t)(w.walk("d")); a.Mode&syscall.S_IFMT != syscall.S_IFDIR {
			t.Fatalf("%+v", a)
		}
		if data != "" {
			w.srv.PutObject("data", "d", []byte(data), nil)
		}
		w.ok(w.rmdir("d"))
		if got := w.srv.Keys("data"); len(got) != min(len(data), 1) {
			t.Errorf("keys %q, %q was put there", got, data)
		}
	}
}
