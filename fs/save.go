package fs

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// PartOfSave is what the name of the file begins with that RecoverSave of the kept file id writes, in the same folder, until it is whole.
func PartOfSave(id string) string { return ".allasfs-" + id + "-" }

// saveNew makes a local file, of mode 0600, of what r reads, by way of one beside it whose name begins with part. It is on the disk, and so is its name. os.ErrExist when that is taken.
func saveNew(file, part string, r io.Reader) (err error) {
	if _, err := os.Lstat(file); err == nil {
		return &os.PathError{Op: "create", Path: file, Err: os.ErrExist}
	}
	w, err := os.CreateTemp(filepath.Dir(file), part+"*")
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
	syncFolder(filepath.Dir(file))
	return nil
}

// syncFolder brings the names in a folder to the disk, as far as its file system does that, and allows to read it.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
