package cache

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// sealsName is the file of seals; it is there only while no daemon has the folder.
const sealsName = "blocks/sealed"

// seal is a data file as it was when all its blocks had been compared with their checksums. The file that still looks so, in the same boot of the
// machine, holds the same bytes: every change of a file changes its time of change, and a power cut ends the boot.
type seal struct {
	dev, ino  uint64
	size      int64
	sec, nsec int64 // st_ctim
}

func sealOf(f *os.File) (s seal, ok bool) {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return s, false
	}
	sec, nsec := st.Ctim.Unix()
	return seal{dev: st.Dev, ino: st.Ino, size: st.Size, sec: sec, nsec: nsec}, true
}

// bootID names this boot of the machine, "" when the kernel does not tell (proc(5), random/boot_id).
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// seal remembers that the files of a version that is being closed are right as they are. d is its files, not closed yet.
func (c *Cache) seal(v *version, d *diskFile) {
	if d.slot != nil {
		return
	}
	s, ok := sealOf(d.data)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok && !v.dead && v.loaded && v.allChecked() {
		c.seals[v.name] = s
	} else {
		delete(c.seals, v.name)
	}
}

// allChecked tells whether every block that is present was compared with its checksum.
func (v *version) allChecked() bool {
	for w := range v.present {
		if v.present[w].Load()&^v.checked[w].Load() != 0 {
			return false
		}
	}
	return true
}

// unseal takes what is present for right when the data file is as it was when it was sealed. The caller holds Cache.mu.
func (v *version) unseal(d *diskFile) {
	was, ok := v.c.seals[v.name]
	if !ok {
		return
	}
	delete(v.c.seals, v.name)
	if now, ok := sealOf(d.data); !ok || now != was {
		return
	}
	for w := range v.present {
		v.checked[w].Store(v.present[w].Load())
	}
}

// readSeals takes up the seals of the daemon before, and removes their file: they stand for the folder as it is now.
func (c *Cache) readSeals() {
	f, err := c.folder.open(sealsName, os.O_RDONLY)
	if err != nil {
		return
	}
	defer f.Close()
	if c.folder.remove(sealsName) != nil {
		return
	}
	in := bufio.NewScanner(f)
	if boot := bootID(); boot == "" || !in.Scan() || in.Text() != boot {
		return
	}
	for in.Scan() {
		var name string
		var s seal
		if _, err := fmt.Sscan(in.Text(), &name, &s.dev, &s.ino, &s.size, &s.sec, &s.nsec); err != nil {
			return
		}
		c.seals[name] = s
	}
}

// writeSeals leaves the seals of what is on disk to the next daemon, when nothing runs any more. Without them that compares the blocks again.
func (c *Cache) writeSeals() {
	c.mu.Lock()
	defer c.mu.Unlock()
	boot := bootID()
	if boot == "" || len(c.seals) == 0 {
		return
	}
	var b strings.Builder
	fmt.Fprintln(&b, boot)
	for name, s := range c.seals {
		if c.onDisk.Contains(name) || c.versions[name] != nil {
			fmt.Fprintln(&b, name, s.dev, s.ino, s.size, s.sec, s.nsec)
		}
	}
	const part = sealsName + ".part"
	if err := c.folder.replace(part, sealsName, []byte(b.String())); err != nil {
		c.log.Debug("seals of the cache", "err", err)
	}
}
