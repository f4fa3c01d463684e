package fs

import (
	"strings"
	"time"

	"allasfs/fs/name"
	"allasfs/s3"
)

// entry is one name of a listed directory, kept small: a prefix may hold 500 000.
type entry struct {
	name     string
	etag     string
	size     int64 // true size
	modified int64 // ns since 1970
	dir      bool
	large    bool // Swift large object
	marker   bool // of a directory: an empty object under the key without a slash means it too
	refused  bool // of a bucket: it is there, and nobody here may look into it
	unsized  bool // the listing does not tell whether it is empty, a Swift large object, or means a directory (FS.sized); modified is to the millisecond then
}

func (e entry) object() object {
	return object{exists: true, large: e.large, etag: e.etag, size: e.size, modified: time.Unix(0, e.modified)}
}

// marks are the markers that a listing of a directory has seen beside its entries.
type marks struct {
	own    bool // the directory's
	folder bool // of Hadoop's, of any of its child directories
}

// merger turns the pages of a delimited listing, in key order, into the entries of one directory. An object and a prefix may share a name
// (`file` beside `file/child`): keys such as `file-1` may lie between them, so an object is held back until no such prefix can follow.
type merger struct {
	place place
	marks marks
	held  []s3.Object         // objects whose prefix may follow
	conts map[string]struct{} // continuation directories already told
	told  []toldName          // that begin the present element
	out   []entry
}

// page takes one page and returns the entries that are certain now.
func (m *merger) page(p *s3.Page) []entry {
	m.out = nil
	prefixes := p.Prefixes
	for _, o := range p.Objects {
		for len(prefixes) > 0 && prefixes[0] < o.Key {
			m.prefix(prefixes[0])
			prefixes = prefixes[1:]
		}
		m.object(o)
	}
	for _, x := range prefixes {
		m.prefix(x)
	}
	return m.out
}

// end returns what was held back.
func (m *merger) end() []entry {
	m.out = nil
	m.release("")
	return m.out
}

func (m *merger) object(o s3.Object) {
	m.release(o.Key)
	if o.Key == m.place.list() && m.place.cont == "" && o.Size == 0 {
		m.marks.own = true
		return
	}
	m.follow(o.Key[len(m.place.prefix):])
	if m.folder(o) {
		return
	}
	m.held = append(m.held, o)
}

func (m *merger) prefix(p string) {
	m.release(p)
	m.follow(p[len(m.place.prefix):])
	for i, o := range m.held {
		if o.Key+"/" == p {
			m.held = append(m.held[:i], m.held[i+1:]...)
			if o.Size > 0 {
				m.file(o, true)
				break
			}
			m.directory(strings.TrimSuffix(p[len(m.place.prefix):], "/"), true)
			return
		}
	}
	m.directory(strings.TrimSuffix(p[len(m.place.prefix):], "/"), false)
}

// release tells the held objects whose prefix would have come before key; all for "".
func (m *merger) release(key string) {
	kept := m.held[:0]
	for _, o := range m.held {
		if key != "" && key <= o.Key+"/" {
			kept = append(kept, o)
			continue
		}
		if meansDir(o) {
			m.directory(o.Key[len(m.place.prefix):], true)
			continue
		}
		m.file(o, false)
	}
	m.held = kept
}

func (m *merger) directory(elem string, marker bool) {
	m.told = append(m.told, toldName{elem: elem, dir: true})
	m.tell(elem, false, entry{dir: true, marker: marker})
}

func (m *merger) file(o s3.Object, object bool) {
	elem := o.Key[len(m.place.prefix):]
	m.told = append(m.told, toldName{elem: elem})
	m.tell(elem, object, fileEntry(o))
}

// fileEntry is the entry of an object, without its name.
func fileEntry(o s3.Object) entry {
	if o.MaybeLarge() {
		return entry{etag: o.ETag, modified: o.Modified.UnixNano(), unsized: true}
	}
	return entry{etag: o.ETag, size: o.Size, modified: toSecond(o.Modified), large: o.Large != s3.NotLarge}
}

// meansDir tells whether an object that has no keys below it means a directory.
func meansDir(o s3.Object) bool { return o.Size == 0 && isDirType(o.ContentType) }

// tell adds e under its name in this directory, or the continuation directory on the way to it.
func (m *merger) tell(elem string, object bool, e entry) {
	nm, continued, ok := name.Child(m.place.cont, elem, object)
	if !ok {
		return // a shorter element, which lives in a directory above
	}
	if continued {
		if _, told := m.conts[nm]; told {
			return
		}
		if m.conts == nil {
			m.conts = make(map[string]struct{})
		}
		m.conts[nm] = struct{}{}
		e = entry{dir: true}
	}
	e.name = nm
	m.out = append(m.out, e)
}

// toSecond is a date as HEAD tells it; listings know milliseconds, and one object must not have two dates.
func toSecond(t time.Time) int64 { return t.Truncate(time.Second).UnixNano() }
