package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// syncDrafts makes the names of drafts durable, and once those of the directories above that may be new.
func (c *Cache) syncDrafts() error {
	if err := c.folder.syncNames(); err != nil {
		return err
	}
	return syncDir(c.folder.path(draftsDir))
}

// syncNames makes the names durable that lead to the drafts' directory. It does so once.
func (fo *folder) syncNames() error {
	fo.naming.Lock()
	defer fo.naming.Unlock()
	if fo.named {
		return nil
	}
	for _, dir := range append([]string{fo.dir}, fo.parents...) {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	fo.named = true
	return nil
}

func syncDir(path string) error {
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// parentsOfMissing are the directories that get a new name when dir is made with all that leads to it; none when it is there.
func parentsOfMissing(dir string) (parents []string) {
	for {
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			return parents
		}
		up := filepath.Dir(dir)
		if up == dir {
			return parents
		}
		dir = up
		parents = append(parents, dir)
	}
}

// doubt looks for local bytes that never came to the disk: a power cut leaves holes there, which would be sent as zeros. A draft that has some, and that was
// to be sent, waits for `allasfs recover` and says so. (A disk that makes holes of zeros that were written, as ZFS may, leaves such files to that too.)
func (d *Draft) doubt() {
	at, lost := d.lostAt()
	if !lost {
		return
	}
	d.c.log.Error("a draft lost bytes in a power cut", "draft", d.id, "bucket", d.d.target.Bucket, "key", d.d.target.Key, "at", at)
	state := d.d.state
	if state == StateClosed {
		state = StateConflict
	}
	if err := d.SetState(state, fmt.Sprintf("bytes from %d on were lost: the machine stopped before they were on its disk", at)); err != nil {
		d.c.log.Error("journal of a draft", "draft", d.id, "err", err)
	}
}

// lostAt is the first local byte that the data file does not hold.
func (d *Draft) lostAt() (at int64, lost bool) {
	if d.data == nil { // the journal's records have the bytes, with their checksums
		return 0, false
	}
	if d.d.direct {
		return d.lostDirect()
	}
	for _, p := range d.t.pieces {
		if p.Kind != Local {
			continue
		}
		if at, lost := holeIn(d.data, p.Off, p.Len); lost {
			return at, true
		}
	}
	return 0, false
}

// holeIn finds the first hole in [off, off+n) of a file. Where the file system does not tell, there is none.
func holeIn(f *os.File, off, n int64) (at int64, found bool) {
	at, err := unix.Seek(int(f.Fd()), off, unix.SEEK_HOLE)
	if errors.Is(err, unix.ENXIO) { // behind the end
		return off, true
	}
	return at, err == nil && at < off+n
}
