package cache

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// direct is a draft whose data file the kernel writes past this package: the file is the draft, its size and all bytes in it, and nothing of it is in the
// journal but that it is so. Its time of modification tells of writes: Arm sets it to a constant. That takes the file's lock, so a write that was under way
// is in the file when Arm returns, and each later one moves the time.
type direct struct {
	file  atomic.Pointer[os.File] // the data file while it is the draft
	at    time.Time               // the file's, as it was absorbed last; this and the rest are guarded by Draft.mu
	guard *guarded                // asks before programs get at the file; nil = they are not asked
	stray bool                    // somebody may write to the file after the draft has ended
}

// Direct lends the data file of a draft that is empty, takes nothing from an object, and is not lent yet, to be written past this package. ask is asked,
// from Guard to Unguard, before a program reads or writes the file, and the program gets the errno where that is not 0; the file is guarded when Direct returns. syscall.EOPNOTSUPP where the disk or the kernel cannot do that.
func (d *Draft) Direct(ask func(a Access) syscall.Errno) error {
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive(); err != nil {
		return err
	}
	if d.t.size != 0 || d.d.lent || d.left {
		return fmt.Errorf("cache: draft %s has bytes: %w", d.id, os.ErrInvalid)
	}
	if err := d.outdate(); err != nil {
		return err
	}
	if err := d.spill(); err != nil {
		return err
	}
	g, err := d.c.guard(d.data, ask)
	if err != nil {
		return fmt.Errorf("cache: draft %s: %w", d.id, err)
	}
	err = d.arm()
	if err == nil {
		err = d.setDirect(true)
	}
	if err != nil {
		g.end()
		return err
	}
	d.direct.guard = g
	return nil
}

// setDirect journals that the file is the draft, or that the table is again. The caller holds mu.
func (d *Draft) setDirect(on bool) error {
	was := d.d.direct
	d.d.direct = on
	if err := d.log(d.d.directRecord()); err != nil {
		d.d.direct = was
		return err
	}
	d.d.lent = true
	d.direct.file.Store(nil)
	if on {
		d.direct.file.Store(d.data)
		d.absorb()
	}
	return nil
}

// fileSize is what a file held, and takes of the disk, in bytes.
type fileSize struct{ size, onDisk int64 }

// directRecord tells whether the file is the draft, and how large it was when the draft was closed: a power cut may take some of it.
func (s *describe) directRecord() record {
	b := appendBool(nil, s.direct)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.was.size))
	return record{recDirect, binary.LittleEndian.AppendUint64(b, uint64(s.was.onDisk))}
}

// Fd is the descriptor of the file of a draft that is lent, good while the draft lasts.
func (d *Draft) Fd() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.data == nil {
		return -1
	}
	return int(d.data.Fd())
}

// IsDirect tells whether the data file is the draft.
func (d *Draft) IsDirect() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.d.direct
}

// Guard lets programs ask before they get at the file that Direct lent, if they opened it while it was guarded.
func (d *Draft) Guard() error { return d.direct.guard.set(true) }

// Unguard ends that. Nothing waits for an answer then.
func (d *Draft) Unguard() error { return d.direct.guard.set(false) }

// Guarded tells whether programs ask.
func (d *Draft) Guarded() bool { return d.direct.guard != nil && d.direct.guard.isOn() }

// GiveBack ends the lending. stray tells that programs may go on writing to the file, as after the end of the kernel's connection: then it never becomes a
// file of the cache.
func (d *Draft) GiveBack(stray bool) {
	d.direct.guard.end()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.direct.stray = stray
}

// Arm makes each write from here on one that Touched tells of. Those that were under way have ended.
func (d *Draft) Arm() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive(); err != nil {
		return err
	}
	d.absorb()
	return d.arm()
}

// arm needs mu.
func (d *Draft) arm() error {
	at := unix.NsecToTimespec(armed.UnixNano())
	err := unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", d.data.Fd()), []unix.Timespec{at, at}, 0)
	if err != nil {
		return fmt.Errorf("cache: draft %s: time of its file: %w", d.id, err)
	}
	d.direct.at = armed
	return nil
}

