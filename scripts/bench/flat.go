package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
)

// flatDir holds the objects of -flat: one directory, of a byte each, named as sequencing runs name samples. Empty ones would be another matter: each may be a Swift
// large object, so that a HEAD is due.
const flatDir = "flat/"

func flatKey(i int) string { return fmt.Sprintf(flatDir+"sample-%07d.fastq.gz", i) }

// flatBucket is kept for the next run: making half a million objects takes ten minutes.
func flatBucket(n int) string { return fmt.Sprintf("bench-flat-%d", n) }

// loadFlat makes the objects that are missing.
func (r *run) loadFlat(ctx context.Context) error {
	err := r.raw.core.MakeBucket(ctx, r.raw.bucket, minio.MakeBucketOptions{Region: region})
	if code := minio.ToErrorResponse(err).Code; err != nil && code != "BucketAlreadyOwnedByYou" && code != "BucketAlreadyExists" {
		return err
	}
	keys, err := r.raw.keys(ctx, flatDir)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(keys))
	for _, k := range keys {
		there[k] = true
	}
	r.say("%d of %d objects are in bucket %s", len(keys), r.o.flat, r.raw.bucket)
	return each(ctx, r.o.flat, 32, func(i int) error {
		if there[flatKey(i)] {
			return nil
		}
		return r.raw.put(ctx, flatKey(i), []byte{1})
	})
}

// flat lists the directory page by page, one after the other, as clients do.
func (s rawRows) flat(ctx context.Context) error {
	list := func(ctx context.Context) error {
		keys, err := s.r.raw.keys(ctx, flatDir)
		if err == nil && len(keys) != s.r.o.flat {
			err = fmt.Errorf("%d keys, not %d", len(keys), s.r.o.flat)
		}
		return err
	}
	return s.all(ctx, []rawStep{{name: "flat-ls-f", do: list}})
}

// flat is the scene of one directory of very many files.
func (s *stage) flat(ctx context.Context) error {
	n := s.r.o.flat
	for _, w := range []struct {
		name string
		do   func(context.Context) error
		warm bool // follows on the one before
	}{
		{"flat-first", s.firstName, false},
		{"flat-ls-f", func(ctx context.Context) error { return s.command(ctx, n+2, "ls", "-f", flatDir) }, false}, // . and ..
		{"flat-ls-f-again", func(ctx context.Context) error { return s.command(ctx, n+2, "ls", "-f", flatDir) }, true},
		{"flat-ls-l", func(ctx context.Context) error { return s.command(ctx, n+1, "ls", "-l", flatDir) }, false}, // the total
		{"flat-find", func(ctx context.Context) error { return s.command(ctx, n, "find", flatDir, "-type", "f") }, false},
		{"flat-scandir", s.scandir, false},
	} {
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

func (s *stage) firstName(context.Context) error {
	d, err := os.Open(s.path(flatDir))
	if err != nil {
		return err
	}
	defer d.Close()
	_, err = d.Readdirnames(1)
	return err
}

// scandir counts the files as Python programs do.
func (s *stage) scandir(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.r.o.interpreter(), "-c", "import os, sys; print(sum(e.is_file() for e in os.scandir(sys.argv[1])))", s.path(flatDir))
	cmd.Env = s.r.env()
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, firstLine(string(failed.Stderr)))
	}
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(string(out)); got != strconv.Itoa(s.r.o.flat) {
		return fmt.Errorf("os.scandir shows %s files, not %d", got, s.r.o.flat)
	}
	return nil
}

func flatRows() []row {
	return []row{
		{name: "flat-first", title: "first name of the directory of -flat objects, cold"},
		{name: "flat-ls-f", title: "ls -f of it, cold (raw: page after page)", base: "raw", bar: 3},
		{name: "flat-ls-f-again", title: "again"},
		{name: "flat-ls-l", title: "ls -l of it, cold", base: "raw", of: "flat-ls-f", peak: 512},
		{name: "flat-find", title: "find -type f in it, cold", base: "raw", of: "flat-ls-f"},
		{name: "flat-scandir", title: "Python's os.scandir and is_file, cold", base: "raw", of: "flat-ls-f"},
	}
}
