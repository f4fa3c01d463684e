package fs

import "time"

// absentFor is how long it may be trusted that a directory does not have a name: the TTL, less the age of what told so. Needs f.mu.
func (f *FS) absentFor(parent uint64, nm string) time.Duration {
	d, err := f.directory(parent)
	if err != nil {
		return 0
	}
	if _, err := decode(f.placeOf(d), nm); err != nil {
		return f.o.TTL // nothing can have that name
	}
	var told time.Time
	if ch, ok := d.changes[nm]; ok && ch.gone {
		told = ch.at
	}
	if l := d.listing; l != nil && l.started.After(told) && l.complete() {
		told = l.started
	}
	return max(0, f.o.TTL-time.Since(told))
}
