package fs

import (
	"bytes"
	"sync/atomic"
	"testing"

	"allasfs/s3/s3test"
)

// A store that answers 503 for a while costs time: the bytes are right, and the mount sends fewer requests at once.
func TestBusyStoreLowersTheRequests(t *testing.T) {
	w := newWorld(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	w.srv.PutObject("data", "k", data, nil)
	before := w.cache.Stats().Budget
	var refused atomic.Int32
	w.srv.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "GetObject" && refused.Add(1) <= 6 {
			return &s3test.Fault{Status: 503, Code: "SlowDown"}
		}
		return nil
	})
	if got, err := w.read("k"); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if n := w.cache.Stats().Budget; refused.Load() < 6 || n >= before {
		t.Errorf("%d requests may run after %d refusals, %d before", n, refused.Load(), before)
	}
}
