package cache

import "time"

const (
	fewRequests = 8           // side by side: up to here a window grows however slow the network is
	farthest    = time.Second // beyond that a window grows to what is read in so long: no request of a network that is not full takes longer
	calmRounds  = 4           // rounds without waiting, after which a window is larger than its reader needs
)

// pace finds how far ahead of a sequence to read. A round is the reading of a part of the window. As long as the reader has to wait in it,
// the window doubles, up to what the network brings in a second: more would wait in queues, in the way of others. Whether more requests bring
// more throughput is not asked, for rounds are short and machines stutter: one lucky round would hold the window down for good. A reader that
// does not wait is slower than the network, and its window goes down to what it takes in the time of two requests.
type pace struct {
	window  int64     // bytes
	eager   int64     // until the pace is settled the window is at least so many times what was read
	settled bool      // the network or the reader has shown to be the limit
	waited  bool      // a reader waited in this round
	calm    int       // rounds without waiting, in a row
	mark    int64     // where the round began
	since   time.Time // when it did
}

// newPace is for a sequence from off. One from the start of a file is likely to go on to its end, and may cost more.
func newPace(off int64, now time.Time) pace {
	p := pace{window: minWindow, eager: 2, mark: off, since: now}
	if off == 0 {
		p.eager = 4
	}
	return p
}

// read tells that the sequence, of which run bytes were read, is at next. most bounds the window.
func (p *pace) read(next, run int64, now time.Time, l *link, most int64) {
	if n := next - p.mark; n >= p.window/(2*p.eager) {
		p.round(float64(n)/max(now.Sub(p.since).Seconds(), 1e-6), l, most)
		p.mark, p.since, p.waited = next, now, false
	}
	if !p.settled {
		p.window = max(p.window, min(p.eager*run, most))
	}
}

// round ends a round that was read with rate bytes a second.
func (p *pace) round(rate float64, l *link, most int64) {
	const least = 2 * short // less would be many small requests
	switch {
	case !p.waited:
		p.settled = p.settled || p.window >= least
		if p.calm++; p.calm >= calmRounds {
			p.calm = 0
			p.window = min(p.window, max(p.window/4*3, 2*l.covers(rate), least))
		}
	case p.window < max(fewRequests*l.long(), int64(min(rate*farthest.Seconds(), 1<<40))):
		p.window, p.calm = min(2*p.window, most), 0
	default:
		p.settled, p.calm = true, 0
	}
}
