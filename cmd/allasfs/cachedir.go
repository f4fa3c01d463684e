package main

// This file chooses the cache folder of a mount.
//
// Every source of every store has a folder of its own below one place, so that mounts of different sources do not meet and a later mount
// of the same source finds its blocks and its drafts. Mounts of one source at the same time take NAME, NAME-2, NAME-3 and so on. A mount that
// finds drafts, or other work that was cut short, in any free one of these takes care of that: it works in the first such folder, and holds
// the other ones open beside it (leftover.go). A folder given by --cache-dir is taken or refused, never exchanged.

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"allasfs/cache"
	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs"
)

const (
	maxDefaultCache = 20 << 30 // bytes
	maxFolders      = 64       // mounts of one source by one user at a time
)

// cacheBase is the folder in which the cache folders of mounts lie: node-local disk in a batch job, else the user's cache folder.
func cacheBase(env func(string) string) (string, error) {
	uid := strconv.Itoa(control.OuterUser(os.Getuid()))
	if env("SLURM_JOB_ID") != "" {
		for _, name := range []string{"TMPDIR", "LOCAL_SCRATCH"} {
			if d := env(name); filepath.IsAbs(d) {
				return filepath.Join(d, "allasfs-cache-"+uid), nil
			}
		}
		return filepath.Join("/tmp", "allasfs-cache-"+uid), nil
	}
	if d := env("LOCAL_SCRATCH"); filepath.IsAbs(d) {
		return filepath.Join(d, "allasfs-cache-"+uid), nil
	}
	if d := env("XDG_CACHE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "allasfs"), nil
	}
	if d := env("HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, ".cache", "allasfs"), nil
	}
	if os.Getuid() == 0 {
		return "/var/cache/allasfs", nil // started by mount(8) or systemd
	}
	return "", exit.New(exit.Cache, "set HOME, or give --cache-dir", "there is no place for the cache: HOME is not set")
}

// cacheFolder names the folder of a source: readable to people, unique by a hash.
func cacheFolder(store string, src source) string {
	sum := sha256.Sum256([]byte(store + "\x00" + src.path()))
	host := store
	if u, err := url.Parse(store); err == nil && u.Host != "" {
		host = u.Host
		if u.Fragment != "" {
			host += "-" + u.Fragment
		}
	}
	name := strings.Map(func(r rune) rune {
		if r < 128 && (r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z') {
			return r
		}
		return '_'
	}, host+"-"+src.Bucket)
	if len(name) > 80 {
		name = name[:80]
	}
	return strings.Trim(name, "-.") + "-" + hex.EncodeToString(sum[:6])
}

// caches are the open cache folders of a mount: the one that it works in, and others in which earlier mounts left something, drafts above all.
type caches struct {
	main *cache.Cache
	left []*cache.Cache
	name string // of the store in what main gets
}

// close closes all of them.
func (c caches) close() error {
	var errs []error
	for _, x := range append([]*cache.Cache{c.main}, c.left...) {
		if x != nil {
			errs = append(errs, x.Close())
		}
	}
	return errors.Join(errs...)
}

// openCaches opens the cache folder of c, made if it is not there; names are those of the store, the preferred one first. The folder of another name is
// worked in when the preferred one has none, and held open beside it when an earlier mount left something in it.
func openCaches(c config, names []string, logger *slog.Logger) (caches, error) {
	if c.CacheDir != "" {
		one, err := openCache(c, c.CacheDir, logger)
		return caches{main: one, name: names[0]}, err
	}
	base, err := cacheBase(os.Getenv)
	if err != nil {
		return caches{}, err
	}
	if err := ownFolder(base); err != nil {
		return caches{}, err
	}
	return openNamed(c, base, presentFirst(base, names, c.Source), logger)
}

// presentFirst puts the first of the names that has a folder in base before the others.
func presentFirst(base string, names []string, src source) []string {
	for i, name := range names {
		if _, err := os.Lstat(filepath.Join(base, cacheFolder(name, src))); err == nil {
			return append([]string{name}, slices.Delete(slices.Clone(names), i, i+1)...)
		}
	}
	return names
}

// openNamed opens the folder of the first name, and those of the others in which an earlier mount left something.
func openNamed(c config, base string, names []string, logger *slog.Logger) (caches, error) {
	got, err := openNumbered(c, filepath.Join(base, cacheFolder(names[0], c.Source)), logger)
	got.name = names[0]
	for _, name := range names[1:] {
		dir := filepath.Join(base, cacheFolder(name, c.Source))
		if _, gone := os.Lstat(dir); gone != nil || err != nil {
			continue
		}
		var more caches
		if more, err = openNumbered(c, dir, logger); err != nil {
			return caches{}, errors.Join(err, got.close())
		}
		for _, one := range append([]*cache.Cache{more.main}, more.left...) {
			if fs.Unended(one, "") {
				got.left = append(got.left, one)
			} else {
				err = errors.Join(err, one.Close())
			}
		}
	}
	if err != nil {
		return caches{}, errors.Join(err, got.close())
	}
	return got, nil
}

