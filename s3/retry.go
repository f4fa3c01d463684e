package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

const (
	maxPause     = 5 * time.Second // between two tries
	firstPause   = 100 * time.Millisecond
	minTries     = 3 // a request that takes long to fail is tried so often, RetryFor or not
	corruptTries = 3 // wrong bytes are not waited out
)

// retry calls f, which makes one try of r, until it succeeds, fails for good, or the policy gives up.
func (c *Client) retry(ctx context.Context, r *request, f func() error) error {
	b := backoff{client: c, request: r}
	for {
		err := f()
		if err == nil {
			return nil
		}
		if err = b.next(ctx, err); err != nil {
			return err
		}
	}
}

// backoff is the retry policy's state of one operation.
type backoff struct {
	client  *Client
	request *request
	since   time.Time // of the first failure after the last progress
	tries   int       // failures since then
	corrupt int       // answers with wrong bytes
}

// progress forgets the failures: bytes have come through.
func (b *backoff) progress() { b.tries, b.since = 0, time.Time{} }

// next decides what follows the failure err: nil after the pause to make before another try, or the error to return.
func (b *backoff) next(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fail(b.request, cause)
	}
	if b.client.newer(b.request.keys, err) {
		return nil
	}
	if b.tries == 0 {
		b.since = time.Now()
	}
	b.tries++
	if errors.Is(err, ErrCorrupt) {
		b.corrupt++
	}
	left := b.client.retryFor - time.Since(b.since)
	switch {
	case !retryable(err), b.corrupt >= corruptTries, b.tries >= minTries && !b.client.reached.Load() && unreachable(err):
		return fail(b.request, err)
	case b.tries >= minTries && left <= 0:
		return b.giveUp(err)
	}
	if errors.Is(err, ErrTimeout) { // the network may be another one now, and idle connections as dead as the one that was silent
		b.client.idle.CloseIdleConnections()
	}
	pause := b.pause()
	if left > 0 {
		pause = min(pause, left) // one more try when the time is up
	}
	b.client.log.Debug("s3: trying again", "op", b.request.op, "bucket", b.request.bucket, "key", b.request.key, "failures", b.tries, "pause", pause, "err", err)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fail(b.request, context.Cause(ctx))
	case <-timer.C:
		return nil
	}
}

// pause doubles with each failure, between the half and the whole of it by chance, so that many clients do not come back at once.
func (b *backoff) pause() time.Duration {
	first := min(firstPause, b.client.retryFor/20)
	d := min(first<<min(b.tries-1, 10), maxPause)
	return d/2 + rand.N(d/2+1)
}

// giveUp keeps what the last answer told and adds ErrTimeout to its cause.
func (b *backoff) giveUp(err error) error {
	e := &Error{Op: b.request.op, Bucket: b.request.bucket, Key: b.request.key}
	last := err
	if old, ok := errors.AsType[*Error](err); ok {
		*e, last = *old, old.Err
	}
	e.Err = fmt.Errorf("%w: given up after %d tries in %s: %w", ErrTimeout, b.tries, time.Since(b.since).Round(time.Second), last)
	return e
}

// errBody marks that the caller's own body could not be read: not the store's fault.
var errBody = errors.New("reading what is to be sent")

// retryable reports whether the same request may succeed a little later.
func retryable(err error) bool {
	if errors.Is(err, errBody) {
		return false
	}
	if errors.Is(err, errBusy) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrCorrupt) {
		return true
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Status != 0 {
		return false // a clear answer
	}
	for _, final := range []error{os.ErrNotExist, os.ErrExist, os.ErrPermission, ErrBadName, errors.ErrUnsupported, ErrChanged} {
		if errors.Is(err, final) {
			return false
		}
	}
	return !badCertificate(err) && !errors.Is(err, http.ErrSchemeMismatch)
}

// unreachable reports whether nothing answers at that address: told soon if nothing ever did, since the endpoint is wrong then.
func unreachable(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound || errors.Is(err, syscall.ECONNREFUSED)
}

func badCertificate(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	return unknown || host || invalid || verify
}
