package fakes3

import (
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// logSize is the number of requests that the log keeps; older ones are dropped.
const logSize = 100_000

// Record is one request in the log.
type Record struct {
	Time     time.Time // when it came
	Duration time.Duration
	Op       string
	Bucket   string
	Key      string
	Query    url.Values
	Header   http.Header // the request's
	Status   int         // 0: the connection was cut before an answer
	In, Out  int64       // bytes of the bodies, as decoded
}

// observer counts and logs requests and holds the fault hooks.
type observer struct {
	hook atomic.Pointer[func(Request) *Fault]

	mu       sync.Mutex
	counts   map[string]int
	queued   map[string][]Fault // queued by FaultOnce, by operation
	log      []Record
	inFlight int
	peak     int // most requests at once
	conns    int // opened
	open     int // of all, those that stand
}

func (o *observer) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts, o.log, o.peak, o.conns = map[string]int{}, nil, o.inFlight, 0
	if o.queued == nil {
		o.queued = map[string][]Fault{}
	}
}

// ResetCounts sets all counts to zero and empties the log.
func (s *Server) ResetCounts() { s.observer.reset() }

// Count returns how many requests of these operations came since the start or ResetCounts; without an argument, of all.
// Requests that were refused or cut count too.
func (s *Server) Count(op ...string) int {
	s.observer.mu.Lock()
	defer s.observer.mu.Unlock()
	n := 0
	if len(op) == 0 {
		for _, c := range s.counts {
			n += c
		}
	}
	for _, name := range op {
		n += s.counts[name]
	}
	return n
}

// Counts returns a copy of the counts by operation.
func (s *Server) Counts() map[string]int {
	s.observer.mu.Lock()
	defer s.observer.mu.Unlock()
	return maps.Clone(s.counts)
}

// Log returns the requests that ended since the start or ResetCounts, in order of their end.
func (s *Server) Log() []Record {
	s.observer.mu.Lock()
	defer s.observer.mu.Unlock()
	return append([]Record(nil), s.log...)
}

// Peak returns the largest number of requests that were in flight at once since the start or ResetCounts.
func (s *Server) Peak() int {
	s.observer.mu.Lock()
	defer s.observer.mu.Unlock()
	return s.peak
}

// Connections returns how many connections were opened since the start or ResetCounts.
func (s *Server) Connections() int {
	s.observer.mu.Lock()
	defer s.observer.mu.Unlock()
	return s.conns
}

// OpenConnections returns how many connections stand. With none no request is under way, nor one that its client gave up but that this server has not
// seen yet.
func (s *Server) OpenConnections() int {
	s.observer.mu.Lock()
	defer s.observer.mu.Unlock()
	return s.open
}

// begin counts a request and returns the how-manieth of its operation it is.
func (o *observer) begin(op string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts[op]++
	o.inFlight++
	o.peak = max(o.peak, o.inFlight)
	return o.counts[op]
}

func (o *observer) end(r Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.inFlight--
	if len(o.log) >= logSize {
		o.log = append(o.log[:0], o.log[logSize/2:]...)
	}
	o.log = append(o.log, r)
}

func (o *observer) connState(_ net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch state {
	case http.StateNew:
		o.conns++
		o.open++
	case http.StateClosed, http.StateHijacked:
		o.open--
	}
}
