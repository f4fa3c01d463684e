package fakes3

import (
	"io"
	"strconv"
)

// blob is a run of bytes in pieces that never change, so that copies and ranges share them.
type blob struct {
	parts [][]byte
	size  int64
}

func newBlob(parts ...[]byte) blob {
	var b blob
	for _, p := range parts {
		b.append(p)
	}
	return b
}

// repeated returns size bytes of pattern over and over.
func repeated(pattern []byte, size int64) blob {
	var b blob
	for b.size < size {
		b.append(pattern[:min(int64(len(pattern)), size-b.size)])
	}
	return b
}

func (b *blob) append(p []byte) {
	if len(p) > 0 {
		b.parts = append(b.parts, p)
		b.size += int64(len(p))
	}
}

// join returns the bytes of several blobs one after the other.
func join(blobs ...blob) blob {
	var all blob
	for _, b := range blobs {
		all.parts = append(all.parts, b.parts...)
		all.size += b.size
	}
	return all
}

// slice returns the bytes [off, off+n) as far as they exist.
func (b blob) slice(off, n int64) blob {
	var out blob
	for _, p := range b.parts {
		if n <= 0 {
			break
		}
		if off >= int64(len(p)) {
			off -= int64(len(p))
			continue
		}
		p = p[off:]
		off = 0
		p = p[:min(int64(len(p)), n)]
		n -= int64(len(p))
		out.append(p)
	}
	return out
}

// bytes returns the whole as one slice, without a copy where it is one piece.
func (b blob) bytes() []byte {
	if len(b.parts) == 1 {
		return b.parts[0]
	}
	all := make([]byte, 0, b.size)
	for _, p := range b.parts {
		all = append(all, p...)
	}
	return all
}

// WriteTo writes all bytes to w.
func (b blob) WriteTo(w io.Writer) (int64, error) {
	var done int64
	for _, p := range b.parts {
		n, err := w.Write(p)
		done += int64(n)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