// Touched tells whether the file that is the draft was written since Arm, when, and its size. Like Size it waits for nothing.
func (d *Draft) Touched() (at time.Time, size int64, yes bool) {
	f := d.direct.file.Load()
	if f == nil {
		return at, d.Size(), false
	}
	var st unix.Stat_t
	if fstat(f, &st) != nil {
		return at, d.Size(), false
	}
	at = time.Unix(st.Mtim.Unix())
	return at, st.Size, !at.Equal(armed)
}

// directSize is the size of the file; false where the file is not the draft.
func (d *Draft) directSize() (int64, bool) {
	f := d.direct.file.Load()
	if f == nil {
		return 0, false
	}
	var st unix.Stat_t
	if fstat(f, &st) != nil {
		return 0, false
	}
	return st.Size, true
}

// absorb brings the table up to what the file is. The caller holds mu.
func (d *Draft) absorb() {
	if !d.d.direct || d.d.gone || d.data == nil {
		return
	}
	var st unix.Stat_t
	if err := fstat(d.data, &st); err != nil {
		d.c.log.Error("size of a draft", "draft", d.id, "err", err)
		return
	}
	at := time.Unix(st.Mtim.Unix())
	if at.Equal(d.direct.at) && st.Size == d.t.size {
		return
	}
	if err := d.outdate(); err != nil {
		d.d.upload.ETag = "" // a later daemon sees it by the file's time
	}
	d.direct.at = at
	d.take(st.Size, st.Blocks*512)
	d.gen++
	d.d.clean = false
}

// take makes the table that of a file of size bytes, which takes so many of the disk.
func (d *Draft) take(size, onDisk int64) {
	local := min(size, onDisk)
	d.c.mu.Lock()
	d.c.draftUse += local - d.t.local
	d.c.mu.Unlock()
	d.t.all(size, local)
}

// all makes the table one of Local bytes alone, of which so many count.
func (t *table) all(size, local int64) {
	t.pieces = nil
	if size > 0 {
		t.pieces = []Piece{{Len: size, Kind: Local}}
	}
	t.local = local
	atomic.StoreInt64(&t.size, size)
}

// Redirect makes the file the draft again, once all bytes are in it; the caller guards the file until then. syscall.EAGAIN while some are elsewhere.
func (d *Draft) Redirect() error {
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive(); err != nil || d.d.direct || !d.d.lent {
		return err
	}
	if d.t.has(FromBase) || d.t.has(FromOrigin) {
		return fmt.Errorf("cache: draft %s has bytes of objects: %w", d.id, syscall.EAGAIN)
	}
	for _, p := range d.t.pieces {
		if p.Kind == Zero { // bytes of writes that failed may stand there
			if err := d.punchFile(p.Off, p.Len); err != nil {
				return fmt.Errorf("cache: draft %s: %w", d.id, err)
			}
		}
	}
	return d.setDirect(true)
}

// undirect makes the table the draft, for what a file cannot hold; false when the file holds bytes. The caller holds mu.
func (d *Draft) undirect() (bool, error) {
	if !d.d.direct {
		return true, nil
	}
	if d.absorb(); d.t.size != 0 {
		return false, nil
	}
	return true, d.setDirect(false)
}

// writeDirect is WriteAt to a draft whose file is all of it; done is false when it is not.
func (d *Draft) writeDirect(p []byte, off int64) (n int, done bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.alive(); err != nil || !d.d.direct {
		return 0, err != nil, err
	}
	d.absorb()
	if grown := off + int64(len(p)) - d.t.size; grown > 0 {
		if err := d.c.growDrafts(grown); err != nil {
			return 0, true, err
		}
		d.c.shrinkDrafts(grown)
	}
	n, err = d.data.WriteAt(p, off)
	d.absorb()
	if err != nil {
		err = fmt.Errorf("cache: draft %s: %w", d.id, err)
	}
	return n, true, err
}

