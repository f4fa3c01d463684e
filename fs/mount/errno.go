package mount

import (
	"context"
	"errors"
	iofs "io/fs"
	"net"
	"os"
	"syscall"

	"allasfs/fs/name"
	"allasfs/s3"
)

// errnos is the table from errors to errnos. What is not in it, and holds no errno of its own, is EIO.
var errnos = []struct {
	err   error
	errno syscall.Errno
}{
	{s3.ErrChanged, syscall.ESTALE},
	{s3.ErrQuota, syscall.EDQUOT},
	{s3.ErrNotEmpty, syscall.ENOTEMPTY},
	{s3.ErrTooLarge, syscall.EFBIG},
	{s3.ErrBadName, syscall.EINVAL},
	{s3.ErrTimeout, syscall.ETIMEDOUT},
	{s3.ErrCredentials, syscall.EACCES},
	{s3.ErrClockSkew, syscall.EACCES},
	{s3.ErrCorrupt, syscall.EIO},
	{name.ErrTooLong, syscall.ENAMETOOLONG},
	{name.ErrInvalid, syscall.EINVAL},
	{context.Canceled, syscall.EINTR},
	{context.DeadlineExceeded, syscall.ETIMEDOUT},
	{os.ErrDeadlineExceeded, syscall.ETIMEDOUT},
	{os.ErrNotExist, syscall.ENOENT},
	{os.ErrExist, syscall.EEXIST},
	{os.ErrPermission, syscall.EACCES},
	{errors.ErrUnsupported, syscall.EOPNOTSUPP},
}

// toErrno returns what a program sees of err; 0 for nil. An errno that package fs chose passes through. One that the local system or the network
// gave to this process (a socket's ECONNREFUSED, ENOENT of a cache file) means nothing to the program: EIO, unless the local disk is full.
// ENOSYS is EIO too, see the package's doc.
func toErrno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	errno, _ := classify(err, false)
	if errno == 0 || errno == syscall.ENOSYS {
		return syscall.EIO
	}
	return errno
}

// classify walks err's tree, outermost and first causes first, as errors.Is does. inStore tells that err is the cause of an *s3.Error.
func classify(err error, inStore bool) (syscall.Errno, bool) {
	switch e := err.(type) {
	case nil:
		return 0, false
	case syscall.Errno:
		if inStore {
			return syscall.EIO, true
		}
		return e, true
	case *iofs.PathError, *os.LinkError, *os.SyscallError, net.Error:
		if errno := local(err); errno != 0 {
			return errno, true
		}
	case *s3.Error:
		inStore = true
	}
	for _, row := range errnos {
		if err == row.err {
			return row.errno, true
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return classify(e.Unwrap(), inStore)
	case interface{ Unwrap() []error }:
		for _, cause := range e.Unwrap() {
			if errno, ok := classify(cause, inStore); ok {
				return errno, true
			}
		}
	}
	return 0, false
}

// local is the errno for a failure of this machine; 0 for a context's end, which is a net.Error too.
func local(err error) syscall.Errno {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, errno) {
			return errno
		}
	}
	if err == context.DeadlineExceeded || errors.Is(err, context.Canceled) {
		return 0
	}
	if e, ok := err.(net.Error); ok && e.Timeout() {
		return syscall.ETIMEDOUT
	}
	return syscall.EIO
}

// plain tells the errnos that say all there is to say; the others are reported.
func plain(e syscall.Errno) bool {
	switch e {
	case syscall.ENOENT, syscall.EEXIST, syscall.EACCES, syscall.EPERM, syscall.ENOTEMPTY, syscall.EINVAL, syscall.ENAMETOOLONG, syscall.EINTR,
		syscall.ENOTDIR, syscall.EISDIR, syscall.EXDEV, syscall.EROFS, syscall.EBADF, syscall.ENXIO, syscall.ENODATA, syscall.ERANGE, syscall.EOPNOTSUPP,
		syscall.ELOOP, syscall.EFBIG, syscall.EBUSY, syscall.ESTALE:
		return true
	}
	return false
}
