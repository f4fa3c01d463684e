package fs

import "time"

// change is an own change of a directory that its listing may not show yet.
type change struct {
	seq  uint64
	at   time.Time // when it was made here, or the store was asked
	gone bool
	// left: a directory that was removed without a look at the store, as its listing told that nothing else was in it (leafEmpty)
	left bool
	e    entry
}

// note records an own change under f.mu.
func (f *FS) note(dir *node, nm string, c change) {
	f.spoil(dir)
	f.noteSeen(dir, nm, c, time.Now())
}

// noteSeen records what the store, asked at that time, was seen to hold under a name, or not to hold; needs f.mu.
func (f *FS) noteSeen(dir *node, nm string, c change, asked time.Time) {
	f.seq++
	c.seq, c.at = f.seq, asked
	if dir.changes == nil {
		dir.changes = make(map[string]change)
	}
	c.e.name = nm
	dir.changes[nm] = c
}
