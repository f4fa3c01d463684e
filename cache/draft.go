package cache

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Target is the object that a draft becomes.
type Target struct{ Store, Bucket, Key string }

// Base is the version that a draft changes; zero = none, the object is new.
type Base struct {
	ETag     string
	Size     int64 // bytes
	Modified time.Time
	Large    bool // a Swift large object
}

// Attrs is what the object will carry beside its bytes.
type Attrs struct {
	ContentType string
	Meta        map[string]string
}

// State is where a draft stands.
type State uint8

const (
	StateOpen     State = iota // being written
	StateClosed                // complete; has to be sent
	StateConflict              // cannot be sent: the object changed meanwhile, the store refused it for good, or bytes of it were lost
)

func (s State) String() string {
	switch s {
	case StateOpen:
		return "open"
	case StateClosed:
		return "closed"
	case StateConflict:
		return "conflict"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

const (
	maxDraft    = 1 << 60 // bytes
	compactFrom = 1 << 20 // bytes of a journal that is worth rewriting
)

// Draft is the local state of a file that is being changed: a sparse file of local bytes, a table of pieces, and a journal of the table, which has
// the bytes as well while they are few.
// Every change is in the journal when its call returns, so that the end of the daemon loses nothing. Safe for concurrent use. After Discard
// or Commit every call fails with os.ErrClosed.
type Draft struct {
	c    *Cache
	id   string
	stem stem     // of the files
	data *os.File // nil while the journal holds the bytes: see inline
	left bool     // by an earlier daemon

	// io is held for reading while bytes are written, and for writing by calls that change what bytes count. It comes before mu.
	io sync.RWMutex

	direct direct

	told atomic.Pointer[told] // what of d is asked for by who may not wait for mu; set under it

	mu        sync.Mutex // guards the rest; the journal is written under it
	d         describe
	t         table
	j         journal
	gen       uint64
	dirSynced bool
	named     bool  // a power cut leaves the journal its name
	durable   bool  // Sync or Persist succeeded once, or an earlier daemon left the draft: a power cut may bring it back
	from      *File // reads the Origin; nil until CopyFrom or OpenOrigin
	compactAt int64 // end of the journal at which it is looked at for rewriting
}

// NewDraft begins a draft of size bytes, all of which are the base's first ones. ENOSPC when the disk is full.
func (c *Cache) NewDraft(t Target, b Base, size int64, a Attrs) (*Draft, error) {
	if size < 0 || size > b.Size {
		return nil, fmt.Errorf("cache: draft of %d bytes from a base of %d: %w", size, b.Size, os.ErrInvalid)
	}
	d := &Draft{c: c, id: c.draftID(), compactAt: compactFrom}
	d.d = describe{target: t, base: b, attrs: a.clone(), inline: inline{on: size <= inlineMost}}
	d.t.put(Piece{Len: size, Kind: FromBase})
	if err := d.create(size); err != nil {
		return nil, fmt.Errorf("cache: new draft: %w", err)
	}
	d.tell()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		d.close()
		return nil, errors.Join(c.folder.remove(dataOf(d.stem)), c.folder.remove(journalOf(d.stem)), fmt.Errorf("cache: new draft: %w", os.ErrClosed))
	}
	c.drafts[d.id] = d
	return d, nil
}

// draftID is a name that sorts behind those of earlier drafts.
func (c *Cache) draftID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draftNo = max(c.draftNo+1, time.Now().UnixNano())
	return fmt.Sprintf("%016x", c.draftNo)
}

// create makes the files, or takes up a journal that is there already: the journal first, since data without a journal is nobody's.
func (d *Draft) create(size int64) (err error) {
	fo := d.c.folder
	defer func() {
		if err != nil {
			d.close()
			err = errors.Join(err, fo.remove(dataOf(d.stem)), fo.remove(journalOf(d.stem)))
		}
	}()
	if d.j.salt, err = newSalt(); err != nil {
		return err
	}
	d.stem = stem(d.id)
	if d.d.inline.on && d.takeSpare() {
		d.d.id = d.id
	} else if d.j.f, err = fo.open(journalOf(d.stem), os.O_RDWR|os.O_CREATE|os.O_EXCL); err != nil {
		return err
	}
	first := d.d.create(size)
	if err = d.j.reserve(int64(len(first.payload)) + 2*recordHead); err != nil {
		return err
	}
	if err = d.j.append(first); err != nil {
		return err
	}
	if d.d.inline.on {
		return nil
	}
	if d.data, err = fo.open(dataOf(d.stem), os.O_RDWR|os.O_CREATE|os.O_EXCL); err != nil {
		return err
	}
	return d.data.Truncate(size)
}

func (d *Draft) close() {
	for _, f := range []*os.File{d.data, d.j.f} {
		if f != nil {
			f.Close()
		}
	}
}

// Drafts returns all drafts, those that an earlier daemon left included, in order of creation.
func (c *Cache) Drafts() []*Draft {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*Draft, 0, len(c.drafts))
	for _, id := range slices.Sorted(maps.Keys(c.drafts)) {
		all = append(all, c.drafts[id])
	}
	return all
}

func (a Attrs) clone() Attrs { return Attrs{ContentType: a.ContentType, Meta: maps.Clone(a.Meta)} }

// ID names the draft in its folder, over restarts too.
func (d *Draft) ID() string { return d.id }

