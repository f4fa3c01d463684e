package fs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"allasfs/cache"
)

// The pages of a shared mapping, and of writes that the kernel collects, come when the program was told long ago that it has written them. What cannot be
// kept of them, for want of room mostly, is lost, and the kernel tells that to who syncs or closes next, but forgets it then. What came before and after
// it must not be sent: a good version in the store would be replaced by a file with a hole that no program made. So a file that lost a write is torn: close,
// fsync and the queue of uploads end in errTorn, and its draft's state says so in the journal, for what a crash leaves. That ends when the lost
// bytes were written again or cut off, or when a person sends the file as it is.

// tear is what of a file was lost; its fields are guarded by FS.mu, those that follow by node.drafting.
type tear struct {
	lost []cache.Span // ascending, not touching each other
	err  errTorn      // of the first loss

	of  *cache.Draft // whose state says so; nil = there is none yet
	was cache.State  // of it before
}

// tearSpans is how many ranges of a file are told apart that were lost: of more, what lies between them has to be written again, too.
const tearSpans = 1024

// errTorn is ENOSPC, EDQUOT, EFBIG or EIO, with what was lost and why.
type errTorn struct {
	errno syscall.Errno
	text  string
}

func (e errTorn) Error() string { return e.text }
func (e errTorn) Unwrap() error { return e.errno }

// tornBy is the error of a file that lost a write at off because of err.
func tornBy(off int64, err error) errTorn {
	e := errTorn{syscall.EIO, fmt.Sprintf("what a program had written from byte %d on was lost, and the file is not sent before that is written again: %v", off, err)}
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, errno) {
			e.errno = errno
		}
	}
	return e
}

// lose makes n torn: size bytes at off, which a program was told are written, could not be kept because of err. n's gate is held, so that nobody sends
// what is left.
func (f *FS) lose(n *node, off, size int64, err error) {
	if size <= 0 {
		return
	}
	n.drafting.Lock()
	defer n.drafting.Unlock()
	f.mu.Lock()
	if n.unlinked {
		f.mu.Unlock()
		return
	}
	t := f.torn[n]
	if t == nil {
		t = &tear{err: tornBy(off, err)}
		f.torn[n] = t
	}
	t.lost = withSpan(t.lost, cache.Span{Off: off, End: off + size})
	d := n.draft
	f.mu.Unlock()
	if d != nil {
		f.journalTear(t, d)
	}
}

// journalTear writes down that d is of a torn file, and makes that durable where d is closed, and so may be durable itself; node.drafting is held.
func (f *FS) journalTear(t *tear, d *cache.Draft) {
	if t.of == d {
		return
	}
	t.of = d
	t.was, _ = d.State()
	closed := t.was == cache.StateClosed
	var err error
	if closed {
		err = f.olderStays(d)
	}
	err = errors.Join(err, d.SetState(cache.StateConflict, plain(t.err)))
	if closed {
		err = errors.Join(err, d.Persist())
	}
	if err != nil {
		f.log.Error("journal of a draft", "bucket", d.Target().Bucket, "key", d.Target().Key, "err", err)
	}
}

// regain notes that size bytes of n at off are those that were written last, or were cut off: what was lost there is lost no more. n's gate is held.
func (f *FS) regain(n *node, off, size int64) {
	if f.tornOf(n) == nil {
		return
	}
	n.drafting.Lock()
	defer n.drafting.Unlock()
	f.mu.Lock()
	t := f.torn[n]
	if t == nil {
		f.mu.Unlock()
		return
	}
	t.lost = withoutSpan(t.lost, cache.Span{Off: off, End: off + size})
	d, whole := n.draft, len(t.lost) == 0
	if whole {
		delete(f.torn, n)
	}
	f.mu.Unlock()
	if !whole || d == nil || t.of != d {
		return
	}
	if err := d.SetState(t.was, ""); err != nil {
		f.log.Error("journal of a draft", "bucket", d.Target().Bucket, "key", d.Target().Key, "err", err)
	}
}

// tornOf is errTorn for a file that lost a write, else nil.
func (f *FS) tornOf(n *node) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tear(n)
}

// tear is tornOf; needs f.mu.
func (f *FS) tear(n *node) error {
	if t := f.torn[n]; t != nil && !n.unlinked {
		return t.err
	}
	return nil
}

// closeDraft writes down that n's draft d is complete, and why it was not sent yet, "" = nothing went wrong, unless n is torn: then it returns errTorn. n's gate is held.
func (f *FS) closeDraft(n *node, d *cache.Draft, why string) error {
	n.drafting.Lock()
	defer n.drafting.Unlock()
	if err := f.tornOf(n); err != nil {
		return err
	}
	return d.SetState(cache.StateClosed, why)
}

// withSpan is spans with s among them.
func withSpan(spans []cache.Span, s cache.Span) []cache.Span {
	from, _ := slices.BinarySearchFunc(spans, s.Off, func(x cache.Span, off int64) int { return cmp.Compare(x.End, off) })
	to := from
	for ; to < len(spans) && spans[to].Off <= s.End; to++ {
		s = cache.Span{Off: min(s.Off, spans[to].Off), End: max(s.End, spans[to].End)}
	}
	spans = slices.Replace(spans, from, to, s)
	if len(spans) > tearSpans {
		return []cache.Span{{Off: spans[0].Off, End: spans[len(spans)-1].End}}
	}
	return spans
}

// withoutSpan is what of spans lies outside s.
func withoutSpan(spans []cache.Span, s cache.Span) []cache.Span {
	var left []cache.Span
	for _, x := range spans {
		for _, y := range []cache.Span{{Off: x.Off, End: min(x.End, s.Off)}, {Off: max(x.Off, s.End), End: x.End}} {
			if y.Off < y.End {
				left = append(left, y)
			}
		}
	}
	return left
}
