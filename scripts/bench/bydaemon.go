package main

import (
	"context"
	"errors"
)

// byDaemon reads what is cached by way of allasfs' daemon, as an ordinary user does: root's mounts let the kernel read it by itself.
func (s *stage) byDaemon(ctx context.Context) error {
	const seq = "read-seq-daemon"
	random := s.r.l.randomRows("daemon", 50)
	rows := []string{seq}
	for _, w := range random {
		rows = append(rows, w.name)
	}
	if s.m.name != "allasfs" || !s.wants(rows...) {
		return nil
	}
	s.m.extra = []string{"--passthrough=off"}
	defer func() { s.m.extra = nil }()
	measure := func(name string, t task) error {
		if !s.wants(name) {
			return nil
		}
		if err := s.fill(ctx); err != nil {
			return err
		}
		if err := s.anew(ctx); err != nil {
			return err
		}
		s.row(ctx, name, t)
		return nil
	}
	err := measure(seq, task{do: func(ctx context.Context) error { return s.readBig(ctx, false) }})
	for _, w := range random {
		if err == nil {
			err = measure(w.name, s.random(w))
		}
	}
	s.m.extra = nil
	return errors.Join(err, s.m.remount(ctx))
}
