package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const damagedExt = ".damaged"

// recoverDrafts opens what an earlier daemon left. Files of a draft that cannot be read are renamed and told of, never removed; only an
// error of the folder itself comes back.
func (c *Cache) recoverDrafts() error {
	entries, err := os.ReadDir(c.folder.path(draftsDir))
	if err != nil {
		return err
	}
	names := map[string]bool{}
	var stems []stem
	for _, e := range entries {
		names[e.Name()] = true
		id, ext, _ := strings.Cut(e.Name(), ".")
		switch {
		case strings.HasSuffix(e.Name(), damagedExt):
			c.damaged = append(c.damaged, c.folder.path(filepath.Join(draftsDir, e.Name())))
		case ext == "log.tmp":
			if err := c.folder.remove(filepath.Join(draftsDir, e.Name())); err != nil {
				return err
			}
		case (ext == "log" || ext == "data") && !slices.Contains(stems, stem(id)):
			stems = append(stems, stem(id))
		}
		if n, err := strconv.ParseInt(id, 16, 64); err == nil {
			c.draftNo = max(c.draftNo, n)
		}
	}
	for _, s := range stems {
		if err := c.recoverDraft(s, names[string(s)+".log"], names[string(s)+".data"]); err != nil {
			return err
		}
	}
	return nil
}

// recoverDraft opens one draft, or removes it when it was gone or not yet there, or moves it aside.
func (c *Cache) recoverDraft(files stem, hasJournal, hasData bool) error {
	d := &Draft{c: c, id: string(files), stem: files, compactAt: compactFrom}
	err := fmt.Errorf("%w: missing", errDamaged)
	if hasJournal {
		err = d.readJournal()
	}
	switch {
	case err == nil && d.d.gone,
		err == nil && !hasData && !d.d.inline.on && d.j.seq == 1, // the daemon died in NewDraft
		errors.Is(err, errBlank) && !hasData:
		d.close()
		return errors.Join(c.folder.remove(dataOf(files)), c.folder.remove(journalOf(files)))
	case err == nil && d.d.inline.on && hasData: // it died in spill
		err = c.folder.remove(dataOf(files))
	case err == nil && !hasData && !d.d.inline.on:
		err = fmt.Errorf("%w: no data file", errDamaged)
	}
	if err == nil && !d.d.inline.on {
		err = d.openData()
	}
	if err == nil && c.drafts[d.id] != nil {
		err = fmt.Errorf("%w: a second one of draft %s", errDamaged, d.id)
	}
	if err != nil {
		d.close()
		return c.setAside(files, err)
	}
	if d.d.lent && d.d.clean { // the store has it
		d.close()
		return errors.Join(c.folder.remove(dataOf(files)), c.folder.remove(journalOf(files)))
	}
	d.durable, d.left = true, true
	d.tell()
	c.drafts[d.id] = d
	c.draftUse += d.t.local
	c.inlineUse += int64(len(d.d.inline.mem))
	if n, err := strconv.ParseInt(d.id, 16, 64); err == nil {
		c.draftNo = max(c.draftNo, n)
	}
	d.doubt()
	return nil
}

// readJournal replays the journal and leaves it open for more.
func (d *Draft) readJournal() (err error) {
	if d.j.f, err = d.c.folder.open(journalOf(d.stem), os.O_RDWR); err != nil {
		return err
	}
	b, err := os.ReadFile(d.c.folder.path(journalOf(d.stem)))
	if err != nil {
		return err
	}
	rs, end, err := parseJournal(b)
	if err != nil {
		return err
	}
	for i, r := range rs {
		if err := d.d.replay(&d.t, r.record, i == 0); err != nil {
			return err
		}
	}
	if d.d.id != "" {
		d.id = d.d.id
	}
	if tornRecord(b, end, rs[0].salt) {
		d.c.log.Warn("draft: last journal record was torn and is dropped", "draft", d.id, "bytes", int64(len(b))-end)
	}
	d.j.end, d.j.seq, d.j.salt = end, uint32(len(rs)), rs[0].salt
	return d.j.f.Truncate(end)
}

// openData opens the data file and gives it the size of the draft: what stands behind was never recorded.
func (d *Draft) openData() (err error) {
	if d.data, err = d.c.folder.open(dataOf(d.stem), os.O_RDWR); err != nil {
		return err
	}
	if d.d.direct {
		return d.openDirect()
	}
	return d.data.Truncate(d.t.size)
}

// setAside renames the files of a draft that cannot be read.
func (c *Cache) setAside(files stem, why error) error {
	for _, name := range []string{journalOf(files), dataOf(files)} {
		err := os.Rename(c.folder.path(name), c.folder.path(name+damagedExt))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		c.damaged = append(c.damaged, c.folder.path(name+damagedExt))
	}
	c.log.Error("draft cannot be read and was moved aside", "draft", files, "dir", c.folder.path(draftsDir), "err", why)
	return nil
}

// closeDrafts closes the files of all drafts.
func (c *Cache) closeDrafts() error {
	var errs []error
	for _, d := range c.Drafts() {
		d.io.Lock()
		d.mu.Lock()
		if !d.d.gone {
			d.d.gone = true
			if d.data != nil {
				errs = append(errs, d.data.Close())
			}
			errs = append(errs, d.j.f.Close())
		}
		d.mu.Unlock()
		d.io.Unlock()
	}
	return errors.Join(append(errs, c.removeSpares())...)
}
