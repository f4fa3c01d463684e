package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
)

const (
	pageSize = 4 << 10
	tileSize = 1 << 20
)

// content makes and checks the bytes of every object: a random tile repeated, each page of which begins with the object's number and the
// page's offset, so that no page passes for another. Safe for concurrent use.
type content struct{ tile []byte }

func newContent() *content {
	tile := make([]byte, tileSize)
	rand.NewChaCha8([32]byte([]byte("allasfs benchmark, fixed content"))).Read(tile) // never fails
	return &content{tile: tile}
}

// at fills p with the bytes of object id from off on.
func (c *content) at(id uint64, p []byte, off int64) {
	for len(p) > 0 {
		page, within := off/pageSize*pageSize, off%pageSize
		n := min(int64(len(p)), pageSize-within)
		var buf [pageSize]byte
		copy(buf[:], c.tile[page%tileSize:])
		stamp(buf[:], id, page)
		copy(p[:n], buf[within:])
		p, off = p[n:], off+n
	}
}

// stampsOK tells whether each whole page in p carries the right stamp; p begins at off, a multiple of the page size.
func (c *content) stampsOK(id uint64, p []byte, off int64) bool {
	var want [16]byte
	for i := 0; i+len(want) <= len(p); i += pageSize {
		stamp(want[:], id, off+int64(i))
		if !bytes.Equal(p[i:i+len(want)], want[:]) {
			return false
		}
	}
	return true
}

// check compares every byte of p.
func (c *content) check(id uint64, p []byte, off int64) error {
	want := make([]byte, len(p))
	c.at(id, want, off)
	if bytes.Equal(p, want) {
		return nil
	}
	for i := range p {
		if p[i] != want[i] {
			return fmt.Errorf("object %d differs at byte %d", id, off+int64(i))
		}
	}
	return nil
}

func stamp(p []byte, id uint64, off int64) {
	binary.LittleEndian.PutUint64(p, id)
	binary.LittleEndian.PutUint64(p[8:], uint64(off))
}

// reader returns size bytes of object id, for uploads and for files.
func (c *content) reader(id uint64, size int64) *io.SectionReader {
	return io.NewSectionReader(contentReader{c, id}, 0, size)
}

type contentReader struct {
	c  *content
	id uint64
}

func (r contentReader) ReadAt(p []byte, off int64) (int, error) {
	r.c.at(r.id, p, off)
	return len(p), nil
}
