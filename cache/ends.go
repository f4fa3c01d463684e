package cache

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// ends is where the disk has yet to be told that drafts which were durable are gone.
type ends struct {
	writing sync.Mutex // held while the disk is told, so that who comes meanwhile waits for that; before Cache.mu

	// Guarded by Cache.mu.
	journals map[*os.File]bool // whose last record says so
	names    bool              // journals were removed
}

// ended notes that d is gone: its journal says so, and is kept for another draft or removed. The caller holds Draft.mu and Cache.mu.
func (e *ends) ended(d *Draft, kept bool) {
	switch f := d.j.f; {
	case !kept:
		e.names = e.names || d.durable || e.journals[f]
		delete(e.journals, f)
	case d.durable:
		e.note(f)
	}
}

// note adds a journal. The caller holds Cache.mu.
func (e *ends) note(f *os.File) {
	if e.journals == nil {
		e.journals = map[*os.File]bool{}
	}
	e.journals[f] = true
}

// PersistEnds makes it durable that the drafts are gone which ended until now: before what they became is deleted from the store, or renamed there, for
// else a power cut would bring a draft back that was sent long ago, and the next daemon would send it once more. It costs nothing where no draft ended
// that Sync or Persist had made durable.
func (c *Cache) PersistEnds() error {
	e := &c.ends
	e.writing.Lock()
	defer e.writing.Unlock()
	c.mu.Lock()
	journals, names := e.journals, e.names
	e.journals, e.names = nil, false
	c.mu.Unlock()
	if len(journals) >= togetherFrom && c.syncAll() == nil {
		return nil
	}
	var err error
	for f := range journals {
		switch one := f.Sync(); {
		case errors.Is(one, os.ErrClosed): // removed since
			names = true
		case one != nil:
			err = errors.Join(err, one)
		}
	}
	if names {
		err = errors.Join(err, syncDir(c.folder.path(draftsDir)))
	}
	if err == nil {
		return nil
	}
	c.mu.Lock()
	e.names = true
	for f := range journals {
		e.note(f)
	}
	c.mu.Unlock()
	return fmt.Errorf("cache: ends of drafts: %w", err)
}
