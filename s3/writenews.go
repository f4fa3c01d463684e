package s3

import (
	"net/http"
	"os"
	"sync"
)

// writeNews tells those who want to know which buckets take changes.
type writeNews struct {
	mu   sync.Mutex
	told map[*func(string, bool)]struct{}
}

// OnWrite has f called with the bucket after each try to store or remove an object that the store has answered: with refused where these keys
// may not (an AccessDenied; a full quota is none), without where it was done. A copy that is refused is not told, since the keys may lack the right to read
// its source. f is called from many goroutines and must not block; it is told nothing any more once stop has returned and calls under way have ended.
func (c *Client) OnWrite(f func(bucket string, refused bool)) (stop func()) {
	w := &c.writeNews
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told == nil {
		w.told = make(map[*func(string, bool)]struct{})
	}
	w.told[&f] = struct{}{}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.told, &f)
	}
}

// note takes the answer to one try into account; err is nil for a success.
func (w *writeNews) note(r *request, err *Error) {
	refused := err != nil
	switch {
	case r.key == "", r.method == http.MethodGet, r.method == http.MethodHead:
		return
	case refused && (err.Err != os.ErrPermission || r.header.Get("X-Amz-Copy-Source") != ""):
		return
	}
	w.mu.Lock()
	all := make([]func(string, bool), 0, len(w.told))
	for f := range w.told {
		all = append(all, *f)
	}
	w.mu.Unlock()
	for _, f := range all {
		f(r.bucket, refused)
	}
}