// Room is ErrDraftSpace when drafts may not take n bytes more, with what was written past this package; left is how many there are room for, -1 = no bound.
func (d *Draft) Room(n int64) (left int64, err error) {
	d.mu.Lock()
	d.absorb()
	d.mu.Unlock()
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.o.DraftSpace == 0 {
		return -1, nil
	}
	left = c.o.DraftSpace - c.draftUse
	if n > left {
		err = fmt.Errorf("%w: they take %d of %d bytes", ErrDraftSpace, c.draftUse, c.o.DraftSpace)
	}
	return max(left, 0), err
}

// Stored tells that b holds what the draft held at Arm, or, where the table is the draft, what it holds. Unlike Rebase it is for a draft that is lent: it stays, though nothing of it has to be sent, and a later
// daemon drops it unless it was changed since.
func (d *Draft) Stored(b Base) error {
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.absorb()
	clean := !d.d.direct || d.direct.at.Equal(armed)
	t := d.t
	records := []record{Upload{}.record(), stateRecord(StateOpen, ""), perhapsRecord(nil), rebaseRecord(b, clean)}
	if !d.d.direct { // so nothing is needed of what was copied
		t = table{}
		t.put(Piece{Len: b.Size, Kind: FromBase})
		records = append(records, tableRecords(&t)...)
	}
	var err error
	for _, r := range records {
		if err == nil {
			err = d.log(r)
		}
	}
	if !d.d.direct {
		d.c.shrinkDrafts(d.t.local)
		d.t.pieces, d.t.local = t.pieces, 0
	}
	d.d.base, d.d.clean, d.d.upload, d.d.state, d.d.reason, d.d.perhaps = b, clean, Upload{}, StateOpen, "", nil
	d.tell()
	return err // this daemon knows it all the same
}

// openDirect takes up what an earlier daemon left of a draft whose file is all of it.
func (d *Draft) openDirect() error {
	var st unix.Stat_t
	if err := fstat(d.data, &st); err != nil {
		return err
	}
	d.direct.at = time.Unix(st.Mtim.Unix())
	if !d.direct.at.Equal(armed) {
		d.d.clean, d.d.upload.ETag = false, ""
	}
	d.t.all(st.Size, min(st.Size, st.Blocks*512))
	d.direct.file.Store(d.data)
	return nil
}

// noteFile journals how large a file is that is the draft, when the draft is closed.
func (d *Draft) noteFile(s State) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s != StateClosed || !d.d.direct {
		return nil
	}
	d.absorb()
	if now := (fileSize{d.t.size, d.t.local}); now != d.d.was {
		d.d.was = now
		return d.setDirect(true)
	}
	return nil
}

// lostDirect is where a power cut took bytes of such a file.
func (d *Draft) lostDirect() (at int64, lost bool) {
	if d.t.size < d.d.was.size {
		return d.t.size, true
	}
	return 0, d.t.local < d.d.was.onDisk
}

// isStray tells whether programs may write to the data file after the draft has ended. The caller holds mu.
func (d *Draft) isStray() bool { return d.direct.stray || d.left && d.d.lent }

// cut sets the size of the data file, which may be guarded. The caller holds mu.
func (d *Draft) cut(size int64) error {
	if g := d.direct.guard; g != nil {
		g.own.Add(1)
		defer g.own.Add(-1)
	}
	return d.data.Truncate(size)
}

// fstat is fstat(2) of a file that may be closed meanwhile.
func fstat(f *os.File, st *unix.Stat_t) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	closed := c.Control(func(fd uintptr) { err = unix.Fstat(int(fd), st) })
	return cmp.Or(closed, err)
}

// Alone tells whether nobody but this package has the file of a draft that is lent open, or mapped: a lease for writing is given then (fcntl(2), F_SETLEASE).
func (d *Draft) Alone() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.data == nil {
		return true
	}
	fd := d.data.Fd()
	if _, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		return false
	}
	_, _ = unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK) // it goes with the file at the latest
	return true
}
