package main

import (
	"context"
	"errors"
)

// withoutCache reads the big file cold through a mount that keeps nothing on disk: it ought to be no slower than one that does.
func (s *stage) withoutCache(ctx context.Context) error {
	const name = "read-seq-nocache"
	if s.m.name != "allasfs" || !s.wants(name) {
		return nil
	}
	s.m.extra = []string{"--cache-size", "0"}
	defer func() { s.m.extra = nil }()
	err := s.cold(ctx, name, task{do: func(ctx context.Context) error { return s.readBig(ctx, false) }})
	s.m.extra = nil
	return errors.Join(err, s.m.remount(ctx))
}
