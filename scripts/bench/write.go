package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// area is where this system writes: below it are keys of its own, on the native disk files of their own.
func (s *stage) area() string { return "new-" + s.m.name }

// writes is the scene of everything that changes the store. It leaves nothing there.
func (s *stage) writes(ctx context.Context) error {
	if !s.wants("write-seq", "write-4k", "write-seq-kernel", "write-4k-kernel", "create-1", "create-32", "create-back", "change-4k", "append-4k", "rename-big", "copy-big", "rename-dir", "rm-r") {
		return nil
	}
	defer s.clear(context.WithoutCancel(ctx))
	if err := s.m.fresh(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(s.path(s.area()), 0o755); err != nil {
		return err
	}
	s.writeBig(ctx, "write-seq", 1<<20)
	s.writeBig(ctx, "write-4k", 4<<10)
	s.create(ctx, "create-1", 1)
	s.create(ctx, "create-32", 32)
	if err := s.kernelWrites(ctx); err != nil {
		return err
	}
	if err := s.createBack(ctx); err != nil {
		return err
	}
	if err := s.changes(ctx); err != nil {
		return err
	}
	return s.moveTree(ctx)
}

// clear removes what the scene made, through the store, so that a broken mount cannot keep it.
func (s *stage) clear(ctx context.Context) {
	if s.m.command == nil {
		_ = os.RemoveAll(s.path(s.area()))
		return
	}
	if err := s.r.raw.removeAll(ctx, s.area()+"/"); err != nil {
		s.r.say("clear %s: %v", s.area(), err)
	}
}

func (s *stage) writeBig(ctx context.Context, name string, chunk int) {
	size := s.r.l.big
	key := s.area() + "/" + name
	s.row(ctx, name, task{
		do:      func(ctx context.Context) error { return s.writeFile(ctx, key, newID, size, chunk) },
		settled: s.hasSize(key, size),
		verify:  func(ctx context.Context) error { return s.compare(ctx, key, newID, size) },
	})
	_ = os.Remove(s.path(key)) // space for the next; clear makes sure of it
}

// kernelWrites writes the big file where the kernel collects small writes.
func (s *stage) kernelWrites(ctx context.Context) error {
	return s.remounted(ctx, "--kernel-writes", func() {
		s.writeBig(ctx, "write-seq-kernel", 1<<20)
		s.writeBig(ctx, "write-4k-kernel", 4<<10)
	}, "write-seq-kernel", "write-4k-kernel")
}

// remounted runs do, which measures rows, if any of these is wanted, on a mount of allasfs with one more flag.
func (s *stage) remounted(ctx context.Context, flag string, do func(), rows ...string) error {
	if s.m.name != "allasfs" || !s.wants(rows...) {
		return nil
	}
	s.m.extra = []string{flag}
	defer func() { s.m.extra = nil }()
	if err := s.m.fresh(ctx); err != nil {
		return err
	}
	do()
	s.m.extra = nil
	return s.m.fresh(ctx)
}

// writeFile writes a new file in writes of chunk bytes and closes it.
func (s *stage) writeFile(ctx context.Context, key string, id uint64, size int64, chunk int) error {
	f, err := os.Create(s.path(key))
	if err != nil {
		return err
	}
	buf := make([]byte, tileSize)
	for off := int64(0); off < size && err == nil; off += tileSize {
		buf = buf[:min(tileSize, size-off)]
		s.r.c.at(id, buf, off)
		for b := buf; len(b) > 0 && err == nil; b = b[min(chunk, len(b)):] {
			_, err = f.Write(b[:min(chunk, len(b))])
		}
		err = errors.Join(err, ctx.Err())
	}
	return errors.Join(err, f.Close())
}

// create makes many small files in a directory of its own.
func (s *stage) create(ctx context.Context, name string, parallel int) {
	dir := s.area() + "/" + name
	n := s.r.l.written
	s.row(ctx, name, task{
		do: func(ctx context.Context) error {
			if err := os.Mkdir(s.path(dir), 0o755); err != nil {
				return err
			}
			return each(ctx, n, parallel, func(i int) error { return s.writeFile(ctx, smallKey(dir, i), newID+uint64(i), pageSize, pageSize) })
		},
		settled: s.hasKeys(dir, n),
		verify:  func(ctx context.Context) error { return s.compareSmall(ctx, dir, n) },
	})
}

// createBack makes small files where close does not wait for the store, and waits for all of them at the end. Only allasfs has a command for that.
func (s *stage) createBack(ctx context.Context) error {
	const name = "create-back"
	dir, n := s.area()+"/"+name, s.r.l.written
	return s.remounted(ctx, "--write-back", func() {
		s.row(ctx, name, task{
			do: func(ctx context.Context) error {
				if err := os.Mkdir(s.path(dir), 0o755); err != nil {
					return err
				}
				err := each(ctx, n, 1, func(i int) error { return s.writeFile(ctx, smallKey(dir, i), newID+uint64(i), pageSize, pageSize) })
				if err != nil {
					return err
				}
				return s.command(ctx, -1, s.r.o.binary, "sync", s.m.dir)
			},
			settled: s.hasKeys(dir, n),
			verify:  func(ctx context.Context) error { return s.compareSmall(ctx, dir, n) },
		})
	}, name)
}

func smallKey(dir string, i int) string { return fmt.Sprintf("%s/%05d", dir, i) }

// changes works on a copy of the big object, which is in the store and not in the cache.
func (s *stage) changes(ctx context.Context) error {
	if !s.wants("change-4k", "append-4k", "rename-big", "copy-big") {
		return nil
	}
	key, moved, copied := s.area()+"/big", s.area()+"/moved", s.area()+"/copied"
	if err := s.seed(ctx, s.r.l.bigObject().key, key); err != nil {
		return err
	}
	size := s.r.l.big
	s.row(ctx, "change-4k", task{
		do:      func(context.Context) error { return s.patch(key, os.O_WRONLY, size/2) },
		settled: s.hasPatch(key, size/2, size),
	})
	if err := s.seed(ctx, s.r.l.bigObject().key, key); err != nil {
		return err
	}
	s.row(ctx, "append-4k", task{
		do:      func(context.Context) error { return s.patch(key, os.O_WRONLY|os.O_APPEND, size) },
		settled: s.hasPatch(key, size, size+pageSize),
	})
	if err := s.seed(ctx, s.r.l.bigObject().key, key); err != nil {
		return err
	}
	s.row(ctx, "rename-big", task{
		do:      func(context.Context) error { return os.Rename(s.path(key), s.path(moved)) },
		settled: both(s.hasSize(moved, size), s.hasSize(key, -1)),
		verify:  func(ctx context.Context) error { return s.compare(ctx, moved, bigID, size) },
	})
	if err := s.seed(ctx, s.r.l.bigObject().key, key); err != nil {
		return err
	}
	s.row(ctx, "copy-big", task{
		do:      func(ctx context.Context) error { return s.command(ctx, 0, "cp", key, copied) },
		settled: s.hasSize(copied, size),
		verify:  func(ctx context.Context) error { return s.compare(ctx, copied, bigID, size) },
	})
	return nil
}

// seed puts a copy of an object at key behind the mount's back, then starts it cold.
func (s *stage) seed(ctx context.Context, from, key string) error {
	if err := s.m.stop(); err != nil {
		return err
	}
	if s.m.command == nil {
		if err := s.command(ctx, 0, "cp", from, key); err != nil {
			return err
		}
	} else if err := s.r.raw.copy(ctx, from, key); err != nil {
		return err
	}
	return s.m.fresh(ctx)
}

// patch writes one page at off.
func (s *stage) patch(key string, flags int, off int64) error {
	f, err := os.OpenFile(s.path(key), flags, 0)
	if err != nil {
		return err
	}
	p := s.r.patchBytes(off)
	if flags&os.O_APPEND != 0 {
		_, err = f.Write(p)
	} else {
		_, err = f.WriteAt(p, off)
	}
	return errors.Join(err, f.Close())
}

// moveTree renames and removes a directory of small files, which this scene's first half or the raw client has made.
func (s *stage) moveTree(ctx context.Context) error {
	if !s.wants("rename-dir", "rm-r") {
		return nil
	}
	from, to := s.area()+"/tree", s.area()+"/tree-moved"
	if err := s.seedSmall(ctx, from); err != nil {
		return err
	}
	n := s.r.l.written
	s.row(ctx, "rename-dir", task{
		do:      func(context.Context) error { return os.Rename(s.path(from), s.path(to)) },
		settled: both(s.hasKeys(to, n), s.hasKeys(from, 0)),
		verify:  func(ctx context.Context) error { return s.compareSmall(ctx, to, n) },
	})
	s.clear(ctx) // a rename that failed half way
	if err := s.seedSmall(ctx, from); err != nil {
		return err
	}
	s.row(ctx, "rm-r", task{
		do:      func(ctx context.Context) error { return s.command(ctx, 0, "rm", "-r", filepath.FromSlash(from)) },
		settled: s.hasKeys(from, 0),
	})
	return nil
}

// seedSmall makes a directory of small files behind the mount's back, then starts it cold.
func (s *stage) seedSmall(ctx context.Context, dir string) error {
	if err := s.m.stop(); err != nil {
		return err
	}
	if s.m.command == nil {
		if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
			return err
		}
	}
	err := each(ctx, s.r.l.written, 16, func(i int) error {
		if s.m.command == nil {
			return s.writeFile(ctx, smallKey(dir, i), newID+uint64(i), pageSize, pageSize)
		}
		return s.r.putSmall(ctx, dir, i)
	})
	if err != nil {
		return err
	}
	return s.m.fresh(ctx)
}
