package cache

import (
	"encoding/binary"
	"slices"
)

// perhapsMost is how many objects are remembered that the store may have made of a draft; it carries out what it took long ago no more.
const perhapsMost = 8

// Perhaps is an object that the store may hold under a draft's target, though no answer said so: it is ours, and may be replaced.
type Perhaps struct {
	ETag string

	// Other is set for other bytes than an earlier state of the draft had: those of an older draft that it replaces, or wrong ones that the store made of it. Where
	// the draft takes bytes from its base, this object has others.
	Other bool
}

func perhapsRecord(all []Perhaps) record {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(all)))
	for _, p := range all {
		b = appendBool(appendString(b, p.ETag), p.Other)
	}
	return record{recPerhaps, b}
}

func (d *decoder) perhaps() (all []Perhaps) {
	for n := d.uint32(); n > 0 && !d.bad; n-- {
		all = append(all, Perhaps{ETag: d.string(), Other: d.bool()})
	}
	return all
}

// AddPerhaps journals what the store may hold of the draft, beside what it was told before, so that a crash does not make another client's work of it. It is
// no change of the draft. After an error this daemon remembers it all the same.
func (d *Draft) AddPerhaps(more ...Perhaps) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := slices.Clone(d.d.perhaps)
	for _, p := range more {
		if p.ETag != "" && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	if len(all) == len(d.d.perhaps) {
		return nil
	}
	d.d.perhaps = all[max(len(all)-perhapsMost, 0):]
	d.tell()
	return d.log(perhapsRecord(d.d.perhaps))
}

// Perhaps is what AddPerhaps was told, by an earlier daemon too; the last ones, the oldest of them first. Like Size it waits for nothing.
func (d *Draft) Perhaps() []Perhaps { return slices.Clone(d.told.Load().perhaps) }
