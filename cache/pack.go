package cache

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	packsDir = "blocks/packs1"
	packPage = 4096 // what a hole is cut in
)

// pack is one file of small versions, one after the other. Bytes are only added at its end and taken out as holes: a place in it never gets
// other bytes. Guarded by Cache.names; reading needs no lock.
type pack struct {
	f     *os.File
	no    int64
	salt  uint64
	end   int64   // where the next entry goes
	size  int64   // of the file, at least
	bytes int64   // on disk, as Cache.used counts them
	slots int     // entries
	live  []uint8 // of each page: the entries that have bytes in it
}

// slot is the place of a small version in a pack.
type slot struct {
	pack *pack
	off  int64 // of the entry's head
	head int64
	size int64 // bytes of the version
	sum  uint32

	// Guarded by Cache.mu.
	used    int64 // unix nanoseconds
	checked bool  // the bytes were compared with the checksum in this daemon's life, or sealed
	wrong   bool  // they were, and differ
}

func (s *slot) length() int64 { return entryLength(s.head, s.size) }

// body is where the version's bytes begin.
func (s *slot) body() int64 { return s.off + s.head }

func packName(no int64) string { return filepath.Join(packsDir, fmt.Sprintf("%08d.pack", no)) }

// pages rounds n bytes up to whole pages.
func pages(n int64) int64 { return (n + packPage - 1) / packPage * packPage }

// createPack makes an empty pack.
func createPack(fo *folder, no int64) (*pack, error) {
	var salt [8]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return nil, err
	}
	f, err := fo.open(packName(no), os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	p := &pack{f: f, no: no, salt: binary.LittleEndian.Uint64(salt[:]), end: packHead, bytes: packPage, live: []uint8{1}}
	if _, err := f.WriteAt(encodePackHead(p.salt), 0); err != nil {
		return nil, errors.Join(err, f.Close(), fo.remove(packName(no)))
	}
	return p, nil
}

// whole tells whether the file has all that was put into it.
func (p *pack) whole() bool {
	st, err := p.f.Stat()
	return err == nil && st.Size() >= p.size
}

// put adds an entry; h gets its length. After an error the pack is as it was.
func (p *pack) put(h *entryHead, body [][]byte) (*slot, error) {
	head, err := h.encode(p.salt, p.end)
	if err != nil {
		return nil, err
	}
	vec := append(make([][]byte, 0, len(body)+1), head)
	if err := pwritev(p.f, append(vec, body...), p.end); err != nil {
		return nil, errors.Join(err, p.f.Truncate(p.end))
	}
	s := &slot{pack: p, off: p.end, head: h.head, size: h.size, sum: h.sum, used: h.used, checked: true}
	before := pages(p.end)
	p.size = s.body() + s.size
	p.end += s.length()
	p.bytes += pages(p.end) - before
	p.count(s)
	return s, nil
}

// count makes an entry one of the pack's.
func (p *pack) count(s *slot) {
	p.slots++
	last := (s.off + s.length() - 1) / packPage
	for int64(len(p.live)) <= last {
		p.live = append(p.live, 0)
	}
	for page := s.off / packPage; page <= last; page++ {
		p.live[page]++
	}
}

// kill takes an entry out: its head first, so that a later daemon does not find it, then the pages that hold nothing else. The bytes that the
// disk got back are no longer in p.bytes. A disk that knows no holes gives nothing back before the whole pack goes.
func (p *pack) kill(s *slot) error {
	p.slots--
	first, last := s.off/packPage, (s.off+s.length()-1)/packPage
	from := last + 1
	to := first
	for page := first; page <= last; page++ {
		p.live[page]--
		if p.live[page] == 0 && (page+1)*packPage <= p.end {
			from, to = min(from, page), page+1
		}
	}
	if p.slots == 0 {
		return nil // the pack goes
	}
	var err error
	if from > first {
		_, err = p.f.WriteAt(make([]byte, len(entryMagic)), s.off)
	}
	if from < to {
		err = errors.Join(err, p.punch(from*packPage, to*packPage))
	}
	return err
}

// punch makes a hole of whole pages, none of which is one already.
func (p *pack) punch(from, to int64) error {
	err := unix.Fallocate(int(p.f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, to-from)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "punch", Path: p.f.Name(), Err: err}
	}
	p.bytes = max(p.bytes-(to-from), 0)
	return nil
}

// id reads the ID of an entry.
func (p *pack) id(s *slot) (id ID, ok bool) {
	b := make([]byte, s.head)
	if _, err := p.f.ReadAt(b, s.off); err != nil {
		return id, false
	}
	h, ok := decodeEntry(b, p.salt, s.off)
	return h.id, ok
}
