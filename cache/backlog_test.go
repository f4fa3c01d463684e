package cache

import (
	"testing"
	"time"
)

// TestBacklogSpeeds: a disk is waited for that is nearly as fast as the network, or stutters; one that is much slower is not, once that is known.
func TestBacklogSpeeds(t *testing.T) {
	const bytes = mib
	for name, c := range map[string]struct {
		network, disk time.Duration // for a MiB
		stutter       time.Duration // of the disk, once every 64 MiB
		total         int           // MiB
		want          bool
	}{
		"faster":              {2 * time.Millisecond, time.Millisecond, 0, 1000, true},
		"nearly as fast":      {2 * time.Millisecond, 2500 * time.Microsecond, 0, 1000, true},
		"stutters":            {2 * time.Millisecond, 2 * time.Millisecond, 50 * time.Millisecond, 1000, true},
		"much slower":         {2 * time.Millisecond, 8 * time.Millisecond, 0, 1000, false},
		"not known yet":       {2 * time.Millisecond, 8 * time.Millisecond, 0, 32, true},
		"stutters much":       {2 * time.Millisecond, 2 * time.Millisecond, 500 * time.Millisecond, 1000, false},
		"much faster network": {500 * time.Microsecond, 2 * time.Millisecond, 0, 1000, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := &backlog{}
			now := time.Unix(0, 0)
			l.begun(now)
			for i := range c.total {
				now = now.Add(c.network)
				l.arrived(bytes, now)
				took := c.disk
				if i%64 == 0 {
					took += c.stutter
				}
				l.wrote(bytes, took, now)
			}
			if got := l.keepsUp(); got != c.want {
				t.Errorf("keeps up: %v, want %v (came %.0f a second, written %.0f)", got, c.want, l.came.perSecond(), l.written.perSecond())
			}
		})
	}
}

// TestBacklogTimes: what comes while something waits for the disk, or while no sequence is downloaded, tells nothing of the network's speed.
func TestBacklogTimes(t *testing.T) {
	l := &backlog{timer: time.NewTimer(time.Hour)}
	now := time.Unix(0, 0)
	step := func(d time.Duration) time.Time { now = now.Add(d); return now }
	l.begun(now)
	l.arrived(10*mib, step(time.Second))
	l.held = true
	l.arrived(mib, step(10*time.Second))
	l.over(step(time.Second))
	l.begun(step(time.Second))
	l.wrote(mib, time.Second, step(time.Second))
	if l.held {
		t.Fatal("held back after the disk took something")
	}
	l.arrived(10*mib, step(time.Second))
	l.over(now)
	l.begun(step(time.Hour))
	l.arrived(10*mib, step(time.Second))
	if got := l.came.perSecond(); got != 10*mib {
		t.Errorf("%.0f bytes a second came, want %d", got, 10*mib)
	}
}

// TestStutteringDisk: a sequence that is read faster than the disk takes it, for a moment, is on disk as a whole afterwards; each byte is downloaded once.
func TestStutteringDisk(t *testing.T) {
	o := testOptions(t)
	o.Memory = 16 * mib
	c := mustOpen(t, o)
	s := newSource(48 * mib) // too little to know how slow it is
	f := c.File(testID, int64(len(s.data)), s)
	defer f.Close()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // the disk
		defer close(stopped)
		for {
			f.v.writing.Lock()
			time.Sleep(40 * time.Millisecond)
			f.v.writing.Unlock()
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	for off := 0; off < len(s.data); off += mib {
		readRange(t, f, s, off, mib)
	}
	close(stop)
	<-stopped
	settled(t, c)
	c.mu.Lock()
	for b := range f.v.blocks() {
		if !f.v.present.get(b) {
			t.Errorf("block %d is not on disk", b)
			break
		}
	}
	c.mu.Unlock()
	if n := s.requested(); n != int64(len(s.data)) {
		t.Errorf("%d bytes were asked for, want %d", n, len(s.data))
	}
}

// TestStoppedDisk: a disk that stands still holds up no reader of a sequence for longer than a moment, and nothing is held back for it any more until it has
// caught up.
func TestStoppedDisk(t *testing.T) {
	o := testOptions(t)
	o.Memory = 16 * mib
	c := mustOpen(t, o)
	s := newSource(128 * mib)
	f := c.File(testID, int64(len(s.data)), s)
	defer f.Close()
	f.v.writing.Lock()
	for off := 0; off < len(s.data); off += mib {
		readRange(t, f, s, off, mib)
	}
	c.mu.Lock()
	if l := &c.writes.backlog; l.held || !l.hasty {
		t.Errorf("held back %v, the disk is known to stand still %v", l.held, l.hasty)
	}
	c.mu.Unlock()
	f.v.writing.Unlock()
	settled(t, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writes.backlog.hasty {
		t.Error("a disk that has caught up is not waited for")
	}
}
