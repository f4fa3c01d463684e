package powercut

import (
	"maps"
	"syscall"
)

const pageSize = 4096

// file is a file or directory; Disk.mu guards it.
type file struct {
	ino          uint64
	mode         uint32
	now, durable state
}

// state is what a file holds: pages that were never written are holes. Pages are shared between states, and never changed.
type state struct {
	size  int64
	pages map[int64]*[pageSize]byte
	names map[string]*file // of a directory
}

func (s state) clone() state {
	return state{size: s.size, pages: maps.Clone(s.pages), names: maps.Clone(s.names)}
}

func (f *file) isDir() bool { return f.mode&syscall.S_IFMT == syscall.S_IFDIR }

func (f *file) sync() { f.durable = f.now.clone() }

// cut goes back to what is durable, and so on below.
func (f *file) cut(path string, written func(string) bool) {
	if written != nil && written(path) {
		f.sync()
	}
	f.now = f.durable.clone()
	if f.isDir() && f.now.names == nil {
		f.now.names, f.durable.names = map[string]*file{}, map[string]*file{}
	}
	for name, child := range f.now.names {
		at := path + "/" + name
		if path == "." {
			at = name
		}
		child.cut(at, written)
	}
}

func (s *state) read(p []byte, off int64) int {
	n := int(max(0, min(int64(len(p)), s.size-off)))
	for done := 0; done < n; {
		at := off + int64(done)
		in := int(at % pageSize)
		part := p[done:min(n, done+pageSize-in)]
		if page := s.pages[at/pageSize]; page != nil {
			copy(part, page[in:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	return n
}

func (s *state) write(p []byte, off int64) {
	if s.pages == nil {
		s.pages = map[int64]*[pageSize]byte{}
	}
	for done := 0; done < len(p); {
		at := off + int64(done)
		page := new([pageSize]byte)
		if old := s.pages[at/pageSize]; old != nil {
			*page = *old
		}
		done += copy(page[at%pageSize:], p[done:])
		s.pages[at/pageSize] = page
	}
	s.size = max(s.size, off+int64(len(p)))
}

// punch makes a hole: whole pages go, the rest is cleared.
func (s *state) punch(off, n int64) {
	for end := off + n; off < end; {
		in := off % pageSize
		part := min(pageSize-in, end-off)
		if old := s.pages[off/pageSize]; old != nil && part < pageSize {
			page := *old
			clear(page[in : in+part])
			s.pages[off/pageSize] = &page
		} else {
			delete(s.pages, off/pageSize)
		}
		off += part
	}
}

func (s *state) truncate(size int64) {
	if size < s.size {
		end := (s.size + pageSize - 1) / pageSize * pageSize
		s.punch(size, end-size)
	}
	s.size = size
}

// seek is lseek(2) for SEEK_DATA (data) and SEEK_HOLE.
func (s *state) seek(off int64, data bool) (int64, syscall.Errno) {
	if off >= s.size {
		return 0, syscall.ENXIO
	}
	for at := off; at < s.size; at = (at/pageSize + 1) * pageSize {
		if (s.pages[at/pageSize] != nil) == data {
			return at, 0
		}
	}
	if data {
		return 0, syscall.ENXIO
	}
	return s.size, 0
}
