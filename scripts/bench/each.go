package main

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// each calls f for 0 … n-1, parallel at a time, in order of start. It stops at the first error and when ctx ends.
func each(ctx context.Context, n, parallel int, f func(i int) error) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range n {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := inner.Err(); err != nil {
				return err
			}
			return f(i)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}
