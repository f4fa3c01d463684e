package cache

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// schedule is the downloads that wait for their turn. What a reader waits for goes first; read-ahead takes turns among the files, and leaves
// a quarter of the requests to readers. Of several stores none takes all (greedy). Guarded by Cache.mu.
type schedule struct {
	running int        // requests
	bytes   int64      // of these
	demand  []*fetch   // in order of arrival
	ahead   []*version // that have read-ahead waiting, in order of their turns
	streams map[*cursor]struct{}
	counted int64 // when streams was last looked through, unix nanoseconds
	links   map[string]*link
	budget  budget
}

func (s *schedule) init(parallel int) {
	s.budget = budget{now: float64(parallel), most: parallel}
	s.streams = map[*cursor]struct{}{}
	s.links = map[string]*link{}
}

func (s *schedule) add(ft *fetch) {
	if !ft.ahead {
		s.demand = append(s.demand, ft)
		return
	}
	if len(ft.v.ahead) == 0 {
		s.ahead = append(s.ahead, ft.v)
	}
	ft.v.ahead = append(ft.v.ahead, ft)
}

// remove takes a download out of its queue.
func (s *schedule) remove(ft *fetch) {
	if !ft.ahead {
		s.demand = slices.DeleteFunc(s.demand, func(o *fetch) bool { return o == ft })
		return
	}
	v := ft.v
	v.ahead = slices.DeleteFunc(v.ahead, func(o *fetch) bool { return o == ft })
	if len(v.ahead) == 0 {
		s.ahead = slices.DeleteFunc(s.ahead, func(o *version) bool { return o == v })
	}
}

// turn passes the turn of the first file on to the next.
func (s *schedule) turn() {
	if len(s.ahead) > 1 {
		s.ahead = append(s.ahead[1:len(s.ahead):len(s.ahead)], s.ahead[0])
	}
}

// promote lets a download that waits with the read-ahead go with the demand: a reader came to wait for it. The caller holds Cache.mu.
func (c *Cache) promote(ft *fetch) {
	if ft.state == queued && ft.ahead {
		c.sched.remove(ft)
		ft.ahead = false
		c.sched.add(ft)
	}
}

// slots is how many requests read-ahead may have under way.
func (c *Cache) slots() int {
	n := c.sched.budget.allowed()
	return max(1, n-n/4)
}

// dispatch starts what may start: enough requests free, enough memory. It is called after every change of these. The caller holds Cache.mu.
func (c *Cache) dispatch() {
	s := &c.sched
	for i := 0; i < len(s.demand) && s.running < s.budget.allowed(); {
		ft := s.demand[i]
		if s.greedy(ft, s.budget.allowed(), c.o.Memory) {
			i++
			continue
		}
		switch c.start(ft, true) {
		case noMemory:
			return
		case heldBack:
			i++
		}
	}
	for passed := 0; passed < len(s.ahead) && s.running < c.slots(); {
		ft := s.ahead[0].ahead[0]
		if s.greedy(ft, c.slots(), c.o.Memory) {
			s.turn()
			passed++
			continue
		}
		if c.start(ft, ft.wants > 0) != enough {
			return
		}
		s.turn()
		passed = 0
	}
}

// start runs a queued download if there is memory for it. With nothing running nothing is going to give memory back, so then one that is
// waited for starts all the same: the budget may be exceeded by one request.
func (c *Cache) start(ft *fetch, waited bool) grabbed {
	if got := c.grab(ft, waited); got != enough {
		if got == heldBack || !waited || c.sched.running > 0 {
			return got
		}
		c.mem.used += ft.n
	}
	c.sched.remove(ft)
	c.sched.begun(ft)
	ft.state = running
	if ft.streamed = ft.cursor != nil; ft.streamed {
		c.writes.backlog.begun(time.Now())
	}
	ft.ctx, ft.cancel = context.WithCancel(c.ctx)
	c.work.Go(func() { c.run(ft) })
	return enough
}

// dropQueued ends every download that has not begun. The caller holds Cache.mu.
func (c *Cache) dropQueued() {
	s := &c.sched
	waiting := s.demand
	for _, v := range s.ahead {
		waiting = append(waiting, v.ahead...)
		v.ahead = nil
	}
	s.demand, s.ahead = nil, nil
	for _, ft := range waiting {
		c.abandon(ft, fmt.Errorf("cache: read: %w", os.ErrClosed))
		ft.v.holds--
	}
}
