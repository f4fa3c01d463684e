package cache

import "time"

const (
	rateFrom = 512 << 10 // bytes from which a download tells the rate of a connection
	weight   = 1.0 / 8   // of a new sample in an estimate
	clip     = 4         // a sample counts as at most so many times the estimate, or its so manieth part: machines stutter
)

// link is what the downloads have shown of the way to one store. Guarded by Cache.mu.
type link struct {
	delay float64 // seconds from a request to its answer; 0 = not known
	rate  float64 // bytes a second of one connection, others beside it; 0 = not known
	alone float64 // the same with no more than one beside it
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

// learn takes a download into account: its answer came after delay, and then n bytes in took, with so many downloads running.
func (l *link) learn(delay time.Duration, n int64, took time.Duration, running int) {
	l.delay = smooth(l.delay, delay.Seconds())
	if n < rateFrom {
		return
	}
	rate := float64(n) / max(took.Seconds(), 1e-6)
	l.rate = smooth(l.rate, rate)
	if running <= 2 {
		l.alone = smooth(l.alone, rate)
	}
}

// adds tells whether connections side by side get as much each as one does alone: then it is many that fill the network, else few long
// requests are as fast, and cheaper.
func (l *link) adds() bool { return l.alone > 0 && l.rate > 0.7*l.alone }

// smooth moves an estimate towards a sample. The first sample is the estimate.
func smooth(estimate, sample float64) float64 {
	if estimate == 0 {
		return max(sample, 1e-9)
	}
	return estimate + weight*(min(max(sample, estimate/clip), estimate*clip)-estimate)
}

// short is the length of a request, in bytes, of which the delay is a fifth of the time: below that, a request for the rest of a file is not
// worth cutting in two.
func (l *link) short() int64 { return l.length(4, 2<<20, 4<<20) }

// long is the length of which the delay is a tenth: more gives no throughput and costs memory.
func (l *link) long() int64 { return l.length(10, 4<<20, maxRequest) }

// length is what comes in so many times the delay, within bounds; the upper one while nothing is known.
func (l *link) length(delays float64, least, most int64) int64 {
	if l.delay == 0 || l.rate == 0 {
		return most
	}
	rate := max(l.rate, l.alone) // a connection that is slow because of ours beside it does not ask for shorter requests
	return min(max(int64(min(delays*l.delay*rate, float64(most))), least), most)
}

// covers is what a reader of rate bytes a second takes while a long request is answered and comes in.
func (l *link) covers(rate float64) int64 {
	if l.rate == 0 {
		return 0
	}
	return int64(min(rate*(l.delay+float64(l.long())/l.rate), 1<<40))
}