// ownFolder makes base, and refuses one that somebody else could have laid out for us in a place where all may write.
func ownFolder(base string) error {
	if err := os.MkdirAll(base, 0o700); err != nil {
		return exit.New(exit.Cache, "give another place with --cache-dir", "the cache folder cannot be made: %w", err)
	}
	return checkOwn(base)
}

// checkOwn refuses what is no folder that this user alone may write to.
func checkOwn(base string) error {
	var st unix.Stat_t
	if err := unix.Lstat(base, &st); err != nil {
		return exit.New(exit.Cache, "", "the cache folder %s: %w", base, err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR && int(st.Uid) == os.Geteuid() && st.Mode&0o022 == 0 {
		return nil
	}
	return exit.New(exit.Cache, "give another place with --cache-dir", "the cache folder %s is not a directory that you alone may write to", base)
}

// openNumbered opens the folders NAME, NAME-2, … as the head of this file says.
func openNumbered(c config, name string, logger *slog.Logger) (caches, error) {
	var got caches
	for n := 1; n <= maxFolders; n++ {
		dir := name
		if n > 1 {
			dir = fmt.Sprintf("%s-%d", name, n)
		}
		if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) && got.main != nil {
			return got, nil // folders are made in order: no more of them
		}
		next, err := openCache(c, dir, logger)
		if errors.Is(err, cache.ErrInUse) {
			continue
		}
		if err != nil {
			return caches{}, errors.Join(err, got.close())
		}
		if err := got.take(next); err != nil {
			return caches{}, errors.Join(err, got.close())
		}
	}
	if got.main == nil {
		return caches{}, exit.New(exit.Cache, "end some of them, or give --cache-dir", "%d mounts of this source are running: no more cache folders", maxFolders)
	}
	return got, nil
}

// take decides what next is for: the first folder is worked in until one in which an earlier mount left something is found; further ones are kept only for that.
func (c *caches) take(next *cache.Cache) error {
	switch {
	case c.main == nil:
		c.main = next
	case !fs.Unended(next, ""):
		return next.Close()
	case !fs.Unended(c.main, ""):
		old := c.main
		c.main = next
		return old.Close()
	default:
		c.left = append(c.left, next)
	}
	return nil
}

// openCache opens one folder.
func openCache(c config, dir string, logger *slog.Logger) (*cache.Cache, error) {
	size := int64(c.CacheSize)
	if !c.SizeGiven {
		size = defaultCacheSize(dir)
	}
	one, err := cache.Open(cache.Options{Dir: dir, Size: size, Memory: blockMemory(c.Memory), DraftSpace: draftSpace(c, dir), Logger: logger})
	var inUse *cache.InUseError
	switch {
	case errors.As(err, &inUse):
		return nil, exit.New(exit.Cache, "give each mount a --cache-dir of its own, or leave it out", "the cache folder %s is in use by another mount (pid %d)", dir, inUse.PID).Because(err)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return nil, exit.New(exit.Cache, "make room, or give a folder on another disk with --cache-dir", "the disk of the cache folder is full: %w", err)
	case err != nil:
		return nil, refusedFolder(err)
	}
	return one, nil
}

// refusedFolder says why a cache folder is not taken, and what to do.
func refusedFolder(err error) error {
	remedy := "give another place with --cache-dir"
	if errors.Is(err, cache.ErrNotCache) {
		remedy = "give a folder with --cache-dir that is empty or not there yet: a cache folder is shut to other users"
	}
	return exit.New(exit.Cache, remedy, "the cache folder cannot be used: %w", err)
}

// defaultCacheSize is half of what is free on the disk of dir, counting what dir itself holds as free, and 20 GiB at most.
func defaultCacheSize(dir string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(filepath.Dir(dir), &st) != nil {
		return maxDefaultCache
	}
	free := int64(st.Bavail) * st.Bsize
	if free < 2*maxDefaultCache {
		free += usedBy(dir, 2*maxDefaultCache-free)
	}
	return min(free/2, maxDefaultCache)
}

// usedBy counts the bytes that dir takes on disk, as far as enough.
func usedBy(dir string, enough int64) int64 {
	var sum int64
	// What cannot be read is not counted.
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if fi, err := d.Info(); err == nil {
			if st, ok := fi.Sys().(*syscall.Stat_t); ok {
				sum += st.Blocks * 512
			}
		}
		if sum >= enough {
			return filepath.SkipAll
		}
		return nil
	})
	return sum
}
