package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
)

// Looks into the store, past the mount: is the result there, and is it right? On the native disk there is nothing to wait for.

type look func(context.Context) (bool, error)

// both holds when a and b hold.
func both(a, b look) look {
	if a == nil || b == nil {
		return nil
	}
	return func(ctx context.Context) (bool, error) {
		if ok, err := a(ctx); !ok || err != nil {
			return false, err
		}
		return b(ctx)
	}
}

// hasSize holds when key has that size; -1: when it is not there.
func (s *stage) hasSize(key string, size int64) look {
	if s.m.command == nil {
		return nil
	}
	return func(ctx context.Context) (bool, error) {
		got, err := s.r.raw.size(ctx, key)
		return got == size, err
	}
}

// hasKeys holds when so many objects are below dir.
func (s *stage) hasKeys(dir string, n int) look {
	if s.m.command == nil {
		return nil
	}
	return func(ctx context.Context) (bool, error) {
		keys, err := s.r.raw.keys(ctx, dir+"/")
		return len(keys) == n, err
	}
}

// hasPatch holds when key has that size and the patch at off.
func (s *stage) hasPatch(key string, off, size int64) look {
	sized := s.hasSize(key, size)
	if sized == nil {
		return nil
	}
	return both(sized, func(ctx context.Context) (bool, error) {
		p := make([]byte, pageSize)
		err := s.r.raw.get(ctx, key, p, off)
		return bytes.Equal(p, s.r.patchBytes(off)), err
	})
}

// compare reads an object through the raw client, or the native file, and compares every byte.
func (s *stage) compare(ctx context.Context, key string, id uint64, size int64) error {
	if s.m.command == nil {
		return s.r.readFile(ctx, s.path(key), object{key, id, size}, true)
	}
	return s.r.compare(ctx, key, id, size)
}

func (s *stage) compareSmall(ctx context.Context, dir string, n int) error {
	return each(ctx, n, 8, func(i int) error { return s.compare(ctx, smallKey(dir, i), newID+uint64(i), pageSize) })
}

// compare reads an object through the raw client and compares every byte, and that there is none more.
func (r *run) compare(ctx context.Context, key string, id uint64, size int64) error {
	w := &comparing{c: r.c, id: id}
	if err := r.raw.stream(ctx, key, w); err != nil {
		return err
	}
	if w.off != size {
		return fmt.Errorf("%s has %d bytes, not %d", key, w.off, size)
	}
	return nil
}

// comparing is a writer that compares what it is given with an object's content.
type comparing struct {
	c   *content
	id  uint64
	off int64
}

func (w *comparing) Write(p []byte) (int, error) {
	if err := w.c.check(w.id, p, w.off); err != nil {
		return 0, err
	}
	w.off += int64(len(p))
	return len(p), nil
}

// patchBytes is the page that change rows write at off.
func (r *run) patchBytes(off int64) []byte {
	p := make([]byte, pageSize)
	r.c.at(newID+1, p, off)
	return p
}

func (r *run) putSmall(ctx context.Context, dir string, i int) error {
	p := make([]byte, pageSize)
	r.c.at(newID+uint64(i), p, 0)
	return r.raw.put(ctx, smallKey(dir, i), p)
}

// writeNative writes one object as a file.
func (r *run) writeNative(path string, o object) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.ReadFrom(r.c.reader(o.id, o.size))
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
