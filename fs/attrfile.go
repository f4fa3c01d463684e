package fs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"

	"allasfs/s3"
)

// attrFile keeps on the local disk what HEAD told of versions: a log that begins with attrMagic, and then one record after the other: length and CRC-32C,
// little-endian, of the JSON of a keptAttrs. What follows the first record that is not whole is ignored, and cut at the next start. It is safe for
// concurrent use; a nil one keeps nothing. Nothing in it has to be durable: what is lost is asked for again.
type attrFile struct {
	path string

	mu      sync.Mutex // over local disk I/O; taken with no other lock held
	pending []byte     // records that are not in the file yet
	size    int64      // of the file
}

// keptAttrs is one record.
type keptAttrs struct {
	Bucket   string            `json:"b"`
	Key      []byte            `json:"k"` // keys need not be UTF-8
	ETag     string            `json:"e"`
	Modified int64             `json:"t"`           // seconds since 1970
	Type     []byte            `json:"c,omitempty"` // as Meta's values it need not be UTF-8
	Class    string            `json:"s,omitempty"`
	Meta     map[string][]byte `json:"m,omitempty"`
}

const (
	attrMagic    = "allasfs attributes 1\n" // with another number it is another format, and begun anew
	attrFileMax  = 64 << 20                 // bytes: more is not kept
	attrRecord   = 32 << 10                 // bytes of a record at the most
	attrHead     = 8                        // bytes before a record
	attrSaveSize = 8 << 20                  // bytes that wait for a save at the most
)

// add keeps what HEAD told of an object, from the next save on.
func (a *attrFile) add(bucket string, o s3.Object) {
	if a == nil {
		return
	}
	data, err := json.Marshal(keep(bucket, o))
	if err != nil || len(data) > attrRecord {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.pending) < attrSaveSize {
		a.pending = appendRecord(a.pending, data)
	}
}

func appendRecord(b, data []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(data, castagnoli()))
	return append(b, data...)
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// save appends what was added to the file.
func (a *attrFile) save() error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	data := a.pending
	a.pending = nil
	if len(data) == 0 || a.size+int64(len(data)) > attrFileMax {
		return nil
	}
	f, err := os.OpenFile(a.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if a.size == 0 {
		data = append([]byte(attrMagic), data...)
	}
	n, err := f.Write(data)
	a.size += int64(n)
	return errors.Join(err, f.Close())
}

// load gives the records of the file to learn, oldest first, at most the last most of them. The file is written anew when it is damaged, or holds more
// than twice what was given.
func (a *attrFile) load(most int, learn func(bucket string, o s3.Object)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	data, err := readUpTo(a.path, attrFileMax)
	if err != nil {
		return err
	}
	all, end := records(data)
	live := lastOfEach(all)
	live = live[max(0, len(live)-most):]
	kept := []byte(attrMagic)
	for _, r := range live {
		kept = appendRecord(kept, r.data)
		learn(r.Bucket, r.object())
	}
	a.size = int64(len(data))
	if len(data) == 0 || end == len(data) && len(kept) > len(data)/2 && len(data) < attrFileMax/2 {
		return nil
	}
	if len(kept) > attrFileMax/2 {
		kept = []byte(attrMagic) // it would be full again at once
	}
	fresh := a.path + ".new"
	if err := os.WriteFile(fresh, kept, 0o600); err != nil {
		return err
	}
	a.size = int64(len(kept))
	return os.Rename(fresh, a.path)
}

// readUpTo reads the first most bytes of a file; nothing of one that is not there.
func readUpTo(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// storedAttrs is a record and its bytes.
type storedAttrs struct {
	keptAttrs
	data []byte
}

// records reads the records up to the first that is damaged, and tells where it is; 0 for a file of another kind.
func records(data []byte) (all []storedAttrs, end int) {
	if !bytes.HasPrefix(data, []byte(attrMagic)) {
		return nil, 0
	}
	end = len(attrMagic)
	for len(data)-end >= attrHead {
		n := int(binary.LittleEndian.Uint32(data[end:]))
		if n > attrRecord || n > len(data)-end-attrHead {
			break
		}
		r := storedAttrs{data: data[end+attrHead : end+attrHead+n]}
		if crc32.Checksum(r.data, castagnoli()) != binary.LittleEndian.Uint32(data[end+4:]) || json.Unmarshal(r.data, &r.keptAttrs) != nil {
			break
		}
		all = append(all, r)
		end += attrHead + n
	}
	return all, end
}

// lastOfEach leaves the last record of each version, in their order.
func lastOfEach(all []storedAttrs) []storedAttrs {
	last := make(map[versionKey]int, len(all))
	for i, r := range all {
		last[versionKey{r.Bucket, string(r.Key), r.ETag}] = i
	}
	live := all[:0]
	for i, r := range all {
		if last[versionKey{r.Bucket, string(r.Key), r.ETag}] == i {
			live = append(live, r)
		}
	}
	return live
}

// keep is the record of what HEAD told of an object.
func keep(bucket string, o s3.Object) keptAttrs {
	k := keptAttrs{bucket, []byte(o.Key), o.ETag, o.Modified.Unix(), []byte(o.ContentType), o.StorageClass, nil}
	for name, value := range o.Meta {
		if k.Meta == nil {
			k.Meta = make(map[string][]byte)
		}
		k.Meta[name] = []byte(value)
	}
	return k
}

// object is keep's inverse, as far as attributes need it.
func (k keptAttrs) object() s3.Object {
	o := s3.Object{Key: string(k.Key), ETag: k.ETag, Modified: time.Unix(k.Modified, 0), ContentType: string(k.Type), StorageClass: k.Class}
	for name, value := range k.Meta {
		if o.Meta == nil {
			o.Meta = make(map[string]string)
		}
		o.Meta[name] = string(value)
	}
	return o
}
