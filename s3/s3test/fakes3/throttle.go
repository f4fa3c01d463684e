package fakes3

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// throttle holds the delay and the caps on bytes.
type throttle struct {
	latency atomic.Int64 // ns
	perCall atomic.Int64 // bytes/s of one request; 0 = no cap
	total   bucketOfTime // of all requests
}

// bucketOfTime hands out the time that bytes take at a rate.
type bucketOfTime struct {
	rate atomic.Int64 // bytes/s; 0 = no cap

	mu   sync.Mutex
	next time.Time // when the next byte may go
}

// SetLatency changes the delay before each answer.
func (s *Server) SetLatency(d time.Duration) { s.throttle.latency.Store(int64(d)) }

// SetBandwidth changes the cap on the bytes a second of all requests together; 0 = none.
func (s *Server) SetBandwidth(bytesPerSecond int64) { s.total.rate.Store(bytesPerSecond) }

// SetRequestBandwidth changes the cap on the bytes a second of each request; 0 = none. Requests in flight keep theirs.
func (s *Server) SetRequestBandwidth(bytesPerSecond int64) { s.perCall.Store(bytesPerSecond) }

// reserve returns how long to wait until n more bytes are within the rate.
func (b *bucketOfTime) reserve(n int) time.Duration {
	rate := b.rate.Load()
	if rate <= 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.next.Before(now) {
		b.next = now
	}
	wait := b.next.Sub(now)
	b.next = b.next.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	return wait
}

// pacer slows the bytes of one request to both caps.
type pacer struct {
	s   *Server
	r   *http.Request
	own bucketOfTime
}

func (s *Server) newPacer(r *http.Request) *pacer {
	p := &pacer{s: s, r: r}
	p.own.rate.Store(s.perCall.Load())
	return p
}

// pace waits until n more bytes may move.
func (p *pacer) pace(n int) {
	d := max(p.own.reserve(n), p.s.total.reserve(n))
	p.s.wait(p.r, d)
}

// capped reports whether there is any cap: without one, bytes move in large pieces.
func (p *pacer) capped() bool { return p.own.rate.Load() > 0 || p.s.total.rate.Load() > 0 }
