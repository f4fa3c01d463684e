package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// found is a version's files as the folder shows them.
type found struct {
	name        string
	bytes       int64
	used        time.Time
	data, index bool
	slot        *slot // in a pack instead
}

// scan makes the folders and lists what an earlier daemon left: the order of use is that of the index files' times. Halves of a version,
// from a crash between two steps, are removed. Damage of single files is no error.
func (c *Cache) scan() error {
	for _, dir := range []string{blocksDir, formatDir, packsDir, draftsDir, intentsDir} {
		if err := c.folder.mkdir(dir); err != nil {
			return err
		}
	}
	subs, err := os.ReadDir(c.folder.path(formatDir))
	if err != nil {
		return err
	}
	var all []*found
	for _, sub := range subs {
		if !sub.IsDir() || len(sub.Name()) != 2 {
			continue
		}
		part, err := c.scanDir(filepath.Join(formatDir, sub.Name()))
		if err != nil {
			return err
		}
		all = append(all, part...)
	}
	slots, err := c.scanPacks()
	if err != nil {
		return err
	}
	for name, s := range slots {
		all = append(all, &found{name: name, slot: s, used: time.Unix(0, s.used)})
	}
	slices.SortFunc(all, func(a, b *found) int { return a.used.Compare(b.used) })
	for _, f := range all {
		if f.slot == nil && slots[f.name] != nil { // both: the pack came later
			c.unlink(f.name)
			continue
		}
		c.onDisk.Add(f.name, &entry{bytes: f.bytes, slot: f.slot})
		c.used += f.bytes
	}
	c.makeRoom(0)
	return nil
}

// scanDir lists the pairs of one directory and removes the halves.
func (c *Cache) scanDir(dir string) ([]*found, error) {
	entries, err := os.ReadDir(c.folder.path(dir))
	if err != nil {
		return nil, err
	}
	pairs := map[string]*found{}
	for _, e := range entries {
		name, ext, ok := strings.Cut(e.Name(), ".")
		if !ok || ext != "idx" && ext != "data" || len(name) < 2 || name[:2] != filepath.Base(dir) {
			continue
		}
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !st.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return nil, err
		}
		if pairs[name] == nil {
			pairs[name] = &found{name: name}
		}
		pairs[name].add(st, ext == "data")
	}
	var all []*found
	for _, f := range pairs {
		if f.data && f.index {
			all = append(all, f)
		} else {
			c.unlink(f.name)
		}
	}
	return all, nil
}

func (f *found) add(st os.FileInfo, data bool) {
	f.bytes += st.Sys().(*syscall.Stat_t).Blocks * 512
	if data {
		f.data = true
		return
	}
	f.index, f.used = true, st.ModTime()
}
