package fsx

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mapped maps the pages of [off, off+n) and calls fn with them.
func (r *run) mapped(off, n int64, prot int, fn func(p []byte, from int64) error) error {
	from := off &^ (pageSize - 1)
	p, err := unix.Mmap(int(r.file.Fd()), from, int(pages(off+n-from)), prot, unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	err = fn(p, from)
	return errors.Join(err, os.NewSyscallError("munmap", unix.Munmap(p)))
}

func (r *run) mapRead(off, n int64) error {
	return r.mapped(off, n, unix.PROT_READ, func(p []byte, from int64) error {
		if err := r.same(p[off-from:off-from+n], off); err != nil {
			return err
		}
		return r.tail(p, from)
	})
}

// tail checks that what a mapping shows behind the end of the file is zero.
func (r *run) tail(p []byte, from int64) error {
	for i := int64(len(r.want)) - from; i < int64(len(p)); i++ {
		if i >= 0 && p[i] != 0 {
			return fmt.Errorf("a mapping shows %#x behind the end, at %#x of %#x", p[i], from+i, len(r.want))
		}
	}
	return nil
}

func (r *run) mapWrite(o Op) error {
	if end := o.Off + o.Len; end > int64(len(r.want)) {
		if err := r.file.Truncate(end); err != nil {
			return err
		}
		r.resize(end)
	}
	return r.mapped(o.Off, o.Len, unix.PROT_READ|unix.PROT_WRITE, func(p []byte, from int64) error {
		fill(p[o.Off-from:o.Off-from+o.Len], o.Off, o.Mark)
		copy(r.want[o.Off:], p[o.Off-from:o.Off-from+o.Len])
		if o.Kind == MapWrite {
			if err := unix.Msync(p, unix.MS_SYNC); err != nil {
				return os.NewSyscallError("msync", err)
			}
		}
		return r.tail(p, from)
	})
}
