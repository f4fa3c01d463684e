package s3

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
)

// errDetached answers a transport that reads a body whose try is over.
var errDetached = errors.New("the try is over")

// payload is the body of one try: it reads from the caller's bytes, hashes them as they go, and lets go of them when the try ends,
// for a transport may go on reading after RoundTrip has returned.
type payload struct {
	watch *watchdog
	size  int64
	sent  *atomic.Int64 // counts the bytes that are read for the transport, of all payloads of the kind; set before the first Read

	mu   sync.Mutex  // held while the caller's bytes are read
	src  io.ReaderAt // nil = detached
	off  int64       // read and hashed so far
	hash hash.Hash
	done func() // gives the hash back; nil = it was
	err  error  // of src
}

func newPayload(src io.ReaderAt, size int64, w *watchdog, s *sums) *payload {
	h, done := s.hashOf(size)
	return &payload{watch: w, src: src, size: size, hash: h, done: done}
}

func (p *payload) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.src == nil {
		return 0, errDetached
	}
	if p.off == p.size {
		return 0, io.EOF
	}
	if int64(len(b)) > p.size-p.off {
		b = b[:p.size-p.off]
	}
	n, err := p.src.ReadAt(b, p.off)
	p.hash.Write(b[:n])
	p.off += int64(n)
	p.sent.Add(int64(n))
	p.watch.touch()
	if n == len(b) {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	p.err = fmt.Errorf("%w: %w at %d of %d bytes", errBody, err, p.off, p.size)
	return n, p.err
}

// Close is the transport's; the bytes are let go of by detach.
func (p *payload) Close() error { return nil }

// detach waits for a read under way and forbids more. It returns the MD5 of what was sent in hexadecimal, "" if that is not all of it,
// and the error of the caller's bytes, if there was one.
func (p *payload) detach() (sum string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.src = nil
	if p.done == nil {
		return "", p.err
	}
	if p.off == p.size {
		sum = hex.EncodeToString(p.hash.Sum(nil))
	}
	p.done()
	p.done = nil
	return sum, p.err
}
