package cache

import "time"

const (
	rateFrom = 512 << 10 // bytes from which a download tells the rate of a connection
	weight   = 1.0 / 8   // of a new sample in an estimate
	forget   = 1.0 / 64  // by which the shortest delay grows with each sample, so that another network is noticed
	clip     = 4         // a sample counts as at most so many times the estimate, or its so manieth part: machines stutter
)

// link is what the downloads have shown of the way to one store. Guarded by Cache.mu.
type link struct {
	delay float64 // seconds from a request to its answer; 0 = not known
	least float64 // the same where nothing of ours is in the way: the shortest of late
	rate  float64 // bytes a second of one connection, others beside it; 0 = not known

	running int   // requests under way
	bytes   int64 // of these
}

// link returns the link to a store, a new one the first time. The caller holds Cache.mu.
func (s *schedule) link(store string) *link {
	l := s.links[store]
	if l == nil {
		l = &link{}
		s.links[store] = l
	}
	return l
}

// learn takes a download into account: its answer came after delay, and then n bytes in took.
func (l *link) learn(delay time.Duration, n int64, took time.Duration) {
	l.delay = smooth(l.delay, delay.Seconds())
	if l.least == 0 {
		l.least = l.delay
	}
	l.least = min(l.delay, max(delay.Seconds(), 1e-9), l.least*(1+forget))
	if n >= rateFrom {
		l.rate = smooth(l.rate, float64(n)/max(took.Seconds(), 1e-6))
	}
}

// smooth moves an estimate towards a sample. The first sample is the estimate.
func smooth(estimate, sample float64) float64 {
	if estimate == 0 {
		return max(sample, 1e-9)
	}
	return estimate + weight*(min(max(sample, estimate/clip), estimate*clip)-estimate)
}

// short is the length of a request, in bytes, that is not worth cutting in two. Ceph's gateway keeps objects in pieces of so much
// (rgw_obj_stripe_size).
const short = 4 << 20

// long is the length of which the delay is a tenth: more gives no throughput and costs memory.
func (l *link) long() int64 {
	if l.least == 0 || l.rate == 0 {
		return maxRequest
	}
	return min(max(int64(min(10*l.least*l.rate, maxRequest)), short), maxRequest)
}

// covers is what a reader of rate bytes a second takes while a long request is answered and comes in.
func (l *link) covers(rate float64) int64 {
	if l.rate == 0 {
		return 0
	}
	return int64(min(rate*(l.delay+float64(l.long())/l.rate), 1<<40))
}
