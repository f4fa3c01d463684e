package main

// This file answers the calls that are about the cache: it makes *daemon a control.CacheDaemon.

import (
	"context"
	"errors"
	"syscall"

	"allasfs/cache"
	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs"
)

var _ control.CacheDaemon = (*daemon)(nil)

// Warm downloads what lies at and below paths of the mount.
func (d *daemon) Warm(ctx context.Context, id string, paths []string, background bool) (fs.WarmState, error) {
	of, err := d.below(paths)
	if err != nil {
		return fs.WarmState{}, err
	}
	if len(of) != 1 {
		return fs.WarmState{}, exit.New(exit.Usage, "call it once for each", "the paths lie in several projects of %s", d.config.Dir)
	}
	var m *member
	for m, paths = range of { // the only one
	}
	run := m.fs.Warm
	if background {
		run = m.fs.WarmLater
	}
	s, err := run(ctx, id, paths)
	s = m.warmState(s)
	switch {
	case err == nil || ctx.Err() != nil:
		return s, err
	case errors.Is(err, context.Canceled), errors.Is(err, syscall.ENOTCONN):
		return s, exit.New(exit.NotMounted, "", "the mount %s has ended", d.config.Dir).Because(err)
	case errors.Is(err, fs.ErrNoCache):
		return s, exit.New(exit.Cache, "mount it with a larger --cache-size", "the cache of %s keeps nothing on disk", d.config.Dir).Because(err)
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR):
		return s, exit.New(exit.Failed, "", "%w", err)
	}
	return s, explain(err, m.profile, "")
}

// Evict takes what lies at and below paths of the mount out of the cache.
func (d *daemon) Evict(_ context.Context, paths []string, all bool) (cache.Evicted, error) {
	return d.evict(paths, all)
}

// Held tells what the cache holds at and below a path of the mount.
func (d *daemon) Held(_ context.Context, path string, n int) (fs.HeldReport, error) {
	return d.held(path, n)
}
