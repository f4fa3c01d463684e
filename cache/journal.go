package cache

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// The journal of a draft is records one after the other: a head of recordHead bytes, the payload, zeros up to a multiple of recordAlign.
const (
	recordHead  = 16
	recordAlign = 16
	journalStep = 64 << 10 // of the disk is taken for a journal at once
	journalKeep = 4 << 10  // of what is taken is kept for records that must not fail for want of space
)

var (
	errDamaged = errors.New("damaged journal")
	errBlank   = fmt.Errorf("%w: nothing in it", errDamaged)
)

// recordKind is what a record says.
type recordKind uint8

const (
	recCreate recordKind = iota + 1 // target, base, size, attributes: the first record, and only that
	recPiece                        // a range became this piece
	recSize                         // truncate
	recTarget
	recAttrs
	recState
	recRebase
	recGone    // the draft is discarded or committed; what is left of it is rubbish
	recTable   // no pieces: after recCreate in a journal that was rewritten, followed by all of them
	recPieces  // many pieces that do not overlap
	recUpload  // the multipart upload that is under way
	recOrigin  // what FromOrigin pieces are of
	recBytes   // a range and its local bytes, of a draft without a data file
	recSpill   // all local bytes are in the data file from here on
	recPerhaps // what the store may hold of it; to releases before this record a journal with it is damaged
	recDirect  // the data file is the draft, or the table is again; the same
)

// record is one change of a draft.
type record struct {
	kind    recordKind
	payload []byte
}

// journal is the open file and where it ends.
type journal struct {
	f    *os.File
	end  int64  // of the last good record
	took int64  // of the disk, ahead of end
	seq  uint32 // of the next record
	salt uint32 // random; a record of another journal does not fit
}

// appendRecordTo encodes a record: crc over all that follows it, length, kind, sequence number, salt, payload.
func appendRecordTo(b []byte, r record, seq, salt uint32) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.payload))<<8|uint32(r.kind))
	b = binary.LittleEndian.AppendUint32(b, seq)
	b = binary.LittleEndian.AppendUint32(b, salt)
	b = append(b, r.payload...)
	for (len(b)-at)%recordAlign != 0 {
		b = append(b, 0)
	}
	binary.LittleEndian.PutUint32(b[at:], checksum(b[at+4:]))
	return b
}

// parsedRecord is a record as it was found.
type parsedRecord struct {
	record
	seq, salt uint32
	next      int64 // where the next one begins
}

// parseRecord reads the record at off; ok is false when there is no whole one.
func parseRecord(b []byte, off int64) (r parsedRecord, ok bool) {
	if off+recordHead > int64(len(b)) {
		return r, false
	}
	h := b[off:]
	word := binary.LittleEndian.Uint32(h[4:])
	n := int64(word >> 8)
	total := (recordHead + n + recordAlign - 1) / recordAlign * recordAlign
	if total > int64(len(h)) || word == 0 || checksum(h[4:total]) != binary.LittleEndian.Uint32(h) {
		return r, false
	}
	r.kind, r.payload = recordKind(word&0xff), h[recordHead:recordHead+n]
	r.seq, r.salt = binary.LittleEndian.Uint32(h[8:]), binary.LittleEndian.Uint32(h[12:])
	r.next = off + total
	return r, true
}

// parseJournal returns the records of a journal and where they end. What follows the end is a record that was being written when the daemon
// died; a good record after a bad one means that the journal itself is damaged: errDamaged.
func parseJournal(b []byte) (rs []parsedRecord, end int64, err error) {
	for {
		r, ok := parseRecord(b, end)
		if !ok || r.seq != uint32(len(rs)) || len(rs) > 0 && r.salt != rs[0].salt {
			break
		}
		rs, end = append(rs, r), r.next
	}
	if len(rs) == 0 && len(bytes.Trim(b, "\x00")) == 0 {
		return nil, 0, errBlank
	}
	if len(rs) == 0 {
		return nil, 0, fmt.Errorf("%w: no first record", errDamaged)
	}
	for off := end + recordAlign; off < int64(len(b)); off += recordAlign {
		if r, ok := parseRecord(b, off); ok && r.salt == rs[0].salt && r.seq > uint32(len(rs)) {
			return nil, 0, fmt.Errorf("%w at byte %d", errDamaged, end)
		}
	}
	return rs, end, nil
}

// tornRecord tells whether a record of the journal with that salt was begun at end: what an earlier draft left there is none.
func tornRecord(b []byte, end int64, salt uint32) bool {
	return end+recordHead <= int64(len(b)) && binary.LittleEndian.Uint32(b[end+12:]) == salt
}

func newSalt() (uint32, error) {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b[:]), nil
}

// reserve makes sure that the disk has room for n more bytes of records, and journalKeep beyond, before anything else is written.
func (j *journal) reserve(n int64) error {
	if j.end+n+journalKeep <= j.took {
		return nil
	}
	step := max(min(journalStep, 2*j.took), n+2*journalKeep)
	if j.took == 0 {
		step = max(2*journalKeep, n+journalKeep) // most drafts stay small
	}
	err := unix.Fallocate(int(j.f.Fd()), unix.FALLOC_FL_KEEP_SIZE, j.end, step)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = nil // then a full disk shows when the record is written
	}
	if err != nil {
		return &os.PathError{Op: "allocate", Path: j.f.Name(), Err: err}
	}
	j.took = j.end + step
	return nil
}

// append writes records at the end. After an error the journal is as it was, and nothing of these records is left behind its end.
func (j *journal) append(rs ...record) error {
	var b []byte
	for i, r := range rs {
		b = appendRecordTo(b, r, j.seq+uint32(i), j.salt)
	}
	if _, err := j.f.WriteAt(b, j.end); err != nil {
		j.took = 0
		return errors.Join(err, j.f.Truncate(j.end))
	}
	j.end += int64(len(b))
	j.seq += uint32(len(rs))
	return nil
}
