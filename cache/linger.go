package cache

import "time"

const (
	lingerQuiet = 20 * time.Millisecond  // without a reader that begins to wait for the store: then what was downloaded goes to the disk
	lingerMost  = 500 * time.Millisecond // after its download it goes in any case
	lingerBytes = 2 << 20                // waiting for the disk, from which nothing lingers
	lingerShare = 16                     // part of the memory for which the same holds: what is pushed out of it is not cached
	lingerJobs  = 64                     // the same
)

// linger puts off writing what small reads downloaded while more of them come: making a version's files takes as long as a small download, from
// the processors that the next one needs. Guarded by Cache.mu.
type linger struct {
	most  int64       // bytes, from which nothing lingers
	timer *time.Timer // wakes the writer
	bytes int64       // in the jobs that wait
	asked time.Time   // when a reader last had to wait for the store
	hurry int         // calls that wait for the disk
}

// due is how long the first of n jobs, which has waited since queued, is still to wait; 0 = it is its turn.
func (l *linger) due(n int, queued, now time.Time) time.Duration {
	if l.hurry > 0 || l.bytes >= l.most || n >= lingerJobs {
		return 0
	}
	at := later(l.asked, queued).Add(lingerQuiet)
	if last := queued.Add(lingerMost); at.After(last) {
		at = last
	}
	return max(0, at.Sub(now))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ripe tells whether the first job is to be done now; if not, the writer is woken when it is.
func (q *writeQueue) ripe() bool {
	l, j := &q.linger, q.jobs[0]
	if j.blocks == nil {
		return true // its bytes are on disk
	}
	wait := l.due(len(q.jobs), j.queued, time.Now())
	if wait == 0 {
		return true
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(wait, q.wake)
	} else {
		l.timer.Reset(wait)
	}
	return false
}

func (l *linger) stop() {
	if l.timer != nil {
		l.timer.Stop()
	}
}

// wake lets the writer look again.
func (q *writeQueue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.more.Signal()
}

// hurry lets nothing linger from a call with 1 to the one with -1, by who waits for the disk.
func (c *Cache) hurry(by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes.linger.hurry += by
	c.writes.more.Signal()
}
