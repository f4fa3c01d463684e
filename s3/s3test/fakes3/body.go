package fakes3

import (
	"bufio"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxPut = 5 << 30 // bytes of one PUT or part
	maxKey = 1024    // bytes of a key
)

func validUTF8Key(key string) bool { return len(key) <= maxKey && utf8.ValidString(key) }

// bodyReader reads the body of one request: slowed, spoilt, decoded and checked.
type bodyReader struct {
	s     *Server
	r     *http.Request
	pacer *pacer
	who   identity
	n     int64 // bytes read from the connection

	cutAt, stallAt int64 // bytes; -1 = never
	flip           bool  // store the last byte as another
}

func (s *Server) newBody(r *http.Request) *bodyReader {
	return &bodyReader{s: s, r: r, pacer: s.newPacer(r), cutAt: -1, stallAt: -1}
}

// expect sets how the body is signed. It refuses what the gateway does not know: signed trailers (HTTP with the new checksums of the AWS SDKs).
func (b *bodyReader) expect(who identity) error {
	b.who = who
	switch {
	case !strings.HasPrefix(who.payload, "STREAMING-"), who.payload == streamingSigned, who.payload == streamingTrailer:
		return nil
	case who.payload == streamingSignedTrailer && b.s.opts.trailers:
		return nil
	}
	return errSHA256Mismatch
}

// Read reads from the connection.
func (b *bodyReader) Read(p []byte) (int, error) {
	if b.pacer.capped() || b.cutAt >= 0 || b.stallAt >= 0 {
		p = p[:min(len(p), pieceSize)]
		for _, limit := range []int64{b.cutAt, b.stallAt} {
			if limit >= 0 {
				p = p[:min(int64(len(p)), limit-b.n)]
			}
		}
		if b.cutAt >= 0 && b.n >= b.cutAt {
			cut()
		}
		if b.stallAt >= 0 && b.n >= b.stallAt {
			b.s.stall(b.r)
		}
		b.pacer.pace(len(p))
	}
	n, err := b.r.Body.Read(p)
	b.n += int64(n)
	return n, err
}

// data reads the whole body, decodes it and checks it against every hash that the request names; sum is its MD5.
func (b *bodyReader) data() (data []byte, sum [md5.Size]byte, err error) {
	if b.inChunks() {
		data, err = b.chunked()
	} else {
		data, err = b.plain()
	}
	if err != nil {
		return nil, sum, err
	}
	sum = md5.Sum(data)
	if want := b.r.Header.Get("Content-MD5"); want != "" {
		if raw, err := base64.StdEncoding.DecodeString(want); err != nil || len(raw) != md5.Size {
			return nil, sum, fail(400, "InvalidDigest")
		}
		if have := base64.StdEncoding.EncodeToString(sum[:]); have != want {
			return nil, sum, fail(400, "BadDigest")
		}
	}
	if b.s.opts.trailers {
		if err := checkSums(b.r.Header, data); err != nil {
			return nil, sum, err
		}
	}
	if b.flip && len(data) > 0 {
		data[len(data)-1] ^= 0xff
		sum = md5.Sum(data)
	}
	return data, sum, nil
}

// inChunks reports whether the body is decoded. An unsigned trailer is not known without WithTrailers.
func (b *bodyReader) inChunks() bool {
	return strings.HasPrefix(b.who.payload, "STREAMING-") && (b.who.payload != streamingTrailer || b.s.opts.trailers)
}

func (b *bodyReader) plain() ([]byte, error) {
	size := b.r.ContentLength
	if size < 0 && b.r.Method == http.MethodPut && len(b.r.TransferEncoding) == 0 {
		return nil, fail(411, "MissingContentLength")
	}
	data, err := readSized(b, size)
	if err != nil {
		return nil, err
	}
	if want := b.who.payload; want != unsigned && want != streamingTrailer {
		have := sha256.Sum256(data)
		if hex.EncodeToString(have[:]) != want {
			return nil, errSHA256Mismatch
		}
	}
	return data, nil
}

// chunked decodes aws-chunked.
func (b *bodyReader) chunked() ([]byte, error) {
	size, err := strconv.ParseInt(b.r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
	if err != nil || size < 0 {
		return nil, fail(411, "MissingContentLength")
	}
	chunks := &chunkReader{in: bufio.NewReaderSize(b, pieceSize), mode: b.who.payload, sign: b.who.seed}
	data, err := readSized(chunks, size)
	if err != nil {
		return nil, err
	}
	for name, value := range chunks.trailer {
		b.r.Header.Set(name, value) // checked with the headers
	}
	return data, nil
}

// readSized reads exactly size bytes, or to the end where size is -1.
func readSized(r io.Reader, size int64) ([]byte, error) {
	if size > maxPut {
		return nil, fail(400, "EntityTooLarge")
	}
	if size < 0 {
		data, err := io.ReadAll(io.LimitReader(r, maxPut))
		return data, bodyError(err)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, bodyError(err)
	}
	var more [1]byte
	if n, err := r.Read(more[:]); n != 0 || !errors.Is(err, io.EOF) { // also makes the chunk reader see its last chunk and trailer
		if e := bodyError(err); e != nil {
			return nil, e
		}
		return nil, errIncompleteBody
	}
	return data, nil
}

// bodyError is what the client is told of a body that could not be read.
func bodyError(err error) error {
	var e *apiError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	}
	return errIncompleteBody
}