// Left tells whether an earlier daemon made the draft.
func (d *Draft) Left() bool { return d.left }

// Begun is when the draft was made, by this daemon or an earlier one, to the nanosecond by the clock of then: its ID. Zero for an ID that is no time.
func (d *Draft) Begun() time.Time {
	ns, err := strconv.ParseInt(d.id, 16, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// told is what a draft tells without waiting for a change of it, which may take the disk long.
type told struct {
	target  Target
	state   State
	reason  string
	perhaps []Perhaps // never written to
}

// tell needs mu, or a draft that nobody else has yet.
func (d *Draft) tell() { d.told.Store(&told{d.d.target, d.d.state, d.d.reason, d.d.perhaps}) }

// Target is the object that the draft becomes. Like Size it waits for nothing.
func (d *Draft) Target() Target { return d.told.Load().target }

// SetTarget is a rename of the file. Like SetAttrs and SetState it writes nothing where that is so already.
func (d *Draft) SetTarget(t Target) error {
	return d.change(targetRecord(t), func() bool { return d.d.target == t }, func() { d.d.target = t })
}

// Retarget is a rename of a file that takes nothing from its base over another one, of which b is the version that it replaces: both in one record, so that
// a crash leaves the draft with the old name or with the new one and its base.
func (d *Draft) Retarget(t Target, b Base) error {
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.t.has(FromBase) {
		return fmt.Errorf("cache: draft %s takes bytes from the version that it was made from: %w", d.id, os.ErrInvalid)
	}
	if err := d.log(retargetRecord(t, b)); err != nil {
		return err
	}
	d.t.rebase(false)
	d.d.target, d.d.base, d.d.clean = t, b, false
	d.tell()
	return nil
}

// Base is the version that the draft changes.
func (d *Draft) Base() Base {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.d.base
}

// Attrs is what the object will carry.
func (d *Draft) Attrs() Attrs {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.d.attrs.clone()
}

// SetAttrs counts as a change of the draft, if the attributes are others.
func (d *Draft) SetAttrs(a Attrs) error {
	a = a.clone()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive(); err != nil {
		return err
	}
	if a.ContentType == d.d.attrs.ContentType && maps.Equal(a.Meta, d.d.attrs.Meta) {
		return nil
	}
	if err := d.log(record{recAttrs, appendAttrs(nil, a)}); err != nil {
		return err
	}
	d.d.attrs, d.d.clean = a, false
	d.gen++
	return nil
}

// State is where the draft stands, and why. Like Size it waits for nothing.
func (d *Draft) State() (State, string) {
	t := d.told.Load()
	return t.state, t.reason
}

// SetState succeeds on a full disk too: the journal keeps room for it.
func (d *Draft) SetState(s State, reason string) error {
	reason = reason[:min(len(reason), 1024)]
	if err := d.noteFile(s); err != nil {
		return err
	}
	return d.change(stateRecord(s, reason), func() bool { return d.d.state == s && d.d.reason == reason }, func() { d.d.state, d.d.reason = s, reason })
}

// Generation grows with each change of bytes, size or attributes.
func (d *Draft) Generation() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.absorb()
	return d.gen
}

// Clean is true when the base holds all that the draft holds: since an upload of it nothing changed.
func (d *Draft) Clean() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.absorb()
	return d.d.clean
}

// Size is the file's size in bytes. It waits for nothing: who asks may hold a lock that a change of the draft, which may take the disk long, must not hold up.
func (d *Draft) Size() int64 {
	if size, ok := d.directSize(); ok {
		return size
	}
	return atomic.LoadInt64(&d.t.size)
}

// Pieces is the table: sorted, without gaps, covering [0, Size).
func (d *Draft) Pieces() []Piece {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.absorb()
	return slices.Clone(d.t.pieces)
}

// LocalReaderAt reads the draft's own bytes: right in the ranges of Local pieces.
func (d *Draft) LocalReaderAt() io.ReaderAt { return local{d} }

// change writes a record and, when that went well, makes the change; neither where it is made already.
func (d *Draft) change(r record, made func() bool, apply func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if made() {
		return d.alive()
	}
	if err := d.log(r); err != nil {
		return err
	}
	apply()
	d.tell()
	return nil
}

// log writes one record. The caller holds mu.
func (d *Draft) log(r record) error {
	if err := d.alive(); err != nil {
		return err
	}
	if d.j.end >= d.compactAt {
		d.compact() // before the record: what is rewritten is the table without it
	}
	err := d.j.reserve(int64(len(r.payload)) + 2*recordHead)
	if err != nil && r.kind != recState && r.kind != recRebase {
		return fmt.Errorf("cache: draft %s: %w", d.id, err)
	}
	if err := d.j.append(r); err != nil {
		return fmt.Errorf("cache: draft %s: %w", d.id, err)
	}
	return nil
}

func (d *Draft) alive() error {
	if d.d.gone {
		return fmt.Errorf("cache: draft %s: %w", d.id, os.ErrClosed)
	}
	return nil
}

// checkRange refuses what no file can hold.
func checkRange(off, n int64) error {
	if off < 0 || n < 0 {
		return fmt.Errorf("cache: draft: %d bytes at %d: %w", n, off, syscall.EINVAL)
	}
	if off > maxDraft || n > maxDraft-off {
		return fmt.Errorf("cache: draft: %d bytes at %d: %w", n, off, syscall.EFBIG)
	}
	return nil
}
