package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
)

// reads is the scene of the big file.
func (s *stage) reads(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.firstBytes, s.withoutCache, s.sequential, s.streams, s.randomWarm, s.byDaemon, s.randomCold} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) firstBytes(ctx context.Context) error {
	big := s.r.l.bigObject()
	err := s.cold(ctx, "first-byte", task{do: func(context.Context) error { return s.pread(big, pageSize, big.size/2) }})
	if err != nil || !s.wants("first-4k") {
		return err
	}
	if err := s.m.fresh(ctx); err != nil {
		return err
	}
	list := s.r.l.mids(s.r.l.first)
	for _, o := range list {
		if _, err := os.Stat(s.path(o.key)); err != nil {
			return err
		}
	}
	s.row(ctx, "first-4k", task{do: func(ctx context.Context) error {
		return each(ctx, len(list), 1, func(i int) error { return s.pread(list[i], pageSize, list[i].size/2) })
	}})
	return nil
}

// pread opens a file for one read.
func (s *stage) pread(o object, n, off int64) error {
	f, err := os.Open(s.path(o.key))
	if err != nil {
		return err
	}
	defer f.Close()
	return s.r.readAt(f, o, make([]byte, n), off, false)
}

func (s *stage) sequential(ctx context.Context) error {
	whole := task{do: func(ctx context.Context) error { return s.readBig(ctx, false) }}
	if err := s.cold(ctx, "read-seq-cold", whole); err != nil {
		return err
	}
	if !s.wants("read-seq-again", "read-seq-dropped", "read-seq-remount", "read-seq-disk") {
		return nil
	}
	if err := s.fill(ctx); err != nil {
		return err
	}
	s.row(ctx, "read-seq-again", whole)
	if s.wants("read-seq-dropped") {
		if err := dropCaches(); err != nil {
			return err
		}
		s.row(ctx, "read-seq-dropped", whole)
	}
	if s.wants("read-seq-remount") {
		if err := s.anew(ctx); err != nil {
			return err
		}
		s.row(ctx, "read-seq-remount", whole)
	}
	if s.wants("read-seq-disk") {
		if err := s.anew(ctx); err != nil {
			return err
		}
		if err := dropCaches(); err != nil {
			return err
		}
		s.row(ctx, "read-seq-disk", whole)
	}
	return nil
}

// anew mounts anew and looks at the big file's name: what is measured then is reading, not mounting nor the bucket's first listing.
func (s *stage) anew(ctx context.Context) error {
	if err := s.m.remount(ctx); err != nil {
		return err
	}
	_, err := os.Stat(s.path(s.r.l.bigObject().key))
	return err
}

// randomRow is one of the rows of random reads.
type randomRow struct {
	name  string
	size  int64
	jobs  int
	count int
}

func (l layout) randomRows(state string, times int) []randomRow {
	return []randomRow{
		{"rand-4k-" + state + "-1", 4 << 10, 1, times * l.random},
		{"rand-4k-" + state + "-8", 4 << 10, 8, times * l.random},
		{"rand-128k-" + state + "-1", 128 << 10, 1, times * l.random / 4},
		{"rand-128k-" + state + "-8", 128 << 10, 8, times * l.random / 2},
	}
}

// offsets are the same for every system and repetition, aligned to pages as programs that map files or keep pages ask.
func (w randomRow) offsets(size int64) []int64 {
	rng := rand.New(rand.NewPCG(uint64(w.size), uint64(w.jobs)))
	out := make([]int64, w.count)
	for i := range out {
		out[i] = rng.Int64N((size-w.size)/pageSize) * pageSize
	}
	return out
}

func (s *stage) randomWarm(ctx context.Context) error {
	for _, w := range s.r.l.randomRows("warm", 50) {
		if !s.wants(w.name) {
			continue
		}
		if err := s.fill(ctx); err != nil {
			return err
		}
		if err := s.anew(ctx); err != nil {
			return err
		}
		s.row(ctx, w.name, s.random(w))
	}
	return nil
}

func (s *stage) randomCold(ctx context.Context) error {
	for _, w := range s.r.l.randomRows("cold", 1) {
		if err := s.cold(ctx, w.name, s.random(w)); err != nil {
			return err
		}
	}
	return nil
}

// random reads at the row's offsets; every job has a file handle and a buffer of its own.
func (s *stage) random(w randomRow) task {
	big := s.r.l.bigObject()
	offsets := w.offsets(big.size)
	return task{do: func(ctx context.Context) error {
		return each(ctx, w.jobs, w.jobs, func(job int) error {
			f, err := os.Open(s.path(big.key))
			if err != nil {
				return err
			}
			defer f.Close()
			buf := make([]byte, w.size)
			for i := job; i < len(offsets); i += w.jobs {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := s.r.readAt(f, big, buf, offsets[i], false); err != nil {
					return err
				}
			}
			return nil
		})
	}}
}

// check reads everything once more, unmeasured, in the way of each kind of row, and compares all bytes.
func (s *stage) check(ctx context.Context) error {
	if err := s.m.fresh(ctx); err != nil {
		return err
	}
	l := s.r.l
	big := l.bigObject()
	for _, off := range (randomRow{size: 128 << 10, jobs: 3, count: 20}).offsets(big.size) {
		f, err := os.Open(s.path(big.key))
		if err != nil {
			return err
		}
		err = s.r.readAt(f, big, make([]byte, 128<<10), off, true)
		f.Close()
		if err != nil {
			return err
		}
	}
	if err := s.readBig(ctx, true); err != nil {
		return err
	}
	if err := s.readFiles(ctx, append(l.mids(l.mid), l.smalls(l.smallFew)...), 8, true); err != nil {
		return err
	}
	if names, err := os.ReadDir(s.path("small")); err != nil || len(names) != l.small {
		return fmt.Errorf("%d names in the directory of %d (%v)", len(names), l.small, err)
	}
	return s.m.stop()
}
