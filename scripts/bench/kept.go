package main

import (
	"context"
	"fmt"

	"github.com/minio/minio-go/v7"
)

// kept is data that takes minutes to make, and so stays for the next run: n objects of a byte each below dir. It is measured alone. Empty objects would be
// another matter: each may be a Swift large object, so that a HEAD is due.
type kept struct {
	name  string // its rows begin with name and "-"
	title string
	n     int
	dir   string
	key   func(i int) string
	raw   string // the row of the raw client: dir page by page, one after the other, as clients do
	scene func(*stage, context.Context) error
}

func (k *kept) bucket() string { return fmt.Sprintf("bench-%s-%d", k.name, k.n) }

// loadKept makes the objects that are missing.
func (r *run) loadKept(ctx context.Context) error {
	k := r.o.kept
	err := r.raw.core.MakeBucket(ctx, r.raw.bucket, minio.MakeBucketOptions{Region: region})
	if code := minio.ToErrorResponse(err).Code; err != nil && code != "BucketAlreadyOwnedByYou" && code != "BucketAlreadyExists" {
		return err
	}
	keys, err := r.raw.keys(ctx, k.dir)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(keys))
	for _, key := range keys {
		there[key] = true
	}
	r.say("%d of %d objects are in bucket %s", len(keys), k.n, r.raw.bucket)
	return each(ctx, k.n, 32, func(i int) error {
		if there[k.key(i)] {
			return nil
		}
		return r.raw.put(ctx, k.key(i), []byte{1})
	})
}

func (s rawRows) kept(ctx context.Context) error {
	k := s.r.o.kept
	list := func(ctx context.Context) error {
		keys, err := s.r.raw.keys(ctx, k.dir)
		if err == nil && len(keys) != k.n {
			err = fmt.Errorf("%d keys, not %d", len(keys), k.n)
		}
		return err
	}
	return s.all(ctx, []rawStep{{name: k.raw, do: list}})
}

// keptRow is one measurement of kept data on a mount.
type keptRow struct {
	name string
	do   func(context.Context) error
	warm bool // follows on the one before; else the mount knows nothing
}

func (s *stage) keptRows(ctx context.Context, list []keptRow) error {
	for _, w := range list {
		if !s.wants(w.name) {
			continue
		}
		if !w.warm {
			if err := s.m.fresh(ctx); err != nil {
				return err
			}
		}
		s.row(ctx, w.name, task{do: w.do})
	}
	return nil
}
