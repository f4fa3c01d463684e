package cache

import (
	"errors"
	"os"
)

// compact writes the journal anew when most of it is history. A failure leaves the old one, which is right. The caller holds mu.
func (d *Draft) compact() {
	if int64(len(d.t.pieces))*pieceSize*4 > d.j.end {
		d.compactAt = 2 * d.j.end
		return
	}
	j, err := d.rewrite()
	if err != nil {
		d.c.log.Warn("draft journal not rewritten", "draft", d.id, "err", err)
		d.compactAt = 2 * d.j.end
		return
	}
	d.j.f.Close()
	d.j, d.dirSynced, d.named = j, false, false
	d.compactAt = max(compactFrom, 4*j.end)
}

// rewrite makes a journal of the present state and puts it in the place of the old one.
func (d *Draft) rewrite() (j journal, err error) {
	if err := d.spill(); err != nil { // the new journal has no bytes
		return j, err
	}
	fo, tmp := d.c.folder, journalOf(d.stem)+".tmp"
	if err := fo.remove(tmp); err != nil {
		return j, err
	}
	if j.salt, err = newSalt(); err != nil {
		return j, err
	}
	if j.f, err = fo.open(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL); err != nil {
		return j, err
	}
	records := append([]record{d.d.create(0)}, tableRecords(&d.t)...)
	if d.d.origin != (Origin{}) { // a piece of it may be about to be recorded
		records = append(records, d.d.origin.record())
	}
	if d.d.upload.ID != "" {
		records = append(records, d.d.upload.record())
	}
	if len(d.d.perhaps) > 0 {
		records = append(records, perhapsRecord(d.d.perhaps))
	}
	if d.d.lent {
		records = append(records, d.d.directRecord())
	}
	err = j.append(records...)
	if err == nil {
		err = j.reserve(journalKeep)
	}
	if err == nil {
		err = j.f.Sync() // a rename that outlives the bytes would lose the draft
	}
	if err == nil {
		err = os.Rename(fo.path(tmp), fo.path(journalOf(d.stem)))
	}
	if err != nil {
		return j, errors.Join(err, j.f.Close(), fo.remove(tmp))
	}
	return j, nil
}
