package main

import (
	"context"
	"errors"
)

// past reads what is cached where the kernel reads it by itself: on a read-only mount of allasfs.
func (s *stage) past(ctx context.Context) error {
	const seq = "read-seq-past"
	random := s.r.l.randomRows("past", 10)
	rows := []string{seq}
	for _, w := range random {
		rows = append(rows, w.name)
	}
	if s.m.name != "allasfs" || !s.wants(rows...) {
		return nil
	}
	s.m.extra = []string{"--read-only"}
	defer func() { s.m.extra = nil }()
	measure := func(name string, t task) error {
		if !s.wants(name) {
			return nil
		}
		if err := s.fill(ctx); err != nil {
			return err
		}
		if err := s.m.remount(ctx); err != nil {
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
