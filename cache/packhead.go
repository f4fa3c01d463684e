package cache

import (
	"encoding/binary"
	"fmt"
)

// A pack begins with a head of packHead bytes: magic, salt, zeros, CRC-32C of what stands before. Its entries follow, each at a multiple of
// entryAlign: a head of at most headerSize bytes, then the bytes of the version.
const (
	packMagic  = "allapack\x01\x00\x00\x00\x00\x00\x00\x00" // byte 8 is the format
	packHead   = 64
	entryMagic = "allaver\x01"
	entryFixed = 36 // bytes of an entry's head before the strings
	entryAlign = 64
)

// encodePackHead makes the head of a pack.
func encodePackHead(salt uint64) []byte {
	b := binary.LittleEndian.AppendUint64([]byte(packMagic), salt)
	b = append(b, make([]byte, packHead-4-len(b))...)
	return binary.LittleEndian.AppendUint32(b, checksum(b))
}

// decodePackHead is encodePackHead's inverse; ok is false for anything else, other formats included.
func decodePackHead(b []byte) (salt uint64, ok bool) {
	if len(b) < packHead || string(b[:len(packMagic)]) != packMagic ||
		binary.LittleEndian.Uint32(b[packHead-4:]) != checksum(b[:packHead-4]) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b[len(packMagic):]), true
}

// entryHead is what an entry of a pack says of its version.
type entryHead struct {
	id   ID
	head int64  // bytes of the head itself
	size int64  // bytes of the version, which follow the head
	sum  uint32 // their checksum
	used int64  // when the entry was written, unix nanoseconds
}

// length is what the entry takes of the pack, up to the next one.
func (h *entryHead) length() int64 { return entryLength(h.head, h.size) }

func entryLength(head, size int64) int64 {
	return (head + size + entryAlign - 1) / entryAlign * entryAlign
}

// encode makes the head of an entry at off in the pack of that salt. An ID too long for it is errFull: that version is not kept on disk.
func (h *entryHead) encode(salt uint64, off int64) ([]byte, error) {
	b := make([]byte, entryFixed, 256)
	copy(b, entryMagic)
	for _, s := range []string{h.id.Store, h.id.Bucket, h.id.Key, h.id.ETag} {
		b = appendString(b, s)
	}
	if len(b) > headerSize {
		return nil, fmt.Errorf("%w: name of the version too long: %d bytes", errFull, len(b))
	}
	h.head = int64(len(b))
	binary.LittleEndian.PutUint32(b[12:], uint32(h.head))
	binary.LittleEndian.PutUint64(b[16:], uint64(h.size))
	binary.LittleEndian.PutUint32(b[24:], h.sum)
	binary.LittleEndian.PutUint64(b[28:], uint64(h.used))
	binary.LittleEndian.PutUint32(b[8:], entrySum(b, salt, off))
	return b, nil
}

// entrySum covers the place as well: bytes of an object that look like an entry, and entries of other packs, do not fit.
func entrySum(b []byte, salt uint64, off int64) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[:], salt)
	binary.LittleEndian.PutUint64(place[8:], uint64(off))
	return checksum(b[12:]) ^ checksum(place[:])
}

// decodeEntry reads the head of the entry at off from b, which begins there; ok is false when there is no whole one.
func decodeEntry(b []byte, salt uint64, off int64) (h entryHead, ok bool) {
	if len(b) < entryFixed || string(b[:8]) != entryMagic {
		return h, false
	}
	n := binary.LittleEndian.Uint32(b[12:])
	if n < entryFixed || n > headerSize || int(n) > len(b) || binary.LittleEndian.Uint32(b[8:]) != entrySum(b[:n], salt, off) {
		return h, false
	}
	d := decoder{b: b[16:n]}
	h.head, h.size, h.sum, h.used = int64(n), d.int64(), d.uint32(), d.int64()
	h.id = ID{Store: d.string(), Bucket: d.string(), Key: d.string(), ETag: d.string()}
	return h, !d.bad && h.size > 0 && h.size < 1<<40
}
