package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
)

// The index of a version is a header of headerSize bytes and a record of recordSize bytes a block.
const (
	indexMagic = "allasfs\x01" // the last byte is the format
	headerSize = 2048
	recordSize = 8
)

var errIndex = errors.New("not an index of this version")

// castagnoli is read only: the polynomial that processors compute.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// name is the file name of a version: a hash, so that no key can leave the folder, whatever is in it.
func (id ID) name() string {
	h := sha256.New()
	var n [4]byte
	for _, s := range []string{id.Store, id.Bucket, id.Key, id.ETag} {
		binary.LittleEndian.PutUint32(n[:], uint32(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// header is what an index says of its version.
type header struct {
	id        ID
	size      int64 // of the object
	blockSize int64
	salt      uint64 // random; records of another file that end up here do not fit
}

// encode makes the header's bytes; an ID too long for it is an error, and that version is not kept on disk.
func (h header) encode() ([]byte, error) {
	b := make([]byte, 0, headerSize)
	b = append(b, indexMagic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.size))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.blockSize))
	b = binary.LittleEndian.AppendUint64(b, h.salt)
	for _, s := range []string{h.id.Store, h.id.Bucket, h.id.Key, h.id.ETag} {
		b = appendString(b, s)
	}
	if len(b) > headerSize-4 {
		return nil, fmt.Errorf("name of the version too long: %d bytes", len(b))
	}
	b = b[:headerSize]
	binary.LittleEndian.PutUint32(b[headerSize-4:], checksum(b[:headerSize-4]))
	return b, nil
}

// decodeHeader is encode's inverse; errIndex for anything else, torn writes included.
func decodeHeader(b []byte) (h header, err error) {
	if len(b) != headerSize || string(b[:len(indexMagic)]) != indexMagic ||
		binary.LittleEndian.Uint32(b[headerSize-4:]) != checksum(b[:headerSize-4]) {
		return h, errIndex
	}
	d := decoder{b: b[len(indexMagic) : headerSize-4]}
	h.size, h.blockSize, h.salt = d.int64(), d.int64(), d.uint64()
	h.id = ID{Store: d.string(), Bucket: d.string(), Key: d.string(), ETag: d.string()}
	if d.bad {
		return h, errIndex
	}
	return h, nil
}

// appendRecord adds the record of a block: its checksum, and a tag by which a torn or foreign record is told from a right one.
func appendRecord(b []byte, salt uint64, block int64, sum uint32) []byte {
	b = binary.LittleEndian.AppendUint32(b, sum)
	return binary.LittleEndian.AppendUint32(b, recordTag(salt, block, sum))
}

// decodeRecord returns the checksum of a block; ok is false where the index holds none.
func decodeRecord(b []byte, salt uint64, block int64) (sum uint32, ok bool) {
	sum = binary.LittleEndian.Uint32(b)
	return sum, binary.LittleEndian.Uint32(b[4:]) == recordTag(salt, block, sum)
}

// recordTag is never 0, so that a hole in the index is no record.
func recordTag(salt uint64, block int64, sum uint32) uint32 {
	var b [20]byte
	binary.LittleEndian.PutUint64(b[:], salt)
	binary.LittleEndian.PutUint64(b[8:], uint64(block))
	binary.LittleEndian.PutUint32(b[16:], sum)
	return max(checksum(b[:]), 1)
}

// recordOff is where the record of a block stands in the index.
func recordOff(block int64) int64 { return headerSize + block*recordSize }
