package fsx

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Options of a run.
type Options struct {
	Path   string // the file; it is made where it is missing
	Max    int64  // bytes that the file may grow to
	Source string // another file that is never changed, for CopyIn; "" = none

	// Closed is called with what the file must hold after each time that it was closed, at the start and at the end. nil = nobody asks.
	Closed func(path string, want []byte) error
}

// Result is what a run did.
type Result struct {
	Done    map[Kind]int // operations that were done on some byte at least
	Refused map[Kind]int // those that the file system does not have: EOPNOTSUPP, and nothing changed
}

// run is a file under test.
type run struct {
	o                    Options
	file, adding, direct *os.File
	want                 []byte // what the file must hold
	source               []byte // what the file holds that CopyIn takes from
	other                *os.File
	page                 []byte // one aligned buffer, for O_DIRECT
	at                   Op     // the one that is being done
	result               Result
}

// Failure is a run that went wrong at operation N, from 0; N is the number of operations when it went wrong after them.
type Failure struct {
	N   int
	Op  Op
	Err error
}

func (f *Failure) Error() string { return fmt.Sprintf("fsx: operation %d (%s): %v", f.N, f.Op, f.Err) }

// Unwrap gives the operation's error.
func (f *Failure) Unwrap() error { return f.Err }

// Replay does operations on the file, which begins as it is. What differs from what must be there, and an error of any call, is a *Failure.
func Replay(o Options, ops []Op) (Result, error) {
	r := &run{o: o, result: Result{Done: map[Kind]int{}, Refused: map[Kind]int{}}}
	defer r.release()
	if err := r.start(); err != nil {
		return r.result, &Failure{Err: err}
	}
	for i, op := range ops {
		r.at = op
		if err := r.do(op); err != nil {
			return r.result, &Failure{N: i, Op: op, Err: err}
		}
	}
	r.at = Op{Kind: Reopen}
	if err := r.reopen(0); err != nil {
		return r.result, &Failure{N: len(ops), Op: r.at, Err: err}
	}
	return r.result, nil
}

// start opens the file and takes what it holds for right, if the owner of the store agrees.
func (r *run) start() (err error) {
	if r.page, err = unix.Mmap(-1, 0, int(pages(r.o.Max)+pageSize), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON); err != nil {
		return err
	}
	if r.o.Source != "" {
		if r.source, err = os.ReadFile(r.o.Source); err != nil {
			return err
		}
		if r.other, err = os.Open(r.o.Source); err != nil {
			return err
		}
	}
	if r.want, err = os.ReadFile(r.o.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil {
		if err := r.closed(); err != nil {
			return err
		}
	}
	return r.open(0)
}

func (r *run) closed() error {
	if r.o.Closed == nil {
		return nil
	}
	return r.o.Closed(r.o.Path, r.want)
}

func (r *run) open(flags int) (err error) {
	if r.file, err = os.OpenFile(r.o.Path, os.O_RDWR|os.O_CREATE|flags, 0o644); err != nil {
		return err
	}
	if flags&os.O_TRUNC != 0 {
		r.want = r.want[:0]
	}
	if r.adding, err = os.OpenFile(r.o.Path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return err
	}
	r.direct, err = os.OpenFile(r.o.Path, os.O_RDWR|syscall.O_DIRECT, 0)
	return err
}

// close closes all handles and forgets them.
func (r *run) close() error {
	var errs []error
	for _, f := range []**os.File{&r.adding, &r.direct, &r.file} {
		if *f != nil {
			errs = append(errs, (*f).Close())
			*f = nil
		}
	}
	return errors.Join(errs...)
}

func (r *run) release() {
	_ = r.close() // after a failure; else they are closed
	if r.other != nil {
		r.other.Close()
	}
	if r.page != nil {
		_ = unix.Munmap(r.page)
	}
}

// reopen closes, has the store compared, opens, and compares what is read.
func (r *run) reopen(flags int) error {
	if err := r.close(); err != nil {
		return err
	}
	if err := r.closed(); err != nil {
		return err
	}
	if err := r.open(flags); err != nil {
		return err
	}
	return r.compare(0, int64(len(r.want)))
}

// compare reads and compares a range that is within the file.
func (r *run) compare(off, n int64) error {
	got := make([]byte, n)
	if _, err := r.file.ReadAt(got, off); err != nil {
		return err
	}
	return r.same(got, off)
}

// same compares what was found at off with what must be there.
func (r *run) same(got []byte, off int64) error {
	want := r.want[off : off+int64(len(got))]
	if bytes.Equal(got, want) {
		return nil
	}
	first, last, bad := -1, 0, 0
	for i := range got {
		if got[i] != want[i] {
			if first < 0 {
				first = i
			}
			last = i
			bad++
		}
	}
	return fmt.Errorf("%d wrong bytes in [%#x, %#x] of %#x; the first %#x, want %#x", bad, off+int64(first), off+int64(last), len(r.want),
		got[first:min(first+8, len(got))], want[first:min(first+8, len(want))])
}

// size compares the size that stat(2) tells.
func (r *run) size() error {
	fi, err := r.file.Stat()
	if err == nil && fi.Size() != int64(len(r.want)) {
		err = fmt.Errorf("size %#x, want %#x", fi.Size(), len(r.want))
	}
	return err
}

// resize makes what must be there n bytes long; new ones are zero.
func (r *run) resize(n int64) {
	if d := n - int64(len(r.want)); d > 0 {
		r.want = append(r.want, make([]byte, d)...)
	}
	r.want = r.want[:n]
}
