package fs

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// saveNew makes a local file, of mode 0600, of what r reads, by way of one beside it. os.ErrExist when the name is taken.
func saveNew(file string, r io.Reader) (err error) {
	if _, err := os.Lstat(file); err == nil {
		return &os.PathError{Op: "create", Path: file, Err: os.ErrExist}
	}
	w, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(w.Name()))
		}
	}()
	_, err = io.Copy(w, r)
	if err = errors.Join(err, w.Sync(), w.Close()); err != nil {
		return err
	}
	err = unix.Renameat2(unix.AT_FDCWD, w.Name(), unix.AT_FDCWD, file, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // not every file system can
		err = os.Rename(w.Name(), file)
	}
	if err != nil {
		return &os.PathError{Op: "create", Path: file, Err: err}
	}
	return nil
}
