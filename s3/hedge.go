package s3

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	usualShare = 0.95             // of the answers come within what is usual
	lateFactor = 4                // times the usual: an answer that is later is asked for a second time
	lateFloor  = time.Second      // and never earlier than that
	secondRate = 0.02             // second requests to a request
	secondMost = 2                // second requests that may be saved up
	calmAfter  = 30 * time.Second // without a refusal the store is not busy any more
)

// hedge decides when the answer to a GET is so late that it is asked for a second time, on another connection.
type hedge struct {
	mu     sync.Mutex
	usual  time.Duration // within which usualShare of the answers begin; 0 = none was measured
	tokens float64       // second requests that may be made
}

// allow returns after which time without an answer a GET that is about to be sent may be sent again.
func (h *hedge) allow() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tokens = min(h.tokens+secondRate, secondMost)
	return max(lateFactor*h.usual, lateFloor)
}

// take reports whether a second request may be made now, and counts it.
func (h *hedge) take() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tokens < 1 {
		return false
	}
	h.tokens--
	return true
}

// answered learns from an answer that began after d. The estimate goes up by so much for a later answer, and down by so little for an earlier
// one, that it rests where usualShare of them are earlier.
func (h *hedge) answered(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.usual == 0:
		h.usual = max(d, time.Microsecond)
	case d > h.usual:
		h.usual += time.Duration(float64(h.usual) * usualShare / 8)
	default:
		h.usual -= time.Duration(float64(h.usual) * (1 - usualShare) / 8)
	}
}

// get sends r once and returns the answer, and what frees it after it was closed. If the answer is far later than usual, r is sent a second time and
// whichever succeeds first is the answer; the other try is cut. Large objects and busy stores get no second request.
func (c *Client) get(ctx context.Context, r *request) (*answer, context.CancelFunc, error) {
	if r.alone || c.busy.since(calmAfter) {
		a, err := c.once(ctx, r)
		return a, func() {}, err
	}
	first, cut := context.WithCancel(ctx)
	s := &second{client: c, request: r.again(), ctx: ctx, cutFirst: cut, ended: make(chan struct{})}
	begin := time.Now()
	timer := time.AfterFunc(c.hedge.allow(), s.run)
	a, err := c.once(first, r)
	if err == nil {
		c.hedge.answered(time.Since(begin))
	}
	if timer.Stop() {
		return a, cut, err
	}
	return s.choose(a, cut, err)
}

// second is the second try of a GET.
type second struct {
	client   *Client
	request  *request
	ctx      context.Context // the caller's
	cutFirst context.CancelFunc
	ended    chan struct{} // run is over

	mu     sync.Mutex
	over   bool               // the first try has won
	cut    context.CancelFunc // cuts this one
	answer *answer            // of this one
	err    error
}

// run sends the second request, unless the first has its answer or there were too many of the kind.
func (s *second) run() {
	defer close(s.ended)
	s.mu.Lock()
	if s.over || s.client.busy.since(calmAfter) || !s.client.hedge.take() {
		s.mu.Unlock()
		return
	}
	ctx, cut := context.WithCancel(s.ctx)
	s.cut = cut
	s.mu.Unlock()
	s.client.log.Debug("s3: no answer yet, asking a second time", "bucket", s.request.bucket, "key", s.request.key)
	a, err := s.client.once(ctx, s.request)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.err = a, err
	if err == nil && !s.over {
		s.cutFirst()
	}
}

// refused tells whether an error is a store's answer that another try does not change.
func refused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status >= 400 && e.Status < 500 && e.Status != http.StatusRequestTimeout && e.Status != http.StatusTooManyRequests
}

// choose returns the answer of the first try, which ended with a and err, or of the second, for which it waits if the first failed.
func (s *second) choose(a *answer, cut context.CancelFunc, err error) (*answer, context.CancelFunc, error) {
	s.mu.Lock()
	s.over = err == nil && s.answer == nil
	if s.cut != nil && (s.over || s.answer == nil && refused(err)) {
		s.cut()
	}
	s.mu.Unlock()
	<-s.ended
	lost, free := s.answer, s.cut
	switch {
	case s.over:
		free = cut
	case s.answer != nil:
		a, lost, err = s.answer, a, nil
		cut()
	default:
		cut()
	}
	if lost != nil {
		_ = lost.Close()
	}
	if free == nil {
		free = func() {}
	}
	return a, free, err
}
