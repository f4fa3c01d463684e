package fs

import (
	"hash/crc32"
	"io"
	"sync"
)

// sum is a body with the CRC-32C of what the last try to send it has read, from its start on and in order.
type sum struct {
	src  io.ReaderAt
	mu   sync.Mutex // guards the rest: a try that was given up may still read
	next int64      // where the next read goes on
	crc  uint32
}

// ReadAt implements io.ReaderAt.
func (s *sum) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.src.ReadAt(p, off)
	s.mu.Lock()
	defer s.mu.Unlock()
	if off == 0 {
		s.next, s.crc = 0, 0
	}
	if off == s.next {
		s.next, s.crc = off+int64(n), crc32.Update(s.crc, castagnoli(), p[:n])
	}
	return n, err
}

// holds tells whether what was read was the n bytes that src has now.
func (s *sum) holds(src io.ReaderAt, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != n {
		return false
	}
	h := crc32.New(castagnoli())
	got, err := io.CopyBuffer(h, io.NewSectionReader(src, 0, n), make([]byte, 256<<10))
	return err == nil && got == n && h.Sum32() == s.crc
}
