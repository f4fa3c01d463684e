package mount

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"allasfs/cache"
)

// TestReadingWithoutDiskCache: memory only is enough for every pattern, and a cold read costs no more.
func TestReadingWithoutDiskCache(t *testing.T) {
	for _, p := range patterns() {
		t.Run(p.name, func(t *testing.T) {
			m := newMount(t, func(s *setup) { s.cache.Size = 0 })
			data := randomBytes(int(p.size))
			m.put("d/f", string(data))
			m.s3.ResetCounts()
			m.readPattern(t, p, data)
			if gets, bytes := m.got(); gets > 2*p.gets || bytes > 2*p.bytes {
				t.Errorf("%d GETs of %d bytes, want at most twice %d of %d", gets, bytes, p.gets, p.bytes)
			}
		})
	}
}

// TestReadingWithFullCacheDisk: a disk that holds less than the cache was promised costs caching, not the read.
func TestReadingWithFullCacheDisk(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("no small disk can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	t.Run("read", func(t *testing.T) { // unmounted before the disk is
		m := newMount(t, func(s *setup) { s.cache = cache.Options{Dir: filepath.Join(disk, "cache"), Size: 64 << 20} })
		data := randomBytes(int(16*mib + 3))
		m.put("d/f", string(data))
		for range 2 {
			for _, reads := range []func(int64) [][]extent{cursors(1, mib), random(4, 20, 20*kib), cursors(8, 256*kib)} {
				m.readPattern(t, pattern{size: int64(len(data)), reads: reads}, data)
				m.forget(t, "d/f")
			}
		}
	})
}

// TestReadingWithDamagedCache: blocks that were changed, cut off or removed under the mount are fetched again, never shown.
func TestReadingWithDamagedCache(t *testing.T) {
	for name, damage := range map[string]func(path string, size int64) error{
		"cut":     func(path string, size int64) error { return os.Truncate(path, size/2) },
		"emptied": func(path string, _ int64) error { return os.Truncate(path, 0) },
		"removed": func(path string, _ int64) error { return os.Remove(path) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMount(t)
			data := randomBytes(int(6*mib + 3))
			m.put("d/f", string(data))
			whole := pattern{size: int64(len(data)), reads: cursors(1, mib)}
			m.readPattern(t, whole, data)
			m.forget(t, "d/f")
			p := make([]byte, 20)
			if !eventually(func() bool { // what is cut while the last block is being written cannot be told
				n, err := unix.Getxattr(m.path("d/f"), "user.allasfs.cached", p)
				return err == nil && string(p[:n]) == strconv.Itoa(len(data)) && m.cache.Stats().Memory == 0 // all of it on the disk
			}) {
				t.Fatalf("%s bytes are cached", p)
			}
			spoilt := 0
			ok(t, eachFile(m.cacheDir, func(path string, size int64) error {
				if size < mib {
					return nil
				}
				spoilt++
				return damage(path, size)
			}))
			if spoilt == 0 {
				t.Fatal("no file of the cache was found")
			}
			m.readPattern(t, pattern{size: whole.size, reads: random(4, 20, 20*kib)}, data)
			m.readPattern(t, whole, data)
		})
	}
}

func eachFile(dir string, f func(path string, size int64) error) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return f(path, info.Size())
	})
}
