package fs

import (
	"strings"
	"time"

	"allasfs/s3"
)

// flattener turns a flat listing, key by key, into the listings of the directories that it passes, the same ones that a delimited listing of each
// would give. Keys of one prefix stand together, so a directory is complete at the first key that does not begin with its prefix; a directory whose
// first keys may lie before the first key that was seen is never told, nor is the root, nor a continuation directory, whose keys no prefix
// ending in a slash tells. Not safe for concurrent use.
type flattener struct {
	bucket string
	root   string // all keys begin with it; "" or ending in a slash, or in a continuation directory's bytes
	from   string // the keys after this one were seen; only directories after it are whole
	at     string // the last key
	open   []*flatDir
	told   func(*flatDir) // takes what is complete
}

// flatDir is one directory on its way through a flattener.
type flatDir struct {
	merger  merger
	prefix  string
	whole   bool      // all its entries are collected
	started time.Time // when the request was sent that showed its first key
	seq     uint64    // FS.seq then
}

// maxFlatDir bounds the entries that are collected of one directory, some pages: a larger one lists itself, page by page as it is read.
const maxFlatDir = 4000

// jump ends what is open, untold, and goes on with the keys after from.
func (t *flattener) jump(from string) {
	t.open, t.from, t.at = nil, from, from
}

// page takes the objects of one page, in key order; started and seq are those of its request.
func (t *flattener) page(objects []s3.Object, started time.Time, seq uint64) {
	for _, o := range objects {
		t.close(o.Key)
		for {
			deepest := t.root
			if n := len(t.open); n > 0 {
				deepest = t.open[n-1].prefix
			}
			i := strings.IndexByte(o.Key[len(deepest):], '/')
			if i < 0 {
				break
			}
			t.enter(o.Key[:len(deepest)+i+1], started, seq)
		}
		if n := len(t.open); n > 0 {
			t.open[n-1].collect(func(m *merger) { m.object(o) })
		}
		t.at = o.Key
	}
}

// end tells what is still open: no key follows.
func (t *flattener) end() {
	t.close("")
	t.at = t.root + "\xff" // after every key, for none holds that byte
}

// enter opens the directory of a prefix below the deepest one.
func (t *flattener) enter(prefix string, started time.Time, seq uint64) {
	if n := len(t.open); n > 0 {
		t.open[n-1].collect(func(m *merger) { m.prefix(prefix) })
	}
	d := &flatDir{prefix: prefix, whole: prefix > t.from, started: started, seq: seq}
	d.merger.place = place{bucket: t.bucket, prefix: prefix}
	t.open = append(t.open, d)
}

// close tells the open directories that key is past; all for "".
func (t *flattener) close(key string) {
	for n := len(t.open) - 1; n >= 0; n-- {
		d := t.open[n]
		if key != "" && strings.HasPrefix(key, d.prefix) {
			return
		}
		t.open = t.open[:n]
		if d.whole {
			d.merger.release("")
			t.told(d)
		}
	}
}

// find returns the open directory of a prefix, nil when there is none.
func (t *flattener) find(prefix string) *flatDir {
	for _, d := range t.open {
		if d.prefix == prefix {
			return d
		}
	}
	return nil
}

func (d *flatDir) collect(add func(*merger)) {
	if !d.whole {
		return
	}
	add(&d.merger)
	if len(d.merger.out) > maxFlatDir {
		d.whole, d.merger = false, merger{}
	}
}
