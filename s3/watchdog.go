package s3

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// watchdog cuts one try of a request whose bytes stop: a cluster that is full never answers a write, and a network that went away says nothing.
// It counts only while the client waits for the store (between begin and end, since the last touch), so a reader that takes its time is not cut.
type watchdog struct {
	ctx    context.Context // of the try
	parent context.Context
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	limit   time.Duration
	timer   *time.Timer
	waiting int // begins without an end
	moved   time.Time
	stopped bool
}

// stalled is the cause of a try that was cut: an ErrTimeout.
type stalled time.Duration

func (s stalled) Error() string        { return fmt.Sprintf("no byte moved for %s", time.Duration(s)) }
func (s stalled) Is(target error) bool { return target == ErrTimeout }

func newWatchdog(parent context.Context, limit time.Duration) *watchdog {
	w := &watchdog{parent: parent, limit: limit}
	w.ctx, w.cancel = context.WithCancelCause(parent)
	w.timer = time.AfterFunc(limit, w.look)
	return w
}

// look cuts the try if nothing moved for the limit, else looks again later.
func (w *watchdog) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	idle := time.Since(w.moved)
	switch {
	case w.waiting == 0:
		w.timer.Reset(w.limit)
	case idle < w.limit:
		w.timer.Reset(w.limit - idle)
	default:
		w.cancel(stalled(w.limit))
	}
}

func (w *watchdog) begin() { w.note(1) }
func (w *watchdog) end()   { w.note(-1) }
func (w *watchdog) touch() { w.note(0) }

func (w *watchdog) note(waiting int) {
	w.mu.Lock()
	w.waiting += waiting
	w.moved = time.Now()
	w.mu.Unlock()
}

// setLimit changes how long nothing may move, from now on.
func (w *watchdog) setLimit(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limit != d && !w.stopped {
		w.limit = d
		w.timer.Reset(d)
	}
}

// cause returns why the try failed with err: the caller's context, a stall, or err itself.
func (w *watchdog) cause(err error) error {
	if cause := context.Cause(w.parent); cause != nil {
		return cause
	}
	if cause := context.Cause(w.ctx); cause != nil {
		return cause
	}
	return err
}

// stop ends the watch and frees what the try holds.
func (w *watchdog) stop() {
	w.mu.Lock()
	w.stopped = true
	w.timer.Stop()
	w.mu.Unlock()
	w.cancel(nil)
}
