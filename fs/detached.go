package fs

import (
	"context"
	"syscall"
)

// spawn runs fn as a goroutine that Close waits for; once Close has begun to wait, as one that nobody waits for. Needs f.mu, which orders it before or
// after the waiting.
func (f *FS) spawn(fn func()) {
	if f.ended {
		go fn()
		return
	}
	f.wg.Go(fn)
}

// detached runs fn on the mount's context, so that a signal to the program cannot stop it half-way; ctx ends only the waiting. ENOTCONN, and fn is not
// run, once the mount is being closed.
func (f *FS) detached(ctx context.Context, fn func(context.Context) error) error {
	return f.detachedOn(ctx, nil, fn)
}

// detachedOn is detached with n, if it is not nil, kept from being forgotten while fn runs, also when its caller waits no more.
func (f *FS) detachedOn(ctx context.Context, n *node, fn func(context.Context) error) error {
	return f.detachedHolding(ctx, []*node{n}, fn)
}

// detachedHolding is detachedOn for several nodes.
func (f *FS) detachedHolding(ctx context.Context, held []*node, fn func(context.Context) error) error {
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return syscall.ENOTCONN
	}
	return f.onMount(ctx, held, fn)
}

// onMount is detachedHolding that works for Close too: ENOTCONN only when Close waits for the last goroutines.
func (f *FS) onMount(ctx context.Context, held []*node, fn func(context.Context) error) error {
	done := make(chan error, 1)
	f.mu.Lock()
	if f.ended {
		f.mu.Unlock()
		return syscall.ENOTCONN
	}
	for _, n := range held {
		if n != nil {
			pin(n)
		}
	}
	f.wg.Go(func() {
		err := fn(f.ctx)
		for _, n := range held {
			f.unpin(n)
		}
		done <- err
	})
	f.mu.Unlock()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// together is exclusively for two files, of which b may be nil. Their gates are taken in the order of node ids, so that two that want the same
// files never wait for each other.
func (f *FS) together(ctx context.Context, a, b *node, fn func() error) error {
	if b == nil || b == a {
		return f.exclusively(ctx, a, fn)
	}
	if b.id < a.id {
		a, b = b, a
	}
	return f.exclusively(ctx, a, func() error {
		if err := b.gate.Acquire(ctx, whole); err != nil {
			return err
		}
		defer b.gate.Release(whole)
		return fn()
	})
}
