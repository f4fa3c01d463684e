package main

import (
	"context"
	"os"
)

// streams reads the big file in two more ways: by many programs at once, and in steps.
func (s *stage) streams(ctx context.Context) error {
	if err := s.cold(ctx, "streams-16", task{do: func(ctx context.Context) error { return s.readParts(ctx, 16) }}); err != nil {
		return err
	}
	return s.cold(ctx, "stride-1m", task{do: s.readStrides})
}

// readParts reads the big file by that many readers, each a part of its own from front to back in reads of 1 MiB, by a handle of its own.
func (s *stage) readParts(ctx context.Context, readers int) error {
	big := s.r.l.bigObject()
	share := (big.size/int64(readers) + 1<<20 - 1) >> 20 << 20
	return each(ctx, readers, readers, func(i int) error {
		f, err := os.Open(s.path(big.key))
		if err != nil {
			return err
		}
		defer f.Close()
		buf := make([]byte, 1<<20)
		for off := int64(i) * share; off < min(big.size, int64(i+1)*share); off += int64(len(buf)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.r.readAt(f, big, buf[:min(int64(len(buf)), big.size-off)], off, false); err != nil {
				return err
			}
		}
		return nil
	})
}

// strides are where a megabyte of every eight begins in the big file.
func (l layout) strides() []int64 {
	var out []int64
	for off := int64(0); off+1<<20 <= l.big; off += 8 << 20 {
		out = append(out, off)
	}
	return out
}

// readStrides reads them one after the other, as GDAL and HDF5 read tiles and chunks.
func (s *stage) readStrides(ctx context.Context) error {
	big := s.r.l.bigObject()
	f, err := os.Open(s.path(big.key))
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for _, off := range s.r.l.strides() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.r.readAt(f, big, buf, off, false); err != nil {
			return err
		}
	}
	return nil
}
