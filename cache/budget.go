package cache

import "time"

// busyPause is the time in which several refusals of a store count as one: they were under way together.
const busyPause = 250 * time.Millisecond

// budget is how many requests may run at once: Options.Parallel, fewer after a store asked for patience. Guarded by Cache.mu.
type budget struct {
	now     float64
	most    int
	lowered time.Time
}

// allowed is the budget in requests, at least one.
func (b *budget) allowed() int { return max(1, int(b.now)) }

// lower halves what was running when the store refused a request.
func (b *budget) lower(running int, now time.Time) {
	if now.Sub(b.lowered) < busyPause {
		return
	}
	b.lowered = now
	if running > 0 { // else it was an upload's
		b.now = min(b.now, float64(running))
	}
	b.now = max(1, b.now/2)
}

// raise adds one request for as many as the budget has succeeded.
func (b *budget) raise() { b.now = min(b.now+1/b.now, float64(b.most)) }

// Busy tells that a store answered that it wants fewer requests: as many as run are halved, and come back one by one as requests succeed.
// Readers wait for their turn meanwhile. It does not block for long.
func (c *Cache) Busy() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sched.budget.lower(c.sched.running, time.Now())
}
