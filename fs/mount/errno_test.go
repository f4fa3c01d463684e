package mount

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"net"
	"os"
	"syscall"
	"testing"

	"allasfs/fs/name"
	"allasfs/s3"
)

// stale is an error that package fs makes: an errno of its own choice, with the store's words.
type stale struct{ cause error }

func (e stale) Error() string   { return "changed" }
func (e stale) Unwrap() []error { return []error{syscall.ESTALE, e.cause} }

func TestErrno(t *testing.T) {
	store := func(err error) error { return &s3.Error{Op: "get", Err: err} }
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, c := range []struct {
		name string
		err  error
		want syscall.Errno
	}{
		{"nil", nil, 0},
		{"errno", syscall.EXDEV, syscall.EXDEV},
		{"wrapped errno", fmt.Errorf("rename: %w", syscall.EPERM), syscall.EPERM},
		{"not exist", os.ErrNotExist, syscall.ENOENT},
		{"not exist in the store", fmt.Errorf("open: %w", store(os.ErrNotExist)), syscall.ENOENT},
		{"exist", store(os.ErrExist), syscall.EEXIST},
		{"permission", store(os.ErrPermission), syscall.EACCES},
		{"changed", store(s3.ErrChanged), syscall.ESTALE},
		{"changed and gone", store(fmt.Errorf("%w: %w", s3.ErrChanged, os.ErrNotExist)), syscall.ESTALE},
		{"gone, as fs tells a reader", stale{store(os.ErrNotExist)}, syscall.ESTALE},
		{"quota", store(s3.ErrQuota), syscall.EDQUOT},
		{"not empty", store(s3.ErrNotEmpty), syscall.ENOTEMPTY},
		{"too large", store(s3.ErrTooLarge), syscall.EFBIG},
		{"bad name", store(s3.ErrBadName), syscall.EINVAL},
		{"timeout", store(fmt.Errorf("%w: %w", s3.ErrTimeout, refused)), syscall.ETIMEDOUT},
		{"credentials", store(s3.ErrCredentials), syscall.EACCES},
		{"clock", store(fmt.Errorf("%w (this one is 1h ahead)", s3.ErrClockSkew)), syscall.EACCES},
		{"corrupt", store(s3.ErrCorrupt), syscall.EIO},
		{"name", fmt.Errorf("x: %w", name.ErrInvalid), syscall.EINVAL},
		{"long name", name.ErrTooLong, syscall.ENAMETOOLONG},
		{"interrupted", fmt.Errorf("x: %w", context.Canceled), syscall.EINTR},
		{"interrupted request", store(context.Canceled), syscall.EINTR},
		{"deadline", context.DeadlineExceeded, syscall.ETIMEDOUT},
		{"deadline in the store", store(context.DeadlineExceeded), syscall.ETIMEDOUT},
		{"unsupported", store(errors.ErrUnsupported), syscall.EOPNOTSUPP},
		{"connection refused is not the program's", store(refused), syscall.EIO},
		{"a bare errno of the network", store(syscall.ECONNRESET), syscall.EIO},
		{"a cache file that is gone is not the program's file", &iofs.PathError{Op: "open", Path: "/c", Err: syscall.ENOENT}, syscall.EIO},
		{"the cache's disk is full", fmt.Errorf("draft: %w", &iofs.PathError{Op: "write", Path: "/c", Err: syscall.ENOSPC}), syscall.ENOSPC},
		{"the cache's quota is full", &iofs.PathError{Op: "write", Path: "/c", Err: syscall.EDQUOT}, syscall.EDQUOT},
		{"joined", errors.Join(errors.New("words"), syscall.ENOTDIR), syscall.ENOTDIR},
		{"unknown", errors.New("words"), syscall.EIO},
		{"never ENOSYS", syscall.ENOSYS, syscall.EIO},
		{"never ENOSYS, wrapped", fmt.Errorf("flush: %w", syscall.ENOSYS), syscall.EIO},
		{"closed", os.ErrClosed, syscall.EIO},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := toErrno(c.err); got != c.want {
				t.Errorf("toErrno(%v) = %v, want %v", c.err, got, c.want)
			}
		})
	}
}

func TestEveryRowOfTheTableIsReached(t *testing.T) {
	for _, row := range errnos {
		if got := toErrno(fmt.Errorf("a: %w", &s3.Error{Err: fmt.Errorf("b: %w", row.err)})); got != row.errno {
			t.Errorf("%v: got %v, want %v", row.err, got, row.errno)
		}
	}
}
