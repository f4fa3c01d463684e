package fakes3

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The bodies that are sent in chunks, by their x-amz-content-sha256.
const (
	streamingSigned        = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"         // each chunk has a signature
	streamingSignedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" // and a checksum follows, signed as well
	streamingTrailer       = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"         // no signatures, a checksum follows
)

// maxChunk bounds the memory that a client can ask for with one line.
const maxChunk = 64 << 20

// chunkReader decodes aws-chunked and checks the signature of each chunk before it gives out its bytes.
type chunkReader struct {
	in      *bufio.Reader
	mode    string
	sign    signed            // signature of the chunk before
	trailer map[string]string // after io.EOF; lower-case names

	rest []byte // of the chunk at hand
	end  bool
}

// Read gives io.EOF after the last chunk and its trailer, an *apiError for what does not fit.
func (c *chunkReader) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.end {
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *chunkReader) next() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	length, extension, _ := strings.Cut(line, ";")
	size, err := strconv.ParseUint(length, 16, 63)
	if err != nil || size > maxChunk {
		return errIncompleteBody
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(c.in, data); err != nil {
		return err
	}
	if c.mode != streamingTrailer {
		if err := c.check(data, strings.TrimPrefix(extension, "chunk-signature=")); err != nil {
			return err
		}
	}
	if size == 0 {
		c.end = true
		return c.readTrailer()
	}
	c.rest = data
	_, err = c.line() // the empty rest of the line after the data
	return err
}

// line reads up to \r\n.
func (c *chunkReader) line() (string, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return "", io.ErrUnexpectedEOF
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// check compares a chunk with its signature, which also covers the one before.
func (c *chunkReader) check(data []byte, signature string) error {
	sum := sha256.Sum256(data)
	return c.compare("AWS4-HMAC-SHA256-PAYLOAD", hexSHA256("")+"\n"+hex.EncodeToString(sum[:]), signature)
}

func (c *chunkReader) compare(kind, hashes, signature string) error {
	want := sign(c.sign.key, kind+"\n"+c.sign.date+"\n"+c.sign.scope+"\n"+c.sign.signature+"\n"+hashes)
	if !hmac.Equal([]byte(want), []byte(signature)) {
		return errSignature
	}
	c.sign.signature = want
	return nil
}

// readTrailer reads the headers after the last chunk, up to the end of the body.
func (c *chunkReader) readTrailer() error {
	c.trailer = map[string]string{}
	text := ""
	for {
		line, err := c.line()
		if err != nil { // the end; some clients leave the last empty line out
			return c.checkTrailer(text)
		}
		name, value, found := strings.Cut(line, ":")
		if !found {
			continue
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		c.trailer[name] = value
		if name != "x-amz-trailer-signature" {
			text += name + ":" + value + "\n"
		}
	}
}

func (c *chunkReader) checkTrailer(text string) error {
	if c.mode != streamingSignedTrailer {
		return nil
	}
	return c.compare("AWS4-HMAC-SHA256-TRAILER", hexSHA256(text), c.trailer["x-amz-trailer-signature"])
}

// checkSums compares data with every x-amz-checksum-* header.
func checkSums(h http.Header, data []byte) error {
	for name, sum := range map[string]func() hash.Hash{
		"Crc32":     func() hash.Hash { return crc32.NewIEEE() },
		"Crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
		"Crc64nvme": func() hash.Hash { return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)) },
		"Sha1":      sha1.New,
		"Sha256":    sha256.New,
	} {
		want := h.Get("X-Amz-Checksum-" + name)
		if want == "" {
			continue
		}
		f := sum()
		f.Write(data)
		if base64.StdEncoding.EncodeToString(f.Sum(nil)) != want {
			return fail(400, "BadDigest")
		}
	}
	return nil
}
