package fs

import (
	"errors"
	"sync/atomic"
	"time"

	"allasfs/s3"
)

// sameAsk is how soon after a failed READ another one of the same offset is the kernel's second try for the same read(2): at once, but machines may be busy.
const sameAsk = time.Second

// timedOut remembers a read of a handle for which the store gave no answer in time. When reading ahead fails, the kernel asks once more for the first page
// (filemap_read in mm/filemap.c calls filemap_read_folio for a folio that is not up to date): the program would wait twice as long as it was promised.
type timedOut struct{ last atomic.Pointer[failedRead] }

type failedRead struct {
	off int64
	at  time.Time
	err error
}

// note keeps the failure of a read at off, if err is one for want of an answer.
func (t *timedOut) note(off int64, err error) {
	if errors.Is(err, s3.ErrTimeout) {
		t.last.Store(&failedRead{off, time.Now(), err})
	}
}

// again returns the failure that has just been told of a read at off, once; nil = it is to be tried.
func (t *timedOut) again(off int64) error {
	l := t.last.Load()
	if l == nil || l.off != off || time.Since(l.at) > sameAsk || !t.last.CompareAndSwap(l, nil) {
		return nil
	}
	return l.err
}
