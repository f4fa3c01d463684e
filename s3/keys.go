package s3

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Keys are what requests are signed with; without Access they are not signed.
type Keys struct {
	Access, Secret string
	Token          string // of a session, "" = none
}

// String shows no key.
func (k Keys) String() string {
	if k.Access == "" {
		return "s3.Keys{none}"
	}
	return "s3.Keys{…}"
}

// GoString is String: no verb prints a secret.
func (k Keys) GoString() string { return k.String() }

// LogValue is what slog shows of k.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }

// renewEvery is the least time between two questions for other keys.
const renewEvery = 5 * time.Second

// keyring holds the keys that a client signs with, and finds others when the store refuses them.
type keyring struct {
	now   atomic.Pointer[Keys]
	renew func() (Keys, error) // nil = there are never others

	mu    sync.Mutex // held while renew is asked
	asked time.Time
}

// Keys are those that requests are signed with now.
func (c *Client) Keys() Keys { return *c.keys.now.Load() }

// SetKeys has requests signed with other keys from now on. They have to be of the same user: what is known of the store stays.
func (c *Client) SetKeys(keys Keys) {
	c.keys.mu.Lock()
	defer c.keys.mu.Unlock()
	c.keys.now.Store(&keys)
}

// newer tells whether the answer err to a request may be another one with the keys that are in force now: used, with which it was signed, were
// refused, and there are others. A 403 without a reason, as every HEAD has it, counts as a refusal only where there are.
func (c *Client) newer(used *Keys, err error) bool {
	k := &c.keys
	refused := errors.Is(err, ErrCredentials) || errors.Is(err, os.ErrPermission) && code(err) == ""
	if !refused || used == nil || k.renew == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now.Load() != used {
		return true
	}
	if time.Since(k.asked) < renewEvery {
		return false
	}
	k.asked = time.Now()
	keys, rerr := k.renew()
	if rerr != nil {
		c.log.Warn("s3: the keys are refused, and no others are found", "err", rerr)
		return false
	}
	if keys == *used {
		return false
	}
	k.now.Store(&keys)
	c.log.Info("s3: the keys were refused; requests are signed with others that were found since")
	return true
}
