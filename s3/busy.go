package s3

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// busy is what the client knows of a store that asks for patience.
type busy struct {
	told atomic.Pointer[func()]
	last atomic.Int64 // unix nanoseconds of the last such answer
}

// OnBusy sets f to be called for each answer that asks for fewer requests (503, 429, SlowDown), the ones that are tried again too: who decides
// how many requests run side by side lowers their number then. f is called from many goroutines and must not block; nil = nobody.
func (c *Client) OnBusy(f func()) {
	if f == nil {
		c.busy.told.Store(nil)
		return
	}
	c.busy.told.Store(&f)
}

// note takes an error of one try into account.
func (b *busy) note(err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != http.StatusServiceUnavailable && e.Status != http.StatusTooManyRequests && e.Code != "SlowDown" {
		return
	}
	b.last.Store(time.Now().UnixNano())
	if f := b.told.Load(); f != nil {
		(*f)()
	}
}

// since tells whether the store asked for patience in the time d before now.
func (b *busy) since(d time.Duration) bool {
	last := b.last.Load()
	return last != 0 && time.Now().UnixNano()-last < int64(d)
}
