package fs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"sync"

	"allasfs/s3"
)

// empties are the listed objects of which HEAD said that they are empty files, no Swift large objects and no markers of directories, so that none is asked for
// twice while its ETag and date stand. They are kept on the local disk for the next mount. Each takes 16 bytes there, a hash; of too many those go that were
// not looked for longest. The file is emptiesMagic, the hashes, and the CRC-32C of all that; one that is not whole is dropped: what it held is asked for again.
// It is safe for concurrent use; a nil one holds nothing.
type empties struct {
	path string // "" = kept for this mount only
	most int    // that are kept at least, the latest; twice as many at the most

	mu         sync.Mutex
	young, old map[emptyHash]struct{} // when young is full it takes the place of old
	unsaved    int                    // that came since the last save
	saving     sync.Mutex             // over local disk I/O, taken before mu
}

type emptyHash [16]byte

const (
	emptiesMagic = "allasfs empties 1\n" // with another number it is another format, and dropped
	emptiesMost  = 500_000               // of each half; shared with the file systems beside this one
	emptiesLeast = 20_000                // of them, at the least
	emptiesSave  = 10_000                // new ones after which the file is written, so that a crash costs no more
)

func newEmpties(path string, most int) *empties {
	return &empties{path: path, most: most, young: make(map[emptyHash]struct{})}
}

// hashOf is the name of an entry of a listing; a collision would show a large file as empty, so it is a long one.
func hashOf(bucket string, o s3.Object) (h emptyHash) {
	b := make([]byte, 0, 256)
	for _, s := range []string{bucket, o.Key, o.ETag} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	sum := sha256.Sum256(binary.AppendVarint(b, o.Modified.UnixNano()))
	copy(h[:], sum[:])
	return h
}

// has tells whether a listed object is known to be an empty file.
func (e *empties) has(bucket string, o s3.Object) bool {
	if e == nil {
		return false
	}
	h := hashOf(bucket, o)
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.young[h]; ok {
		return true
	}
	if _, ok := e.old[h]; !ok {
		return false
	}
	e.put(h)
	return true
}

// add takes a listed object that is an empty file, and writes the file now and then.
func (e *empties) add(bucket string, o s3.Object) error {
	if e == nil {
		return nil
	}
	h := hashOf(bucket, o)
	e.mu.Lock()
	e.put(h)
	e.unsaved++
	full := e.unsaved >= max(emptiesSave, (len(e.young)+len(e.old))/4)
	e.mu.Unlock()
	if !full {
		return nil
	}
	return e.save()
}

// put needs mu.
func (e *empties) put(h emptyHash) {
	if len(e.young) >= e.most {
		e.old, e.young = e.young, make(map[emptyHash]struct{})
	}
	e.young[h] = struct{}{}
}

// save writes the file if anything came since the last time.
func (e *empties) save() error {
	if e == nil || e.path == "" {
		return nil
	}
	e.saving.Lock()
	defer e.saving.Unlock()
	e.mu.Lock()
	if e.unsaved == 0 {
		e.mu.Unlock()
		return nil
	}
	e.unsaved = 0
	data := append(make([]byte, 0, len(emptiesMagic)+len(emptyHash{})*(len(e.old)+len(e.young))+crc32.Size), emptiesMagic...)
	for h := range e.old {
		if _, twice := e.young[h]; !twice {
			data = append(data, h[:]...)
		}
	}
	for h := range e.young {
		data = append(data, h[:]...)
	}
	e.mu.Unlock()
	data = binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, castagnoli()))
	fresh := e.path + ".new"
	if err := os.WriteFile(fresh, data, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, e.path)
}

var errDamaged = errors.New("the file is damaged: it is begun anew")

// load takes over what an earlier mount kept. After an error there is nothing in it.
func (e *empties) load() error {
	if e.path == "" {
		return nil
	}
	limit := len(emptiesMagic) + 2*emptiesMost*len(emptyHash{}) + crc32.Size
	data, err := readUpTo(e.path, int64(limit)+1)
	if err != nil || len(data) == 0 {
		return err
	}
	body, whole := bytes.CutPrefix(data, []byte(emptiesMagic))
	n := len(body) - crc32.Size
	if !whole || n < 0 || n%len(emptyHash{}) != 0 || len(data) > limit ||
		crc32.Checksum(data[:len(data)-crc32.Size], castagnoli()) != binary.LittleEndian.Uint32(body[n:]) {
		return errDamaged
	}
	body = body[:n]
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(body) > 0 {
		e.put(emptyHash(body))
		body = body[len(emptyHash{}):]
	}
	return nil
}
