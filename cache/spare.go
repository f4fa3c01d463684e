package cache

import (
	"errors"
	"os"
	"path/filepath"
)

const (
	maxSpare  = 512               // journals kept for later drafts: with write-back so many wait for their upload before the first ends
	allSpare  = 16 << 20          // bytes on disk of all of them
	mostSpare = 2 * inlineJournal // of one
)

// stem names the files of a draft: the ID of the first draft that had its journal.
type stem string

func dataOf(s stem) string    { return filepath.Join(draftsDir, string(s)+".data") }
func journalOf(s stem) string { return filepath.Join(draftsDir, string(s)+".log") }

// spare is the journal of a draft that is gone, which its last record says. A later draft writes its own from the start: making a file costs a
// hundred times as much as writing a record.
type spare struct {
	stem  stem
	f     *os.File
	took  int64 // of the disk
	named bool  // see Draft.named
}

// takeSpare gives a draft a journal that is there already, if there is one.
func (d *Draft) takeSpare() bool {
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.spares) - 1
	if n < 0 {
		return false
	}
	s := c.spares[n]
	c.spares = c.spares[:n]
	c.spareUse -= s.took
	d.stem, d.j.f, d.j.took, d.named = s.stem, s.f, s.took, s.named
	return true
}

// keepSpare keeps the journal of a draft that is gone, as its last record says; false when it is not worth it. The caller holds Draft.mu.
func (d *Draft) keepSpare() bool {
	c := d.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.spares) == maxSpare || d.j.end > mostSpare || d.j.took > mostSpare || c.spareUse+d.j.took > allSpare {
		return false
	}
	c.ends.ended(d, true)
	c.spareUse += d.j.took
	c.spares = append(c.spares, spare{stem: d.stem, f: d.j.f, took: d.j.took, named: d.named})
	return true
}

// removeSpares removes the journals that wait for drafts.
func (c *Cache) removeSpares() (err error) {
	c.mu.Lock()
	spares := c.spares
	c.spares, c.spareUse = nil, 0
	c.mu.Unlock()
	for _, s := range spares {
		err = errors.Join(err, s.f.Close(), c.folder.remove(journalOf(s.stem)))
	}
	return err
}
