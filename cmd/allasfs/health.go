package main

// This file watches whether the stores of a mount with several members can be used, so that one which cannot costs no wait, and is told by status.

import (
	"context"
	"errors"
	"sync"
	"time"

	"allasfs/cmd/allasfs/internal/exit"
)

const (
	askAgain  = 30 * time.Second // between two questions to a store that could not be used
	othersMay = 3 * time.Second  // that the first answers of the others are waited for once one store can be used
)

// health is what is known of a member's store. It is asked until it can be used once; from then on its requests tell by themselves.
type health struct {
	first chan struct{} // closed with the first answer

	mu  sync.Mutex
	err error // of the last question, nil = it can be used
}

// watch asks until the store can be used, or ctx ends.
func (h *health) watch(ctx context.Context, ask func(context.Context) error) {
	h.watchEvery(ctx, askAgain, ask)
}

func (h *health) watchEvery(ctx context.Context, pause time.Duration, ask func(context.Context) error) {
	for first := true; ctx.Err() == nil; first = false {
		err := ask(ctx)
		h.mu.Lock()
		h.err = err
		h.mu.Unlock()
		if first {
			close(h.first)
		}
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// down tells why the store cannot be used, nil = it can; it waits for the first answer as long as ctx lasts.
func (h *health) down(ctx context.Context) error {
	select {
	case <-h.first:
	case <-ctx.Done():
		return ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var e *exit.Error
	if errors.As(h.err, &e) && e.Unwrap() != nil {
		return e.Unwrap() // what happened, without the words for a person
	}
	return h.err
}

// words say why the store cannot be used, "" = it can.
func (h *health) words() string {
	select {
	case <-h.first:
	default:
		return "has not answered yet"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	e := exit.Of(h.err)
	switch {
	case e == nil:
		return ""
	case e.Hint != "":
		return e.Text + "; " + e.Hint
	}
	return e.Text
}

// begin is a context like ctx, which ends with the daemon's work.
func (d *daemon) begin(ctx context.Context) context.Context {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	d.unwatch = append(d.unwatch, end)
	return life
}

// watchMembers begins to ask every store. It returns when all have answered, or one can be used and the others had a little time; the error is that of
// the first member when none can be used.
func (d *daemon) watchMembers(ctx context.Context) error {
	life := d.begin(ctx)
	for _, m := range d.members {
		m.health = &health{first: make(chan struct{})}
		d.watches.Go(func() {
			m.health.watch(life, func(ctx context.Context) error { return askStore(ctx, m.now(), m.source.Bucket) })
		})
	}
	one := make(chan struct{}, len(d.members))
	all := make(chan struct{})
	go func() { // ends with the first answers, which askStore bounds
		var wg sync.WaitGroup
		for _, m := range d.members {
			wg.Go(func() {
				if m.health.down(life) == nil {
					one <- struct{}{}
				}
			})
		}
		wg.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-ctx.Done():
		return ctx.Err()
	case <-one:
		select {
		case <-all:
		case <-time.After(othersMay):
		}
		return nil
	}
	for _, m := range d.members {
		if m.health.words() == "" {
			return nil
		}
	}
	return d.members[0].health.last()
}

// last is the error of the last question.
func (h *health) last() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}
