package cache

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// scanWindow is how many bytes of a pack are read at once to find its entries.
const scanWindow = 256 << 10

// scanPacks opens the packs that an earlier daemon left and returns what is in them by name. Where that daemon ended without its index, or a pack
// is not as it was then, the entries are looked for in the pack itself. What is no pack of this format is removed.
func (c *Cache) scanPacks() (map[string]*slot, error) {
	names, err := filepath.Glob(filepath.Join(c.folder.path(packsDir), "*.pack"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	index := c.readPackIndex()
	all := map[string]*slot{}
	var dead []*slot
	add := func(name string, s *slot) {
		if old := all[name]; old != nil { // from a rename that a crash cut off, or an earlier time in the cache: the later one counts
			dead = append(dead, old)
		}
		all[name] = s
	}
	for _, path := range names {
		if err := c.openPack(filepath.Base(path), index, add); err != nil {
			return nil, err
		}
	}
	for _, s := range dead {
		c.kill(s)
	}
	for _, p := range c.packs.all {
		if p.slots == 0 {
			c.used -= p.bytes
			err = errors.Join(err, c.removePack(p))
		}
	}
	return all, err
}

// openPack opens one pack and tells add what is in it.
func (c *Cache) openPack(base string, index *packIndex, add func(string, *slot)) error {
	var no int64
	if _, err := fmt.Sscanf(base, "%d.pack", &no); err != nil || packName(no) != filepath.Join(packsDir, base) {
		return nil // not ours
	}
	c.packs.last = max(c.packs.last, no)
	f, err := c.folder.open(packName(no), os.O_RDWR)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EISDIR) {
		c.log.Warn("not a pack of the cache", "file", base, "err", err)
		return nil
	}
	if err != nil {
		return err
	}
	p, err := readPack(f, no, index, add)
	if err != nil {
		c.log.Warn("pack of the cache dropped", "file", base, "err", err)
		return errors.Join(f.Close(), c.folder.remove(packName(no)))
	}
	c.used += p.bytes
	c.packs.all[no] = p
	if no == c.packs.last {
		c.packs.active = p
	}
	return nil
}

// readPack finds out what is in a pack; add is told only of what can be found.
func readPack(f *os.File, no int64, index *packIndex, add func(string, *slot)) (*pack, error) {
	head := make([]byte, packHead)
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, err
	}
	salt, ok := decodePackHead(head)
	if !ok {
		return nil, errIndex
	}
	p := &pack{f: f, no: no, salt: salt, live: []uint8{1}}
	var found []namedSlot
	keep := func(name string, s *slot) { found = append(found, namedSlot{name, s}) }
	indexed := index.fill(p, keep)
	if !indexed {
		if err := p.scan(keep); err != nil {
			return nil, err
		}
	}
	for _, s := range found {
		p.count(s.slot)
	}
	if !indexed {
		if err := p.sweep(); err != nil {
			return nil, err
		}
	}
	var err error
	if p.bytes, err = onDisk(f); err != nil {
		return nil, err
	}
	if p.size, err = f.Seek(0, io.SeekEnd); err != nil {
		return nil, err
	}
	for _, s := range found {
		add(s.name, s.slot)
	}
	return p, nil
}

// scan finds the entries of a pack. What lies between them, and behind the last one, was taken out or torn, and is given back to the disk.
func (p *pack) scan(add func(string, *slot)) error {
	st, err := p.f.Stat()
	if err != nil {
		return err
	}
	w := window{f: p.f}
	p.end = packHead
	for off := int64(packHead); off+entryFixed < st.Size(); {
		b, err := w.at(off)
		if err != nil {
			return err
		}
		h, ok := decodeEntry(b, p.salt, off)
		if !ok || off+h.head+h.size > st.Size() {
			off = p.nextEntry(off + entryAlign)
			continue
		}
		add(h.id.name(), &slot{pack: p, off: off, head: h.head, size: h.size, sum: h.sum, used: h.used})
		off += h.length()
		p.end = off
	}
	if p.end < st.Size() {
		if err := p.f.Truncate(p.end); err != nil {
			return err
		}
	}
	return nil
}

// nextEntry is the first place from off on where an entry may stand: holes are skipped.
func (p *pack) nextEntry(off int64) int64 {
	if off%packPage != 0 {
		return off
	}
	data, err := unix.Seek(int(p.f.Fd()), off, unix.SEEK_DATA)
	switch {
	case err == unix.ENXIO:
		return 1 << 62 // nothing but a hole up to the end
	case err != nil || data < off:
		return off
	}
	return (data + entryAlign - 1) / entryAlign * entryAlign
}

// sweep makes holes of the pages that hold nothing.
func (p *pack) sweep() error {
	for page := 0; page < len(p.live); {
		from := page
		for page < len(p.live) && p.live[page] == 0 {
			page++
		}
		if to := int64(page) * packPage; from < page && to <= p.end {
			if err := p.punch(int64(from)*packPage, to); err != nil {
				return err
			}
		}
		page++
	}
	return nil
}

// window reads a file piece by piece.
type window struct {
	f   *os.File
	off int64 // of buf in the file
	buf []byte
}

// at returns what follows off: as much as an entry's head may take, or as the file has.
func (w *window) at(off int64) ([]byte, error) {
	if i := off - w.off; i >= 0 && i+headerSize <= int64(len(w.buf)) {
		return w.buf[i:], nil
	}
	if w.buf == nil {
		w.buf = make([]byte, scanWindow)
	}
	n, err := w.f.ReadAt(w.buf[:scanWindow], off)
	if n == 0 && err != nil {
		return nil, err
	}
	w.off, w.buf = off, w.buf[:n]
	return w.buf, nil
}
