package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// stage is one system in one repetition, with the scenes as its methods.
type stage struct {
	r    *run
	m    *mounted
	warm bool // the big file has been read whole since the cache was emptied
}

// path returns where a key of the bucket is as a file.
func (s *stage) path(key string) string { return filepath.Join(s.m.dir, filepath.FromSlash(key)) }

// wants tells whether any of these rows is to be measured.
func (s *stage) wants(rows ...string) bool { return slices.ContainsFunc(rows, s.r.o.wants) }

// row measures one row, if it is wanted. Where the mount hangs, its daemon is ended a minute after the limit.
func (s *stage) row(ctx context.Context, name string, t task) {
	if !s.r.o.wants(name) || ctx.Err() != nil {
		return
	}
	watchdog := time.AfterFunc(s.r.o.limit+time.Minute, s.m.kill)
	got := s.r.measure(ctx, s.m.pid(), t)
	watchdog.Stop()
	if s.r.rep == 0 && got.err == nil && !got.cut && t.verify != nil {
		if err := t.verify(ctx); err != nil {
			got.err = fmt.Errorf("WRONG BYTES: %w", err)
		}
	}
	s.r.record(name, s.m.name, got)
}

// cold measures a row in the cold state.
func (s *stage) cold(ctx context.Context, name string, t task) error {
	if !s.r.o.wants(name) {
		return nil
	}
	s.warm = false
	if err := s.m.fresh(ctx); err != nil {
		return err
	}
	s.row(ctx, name, t)
	return nil
}

// fill has the big file in the cache: what the kernel holds of it is read anew, since a cache need not have all of that.
func (s *stage) fill(ctx context.Context) error {
	if s.warm {
		return nil
	}
	if s.m.daemon == nil && s.m.command != nil {
		if err := s.m.fresh(ctx); err != nil {
			return err
		}
	}
	if err := dropCaches(); err != nil {
		return err
	}
	err := s.readBig(ctx, false)
	s.warm = err == nil
	return err
}

// readBig reads the big file from its start in 1 MiB reads and looks at the stamps, at all bytes if full.
func (s *stage) readBig(ctx context.Context, full bool) error {
	return s.r.readFile(ctx, s.path(s.r.l.bigObject().key), s.r.l.bigObject(), full)
}

// readFile reads a whole file in reads of 1 MiB, and checks it.
func (r *run) readFile(ctx context.Context, path string, o object, full bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, min(o.size, 1<<20))
	for off := int64(0); off < o.size; off += int64(len(buf)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.readAt(f, o, buf[:min(int64(len(buf)), o.size-off)], off, full); err != nil {
			return err
		}
	}
	return nil
}

// readAt fills p from f, and checks it.
func (r *run) readAt(f *os.File, o object, p []byte, off int64, full bool) error {
	if _, err := f.ReadAt(p, off); err != nil {
		return err
	}
	if full {
		return r.c.check(o.id, p, off)
	}
	if !r.c.stampsOK(o.id, p, off) {
		return fmt.Errorf("wrong bytes in %s at %d", o.key, off)
	}
	return nil
}

// readFiles reads whole files, parallel at a time.
func (s *stage) readFiles(ctx context.Context, list []object, parallel int, full bool) error {
	return each(ctx, len(list), parallel, func(i int) error {
		return s.r.readFile(ctx, s.path(list[i].key), list[i], full)
	})
}
