package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/minio/minio-go/v7"
)

// rawRows does the rows of one scene with the raw client.
type rawRows struct{ r *run }

// all runs the steps one after the other.
func (s rawRows) all(ctx context.Context, steps []rawStep) error {
	for _, w := range steps {
		if !s.r.o.wants(w.name) || ctx.Err() != nil {
			continue
		}
		if err := dropCaches(); err != nil {
			return err
		}
		if w.prep != nil {
			if err := w.prep(ctx); err != nil {
				return err
			}
		}
		s.r.record(w.name, "raw", s.r.measure(ctx, os.Getpid(), task{do: w.do}))
	}
	return nil
}

type rawStep struct {
	name string
	do   func(context.Context) error
	prep func(context.Context) error // not measured; nil = nothing
}

// reads does everything with the big object. That of read-seq-cold is chosen among the ranges by the report.
func (s rawRows) reads(ctx context.Context) error {
	l := s.r.l
	big := l.bigObject()
	steps := []rawStep{
		{name: "raw-get-1", do: func(ctx context.Context) error { return s.r.raw.stream(ctx, big.key, io.Discard) }},
		{name: "raw-get-8", do: s.ranges(8)}, {name: "raw-get-16", do: s.ranges(16)}, {name: "raw-get-32", do: s.ranges(32)},
		{name: "first-byte", do: func(ctx context.Context) error { return s.rangeGet(ctx, big, pageSize, big.size/2) }},
		{name: "raw-128k", do: s.firsts(128 << 10)}, {name: "first-4k", do: s.firsts(pageSize)},
	}
	strides := l.strides()
	steps = append(steps, rawStep{name: "stride-1m", do: func(ctx context.Context) error {
		return each(ctx, len(strides), 8, func(i int) error { return s.rangeGet(ctx, big, 1<<20, strides[i]) })
	}})
	for _, w := range l.randomRows("cold", 1) {
		offsets := w.offsets(big.size)
		steps = append(steps, rawStep{name: w.name, do: func(ctx context.Context) error {
			return each(ctx, w.count, w.jobs, func(i int) error { return s.rangeGet(ctx, big, w.size, offsets[i]) })
		}})
	}
	return s.all(ctx, steps)
}

// firsts reads n bytes from the middle of each of a few files.
func (s rawRows) firsts(n int64) func(context.Context) error {
	l := s.r.l
	return func(ctx context.Context) error {
		return each(ctx, l.first, 1, func(i int) error { return s.rangeGet(ctx, l.midObject(i), n, int64(l.midBytes)/2) })
	}
}

func (s rawRows) rangeGet(ctx context.Context, o object, n, off int64) error {
	p := make([]byte, n)
	if err := s.r.raw.get(ctx, o.key, p, off); err != nil {
		return err
	}
	return s.stamps(o, p, off)
}

func (s rawRows) stamps(o object, p []byte, off int64) error {
	if !s.r.c.stampsOK(o.id, p, off) {
		return fmt.Errorf("wrong bytes in %s at %d", o.key, off)
	}
	return nil
}

// ranges downloads the big object by ranges of 8 MiB, parallel at a time, to a file on the disk of the caches.
func (s rawRows) ranges(parallel int) func(context.Context) error {
	const size = 8 << 20
	return func(ctx context.Context) error {
		big := s.r.l.bigObject()
		path := filepath.Join(s.r.dir, "raw-download")
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer os.Remove(path)
		defer f.Close()
		buffers := make(chan []byte, parallel)
		for range parallel {
			buffers <- make([]byte, size)
		}
		return each(ctx, int((big.size+size-1)/size), parallel, func(i int) error {
			buf := <-buffers
			defer func() { buffers <- buf }()
			off := int64(i) * size
			p := buf[:min(size, big.size-off)]
			if err := s.r.raw.get(ctx, big.key, p, off); err != nil {
				return err
			}
			if err := s.stamps(big, p, off); err != nil {
				return err
			}
			_, err := f.WriteAt(p, off)
			return err
		})
	}
}

func (s rawRows) many(ctx context.Context) error {
	l := s.r.l
	return s.all(ctx, []rawStep{
		{name: "mid-1", do: s.whole(l.mids(l.mid), 1)}, {name: "mid-8", do: s.whole(l.mids(l.mid), 8)},
		{name: "small-1", do: s.whole(l.smalls(l.smallFew), 1)}, {name: "small-8", do: s.whole(l.smalls(l.smallFew), 16)},
		{name: "small-all", do: s.whole(l.smalls(l.small), 16)},
	})
}

