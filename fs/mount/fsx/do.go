package fsx

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const pageSize = 4096

// pages is n rounded up to whole pages.
func pages(n int64) int64 { return (n + pageSize - 1) &^ (pageSize - 1) }

// do does one operation and compares what it shows, and the size after it.
func (r *run) do(o Op) error {
	n := o.Len
	o.Off = min(o.Off, r.o.Max-1)
	o.Len = min(o.Len, r.o.Max-o.Off)
	var did bool
	var err error
	switch o.Kind {
	case Read, MapRead, DirectRead, Seek:
		did, err = r.look(o)
	case Write, Append, DirectWrite:
		o.Len = n
		did, err = r.write(o)
	case MapWrite, MapDirty:
		did, err = true, r.mapWrite(o)
	case Truncate, TruncatePath:
		did, err = true, r.truncate(o)
	case Punch, Zero, ZeroKeep, Allocate, AllocateKeep:
		did, err = true, r.allocate(o)
	case Copy, CopyIn:
		did, err = r.copy(o)
	default:
		did, err = true, r.handles(o)
	}
	if errors.Is(err, syscall.EOPNOTSUPP) {
		r.result.Refused[o.Kind]++
		did, err = false, nil
	}
	if did {
		r.result.Done[o.Kind]++
	}
	if err != nil {
		return err
	}
	return r.size()
}

// look does the operations that change nothing. Those on an empty file do nothing.
func (r *run) look(o Op) (bool, error) {
	size := int64(len(r.want))
	if size == 0 {
		return false, nil
	}
	o.Off %= size
	o.Len = min(o.Len, size-o.Off)
	switch o.Kind {
	case Read:
		return true, r.compare(o.Off, o.Len)
	case MapRead:
		return true, r.mapRead(o.Off, o.Len)
	case DirectRead:
		o.Off &^= pageSize - 1
		p := r.page[:pages(min(o.Len, size-o.Off))]
		n, err := r.direct.ReadAt(p, o.Off)
		if err == io.EOF && o.Off+int64(n) == size {
			err = nil
		}
		if err != nil {
			return true, err
		}
		return true, r.same(p[:n], o.Off)
	}
	return true, r.seek(o.Off)
}

// seek looks at the next hole and the next data: a hole is zeros.
func (r *run) seek(off int64) error {
	size := int64(len(r.want))
	hole, err := unix.Seek(int(r.file.Fd()), off, unix.SEEK_HOLE)
	if err != nil || hole < off || hole > size {
		return fmt.Errorf("SEEK_HOLE from %#x: %#x, %w", off, hole, err)
	}
	if hole == size {
		return nil
	}
	end, err := unix.Seek(int(r.file.Fd()), hole, unix.SEEK_DATA)
	if err == unix.ENXIO {
		end, err = size, nil
	}
	if err != nil || end < hole || end > size {
		return fmt.Errorf("SEEK_DATA from %#x: %#x, %w", hole, end, err)
	}
	return r.same(make([]byte, end-hole), hole)
}

// write does the operations of write(2).
func (r *run) write(o Op) (bool, error) {
	f := r.file
	switch o.Kind {
	case Append:
		f, o.Off = r.adding, int64(len(r.want))
	case DirectWrite:
		f, o.Off, o.Len = r.direct, o.Off&^(pageSize-1), pages(o.Len)
	}
	if o.Len = min(o.Len, r.o.Max-o.Off); o.Kind == DirectWrite {
		o.Len &^= pageSize - 1
	}
	if o.Len <= 0 {
		return false, nil
	}
	p := r.page[:o.Len]
	fill(p, o.Off, o.Mark)
	var err error
	if o.Kind == Append {
		_, err = f.Write(p)
	} else {
		_, err = f.WriteAt(p, o.Off)
	}
	if err != nil {
		return true, err
	}
	r.put(p, o.Off)
	return true, nil
}

// put makes p what must be at off.
func (r *run) put(p []byte, off int64) {
	r.resize(max(int64(len(r.want)), off+int64(len(p))))
	copy(r.want[off:], p)
}

// truncate sets the size to the operation's offset.
func (r *run) truncate(o Op) error {
	var err error
	if o.Kind == Truncate {
		err = r.file.Truncate(o.Off)
	} else {
		err = os.Truncate(r.o.Path, o.Off)
	}
	if err == nil {
		r.resize(o.Off)
	}
	return err
}

// allocate does the operations of fallocate(2).
func (r *run) allocate(o Op) error {
	var mode uint32
	switch o.Kind {
	case Punch:
		mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	case Zero:
		mode = unix.FALLOC_FL_ZERO_RANGE
	case ZeroKeep:
		mode = unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE
	case AllocateKeep:
		mode = unix.FALLOC_FL_KEEP_SIZE
	}
	if err := unix.Fallocate(int(r.file.Fd()), mode, o.Off, o.Len); err != nil {
		return os.NewSyscallError("fallocate", err)
	}
	if mode&unix.FALLOC_FL_KEEP_SIZE == 0 {
		r.resize(max(int64(len(r.want)), o.Off+o.Len))
	}
	size := int64(len(r.want))
	if o.Kind != Allocate && o.Kind != AllocateKeep && o.Off < size {
		clear(r.want[o.Off:min(o.Off+o.Len, size)])
	}
	return nil
}

// copy copies within the file, or from the other one. Ranges that overlap are EINVAL by copy_file_range(2), so that they are cut short first.
func (r *run) copy(o Op) (bool, error) {
	in, from := r.file, r.want
	if o.Kind == CopyIn {
		in, from = r.other, r.source
	}
	if len(from) == 0 {
		return false, nil
	}
	o.Off %= int64(len(from))
	o.Dest = min(o.Dest, r.o.Max-1)
	o.Len = min(o.Len, int64(len(from))-o.Off, r.o.Max-o.Dest)
	if o.Kind == Copy {
		o.Len = min(o.Len, max(o.Off-o.Dest, o.Dest-o.Off))
	}
	if o.Len == 0 {
		return false, nil
	}
	p := append([]byte(nil), from[o.Off:o.Off+o.Len]...)
	for off, to := o.Off, o.Dest; off < o.Off+o.Len; {
		n, err := unix.CopyFileRange(int(in.Fd()), &off, int(r.file.Fd()), &to, int(o.Off+o.Len-off), 0)
		if err != nil {
			return true, os.NewSyscallError("copy_file_range", err)
		}
		if n == 0 {
			return true, errors.New("copy_file_range copied nothing")
		}
	}
	r.put(p, o.Dest)
	return true, nil
}

// handles does the operations that are about handles and pages.
func (r *run) handles(o Op) error {
	switch o.Kind {
	case Sync:
		return r.file.Sync()
	case Drop:
		if err := r.file.Sync(); err != nil {
			return err
		}
		return unix.Fadvise(int(r.file.Fd()), 0, 0, unix.FADV_DONTNEED)
	case DupClose:
		fd, err := unix.Dup(int(r.file.Fd()))
		if err != nil {
			return err
		}
		return unix.Close(fd)
	case Reopen:
		return r.reopen(0)
	case Empty:
		return r.reopen(os.O_TRUNC)
	}
	return fmt.Errorf("no operation %q", o.Kind)
}
