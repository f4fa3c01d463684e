package cache

import "time"

const (
	// A disk that writes so many parts of what the network brings is waited for: that costs a sequence a third of its speed at most.
	keptParts, keptOf = 2, 3
	knownFrom         = 64 << 20               // bytes written, from which on the disk's speed is known
	knownMost         = 256 << 20              // bytes that a speed is of: what was long ago counts less
	heldMost          = 250 * time.Millisecond // that downloads are held back while no write ends
)

// backlog decides what gives way when the memory is full of blocks that were read and that the disk has not taken yet: the sequence, which waits for
// the disk, or the caching, which leaves these blocks out. A disk that is not much slower than the network, or stutters, is waited for, since a file
// with holes costs requests and the kernel's passthrough each time that it is read; one that is much slower, or stands still, is not. The network's
// speed is what came for sequences while some download of theirs ran and nothing waited for the disk. Guarded by Cache.mu.
type backlog struct {
	came    speed
	written speed
	running int       // downloads for sequences
	since   time.Time // to when the time is counted in came
	held    bool      // something waits for the disk
	hasty   bool      // the disk stood still, and has not caught up since
	timer   *time.Timer
}

// speed is bytes and the time that they took.
type speed struct {
	bytes int64
	took  time.Duration
}

func (s *speed) add(bytes int64, took time.Duration) {
	s.bytes, s.took = s.bytes+bytes, s.took+took
	if s.bytes > knownMost {
		s.bytes, s.took = s.bytes/2, s.took/2
	}
}

// perSecond is bytes a second, 0 = not known.
func (s *speed) perSecond() float64 {
	if s.took <= 0 {
		return 0
	}
	return float64(s.bytes) / s.took.Seconds()
}

// begun and over tell of downloads for sequences.
func (l *backlog) begun(now time.Time) {
	if l.running++; l.running == 1 && !l.held {
		l.since = now
	}
}

func (l *backlog) over(now time.Time) {
	if l.running--; !l.held {
		l.came.add(0, now.Sub(l.since))
		l.since = now
	}
}

// arrived tells of n bytes of such a download.
func (l *backlog) arrived(n int64, now time.Time) {
	if !l.held {
		l.came.add(n, now.Sub(l.since))
		l.since = now
	}
}

// idle tells that nothing is left for the disk to do.
func (l *backlog) idle(now time.Time) {
	l.hasty = false
	l.release(now)
}

// wrote tells that the disk took n bytes, and for how long it was busy with them; nothing waits longer than for the next such news.
func (l *backlog) wrote(n int64, took time.Duration, now time.Time) {
	l.written.add(n, took)
	l.release(now)
}

func (l *backlog) release(now time.Time) {
	if !l.held {
		return
	}
	l.held, l.since = false, now
	l.timer.Stop()
}

// keepsUp tells whether the disk is worth waiting for.
func (l *backlog) keepsUp() bool {
	return !l.hasty && (l.written.bytes < knownFrom || l.written.perSecond()*keptOf >= l.came.perSecond()*keptParts)
}

// holdBack tells whether a download is to wait for the disk, instead of taking the memory of block b, which was read: dispatch is called when it need not any
// more. A small read out of any sequence does not wait, for it takes little. The caller holds Cache.mu.
func (c *Cache) holdBack(ft *fetch, b *block) bool {
	l := &c.writes.backlog
	switch {
	case b.job == nil || ft.cursor == nil && ft.n < streamRun || c.closed || !c.diskBad.IsZero() || !l.keepsUp():
		return false
	case l.held:
		return true
	}
	l.held = true
	if l.timer == nil {
		l.timer = time.AfterFunc(heldMost, c.hasten)
	} else {
		l.timer.Reset(heldMost)
	}
	return true
}

// hasten ends the waiting for a disk that stands still.
func (c *Cache) hasten() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := &c.writes.backlog; l.held {
		l.hasty = true
		l.release(time.Now())
		c.dispatch()
	}
}
