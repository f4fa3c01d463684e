package fs

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"allasfs/cache"
)

// attrsKind marks an attrNote among what the journal keeps.
const attrsKind = "attributes"

// attrNote is what the journal keeps of the attributes of a stored file from the call that set them until the store has them.
type attrNote struct {
	Kind   string             `json:"kind"`
	Store  string             `json:"store"`
	Bucket string             `json:"bucket"`
	Key    string             `json:"key"`
	ETag   string             `json:"etag"` // of the version that they belong to
	Mode   *uint32            `json:"mode,omitempty"`
	Owner  *[2]uint32         `json:"owner,omitempty"` // user and group
	Mtime  time.Time          `json:"mtime,omitzero"`
	User   map[string]*[]byte `json:"user,omitempty"` // user attributes that were set, nil = removed

	Tried   time.Time   `json:"tried,omitzero"`     // when the first try by a later mount failed
	MovedTo *objectName `json:"moved_to,omitempty"` // by a rename of it or of a directory above, which a crash cut short: it has this name, the old one, or both
}

// objectName is where an object is.
type objectName struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// noted is the note of one file. mu is held over local I/O and taken before FS.mu.
type noted struct {
	mu   sync.Mutex
	kept *cache.Intent
	etag string
}

// noteAttrs brings what the journal says of n's attributes in line with what is unsent of them. No error: where the journal cannot be written, a crash within
// the second that follows loses the change.
func (f *FS) noteAttrs(n *node) {
	f.attrsToDraft(n)
	f.mu.Lock()
	w := f.notes[n]
	if w == nil && n.attrsUnsent {
		w = &noted{}
		f.notes[n] = w
	}
	f.mu.Unlock()
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f.mu.Lock()
	switch {
	case f.notes[n] != w: // dropped meanwhile, and what came after that has a note of its own
		f.mu.Unlock()
	case n.attrsUnsent && n.parent != nil && n.obj.exists:
		note := f.noteOf(n)
		f.mu.Unlock()
		f.keepNote(w, note)
	case n.draft != nil && n.obj.etag == w.etag: // they go with its bytes, and until then they are those of the version that is stored
		f.mu.Unlock()
	default:
		delete(f.notes, n)
		f.mu.Unlock()
		f.dropNote(w.kept)
	}
}

// noteSetMeanwhile notes the attributes that were set since seq as those of the version that n's draft has become, before the draft, whose journal has them, goes;
// n.drafting is held.
func (f *FS) noteSetMeanwhile(n *node, etag string, seq uint64) {
	f.mu.Lock()
	if n.attrsSeq == seq || n.parent == nil || n.unlinked {
		f.mu.Unlock()
		return
	}
	w := f.notes[n]
	if w == nil {
		w = &noted{}
		f.notes[n] = w
	}
	f.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	f.mu.Lock()
	if f.notes[n] != w || n.parent == nil {
		f.mu.Unlock()
		return
	}
	note := f.noteOf(n)
	f.mu.Unlock()
	note.ETag = etag
	f.keepNote(w, note)
}

// attrsToDraft journals n's attributes with its draft, if that is one that the next mount would send after a crash.
func (f *FS) attrsToDraft(n *node) {
	n.drafting.Lock() // what was set last is written last
	defer n.drafting.Unlock()
	f.mu.Lock()
	d, at := n.draft, n.at
	f.mu.Unlock()
	if d == nil {
		return
	}
	if state, _ := d.State(); state != cache.StateClosed {
		return
	}
	err := d.SetAttrs(cache.Attrs{ContentType: cmp.Or(at.contentType, d.Attrs().ContentType), Meta: at.encode()})
	if err != nil && !errors.Is(err, os.ErrClosed) {
		f.log.Warn("the journal cannot be written: a crash now would lose attributes that were just set", "key", d.Target().Key, "err", err)
	}
}

// noteOf needs f.mu.
func (f *FS) noteOf(n *node) attrNote {
	bucket, key := f.keyOf(n)
	note := attrNote{Kind: attrsKind, Store: f.o.Name, Bucket: bucket, Key: key, ETag: n.obj.etag, Mtime: n.at.mtime}
	if to, moves := f.movingTo[n]; moves {
		note.MovedTo = &to
	}
	if n.at.hasMode {
		mode := n.at.mode
		note.Mode = &mode
	}
	if n.at.hasOwner {
		note.Owner = &[2]uint32{n.at.uid, n.at.gid}
	}
	if len(n.at.edits) > 0 {
		note.User = make(map[string]*[]byte, len(n.at.edits))
	}
	for name, e := range n.at.edits {
		note.User[name] = nil
		if !e.gone {
			value := []byte(e.value)
			note.User[name] = &value
		}
	}
	return note
}

// keepNote needs w.mu.
func (f *FS) keepNote(w *noted, note attrNote) {
	b, err := json.Marshal(note)
	switch {
	case err != nil:
	case w.kept == nil:
		w.kept, err = f.o.Cache.NewNote(b)
	default:
		err = w.kept.Set(b)
	}
	w.etag = note.ETag
	if err != nil {
		f.log.Warn("the journal cannot be written: a crash now would lose attributes that were just set", "path", note.Bucket+"/"+note.Key, "err", err)
	}
}

func (f *FS) dropNote(kept *cache.Intent) {
	if kept == nil {
		return
	}
	if err := kept.Drop(); err != nil {
		f.log.Error("the journal of attributes", "err", err)
	}
}

// attrsSettled tells that what was unsent of n's attributes is stored, refused or meaningless; needs f.mu.
func (f *FS) attrsSettled(n *node) {
	n.attrsUnsent = false
	if f.notes[n] != nil {
		f.spawn(func() { f.noteAttrs(n) })
	}
}

// attrs are what the note says, over nothing.
func (a *attrNote) attrs() knownAttrs {
	at := knownAttrs{mtime: a.Mtime}
	if a.Mode != nil {
		at.hasMode, at.mode = true, *a.Mode
	}
	if a.Owner != nil {
		at.hasOwner, at.uid, at.gid = true, a.Owner[0], a.Owner[1]
	}
	for name, value := range a.User {
		e := edit{gone: value == nil}
		if !e.gone {
			e.value = string(*value)
		}
		at = at.edited(name, e)
	}
	return at
}