// whole gets whole objects, parallel at a time.
func (s rawRows) whole(list []object, parallel int) func(context.Context) error {
	return func(ctx context.Context) error {
		return each(ctx, len(list), parallel, func(i int) error { return s.rangeGet(ctx, list[i], list[i].size, 0) })
	}
}

func (s rawRows) lists(ctx context.Context) error {
	list := func(prefix string, want int) func(context.Context) error {
		return func(ctx context.Context) error {
			keys, err := s.r.raw.keys(ctx, prefix)
			if err == nil && len(keys) != want {
				err = fmt.Errorf("%d keys, not %d", len(keys), want)
			}
			return err
		}
	}
	small := list("small/", s.r.l.small)
	return s.all(ctx, []rawStep{{name: "ls-f", do: small}, {name: "ls-l", do: small}, {name: "find", do: list("tree/", s.r.l.tree)}})
}

func (s rawRows) writes(ctx context.Context) error {
	defer func() {
		if err := s.r.raw.removeAll(context.WithoutCancel(ctx), "new-raw/"); err != nil {
			s.r.say("clear new-raw: %v", err)
		}
	}()
	const big, tree, moved = "new-raw/big", "new-raw/tree", "new-raw/tree-moved"
	size := s.r.l.big
	middle := size / 2 / partSize * partSize
	seed := func(ctx context.Context) error { return s.r.raw.copy(ctx, s.r.l.bigObject().key, big) }
	replace := func(off int64) func(context.Context) error {
		return func(ctx context.Context) error { return s.r.raw.replace(ctx, big, size, s.r.patchBytes(off), off) }
	}
	return s.all(ctx, []rawStep{
		{name: "write-seq", do: s.uploadFile, prep: s.readNative},
		{name: "create-1", do: s.putAll("new-raw/one", 1)},
		{name: "create-32", do: s.putAll("new-raw/many", 32)},
		{name: "change-4k", do: replace(middle), prep: seed},
		{name: "append-4k", do: replace(size), prep: seed},
		{name: "rename-big", do: func(ctx context.Context) error { return s.move(ctx, big, "new-raw/moved") }, prep: seed},
		{name: "copy-big", do: func(ctx context.Context) error { return s.r.raw.copy(ctx, s.r.l.bigObject().key, "new-raw/copied") }},
		{name: "rename-dir", do: func(ctx context.Context) error { return s.moveTree(ctx, tree, moved) }, prep: s.putAll(tree, 16)},
		{name: "rm-r", do: func(ctx context.Context) error { return s.r.raw.removeAll(ctx, moved+"/") }, prep: s.putAll(moved, 16)},
	})
}

// readNative brings the file into the page cache: what programs write to a mount comes from memory too.
func (s rawRows) readNative(ctx context.Context) error {
	big := s.r.l.bigObject()
	return s.r.readFile(ctx, filepath.Join(s.r.nativeDir(), filepath.FromSlash(big.key)), big, false)
}

// uploadFile sends the big file of the native disk, 8 parts at a time.
func (s rawRows) uploadFile(ctx context.Context) error {
	f, err := os.Open(filepath.Join(s.r.nativeDir(), filepath.FromSlash(s.r.l.bigObject().key)))
	if err != nil {
		return err
	}
	defer f.Close()
	return s.r.raw.upload(ctx, "new-raw/seq", f, s.r.l.big, 8)
}

func (s rawRows) putAll(dir string, parallel int) func(context.Context) error {
	return func(ctx context.Context) error {
		return each(ctx, s.r.l.written, parallel, func(i int) error { return s.r.putSmall(ctx, dir, i) })
	}
}

func (s rawRows) move(ctx context.Context, from, to string) error {
	if err := s.r.raw.copy(ctx, from, to); err != nil {
		return err
	}
	return s.r.raw.core.RemoveObject(ctx, s.r.raw.bucket, from, minio.RemoveObjectOptions{})
}

// moveTree renames every object below a directory: copies 32 at a time, then bulk deletes.
func (s rawRows) moveTree(ctx context.Context, from, to string) error {
	err := each(ctx, s.r.l.written, 32, func(i int) error { return s.r.raw.copy(ctx, smallKey(from, i), smallKey(to, i)) })
	if err != nil {
		return err
	}
	return s.r.raw.removeAll(ctx, from+"/")
}
