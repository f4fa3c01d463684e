package fs

import (
	"allasfs/cache"
)

// supersede keeps for `allasfs recover` what an earlier mount left to be sent to a key whose file was removed or renamed here since: sent now, it
// would bring the name back with bytes that are older than the removal.
func (f *FS) supersede(bucket, key string) {
	f.mu.Lock()
	var old []*cache.Draft
	for _, d := range f.orphans {
		if t := d.Target(); t.Bucket == bucket && t.Key == key {
			old = append(old, d)
		}
	}
	f.mu.Unlock()
	for _, d := range old {
		if state, _ := d.State(); state != cache.StateClosed {
			continue
		}
		if err := d.SetState(cache.StateConflict, "a file of this name was removed or renamed after this was written"); err != nil {
			f.log.Error("journal of a draft", "bucket", bucket, "key", key, "err", err)
		}
	}
}
