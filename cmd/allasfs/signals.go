package main

// This file says what signals do to a daemon: the first SIGTERM or SIGINT ends the mount and lets uploads finish, the second one cuts that
// short; SIGHUP (a terminal that closes) and SIGPIPE (a reader of the log that ends) do nothing.

import (
	"context"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// signalWatch counts the signals that end a daemon.
type signalWatch struct {
	first  chan struct{} // closed by the first one
	second chan struct{} // closed by the second one
	quit   chan struct{}
	done   chan struct{} // closed when the counting has ended
}

// watchSignals begins to count; stop ends it.
func watchSignals() *signalWatch {
	signal.Ignore(unix.SIGHUP, unix.SIGPIPE)
	c := make(chan os.Signal, 2)
	signal.Notify(c, unix.SIGTERM, unix.SIGINT)
	w := &signalWatch{make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(w.done)
		defer signal.Stop(c)
		for _, next := range []chan struct{}{w.first, w.second} {
			select {
			case <-c:
				close(next)
			case <-w.quit:
				return
			}
		}
	}()
	return w
}

func (w *signalWatch) stop() {
	close(w.quit)
	<-w.done
}

// limit returns a context that the second signal ends, and patience after the first one (0 = never).
func (w *signalWatch) limit(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		select {
		case <-w.first:
		case <-ctx.Done():
			return
		}
		var over <-chan time.Time
		if patience > 0 {
			over = time.After(patience)
		}
		select {
		case <-w.second:
		case <-over:
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
