package cache

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrInUse tells that another daemon holds the folder; errors.As with an *InUseError finds out which.
var ErrInUse = errors.New("cache folder in use")

// ErrNotCache tells that a folder holds other things than a cache: it is not touched.
var ErrNotCache = errors.New("it is neither empty nor a cache folder")

// InUseError is ErrInUse with the one that holds the folder.
type InUseError struct {
	Dir string
	PID int // 0 = not known
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("cache folder %s is in use by process %d", e.Dir, e.PID)
}

// Is makes errors.Is(err, ErrInUse) true.
func (e *InUseError) Is(target error) bool { return target == ErrInUse }

// lockName is the file by which a daemon holds the folder.
const lockName = "lock"

// folder is the locked place on disk. Everything in it is opened through its methods, none of which follows a symbolic link.
type folder struct {
	dir  string // absolute, links resolved
	lock *os.File

	naming  sync.Mutex // held while the names above the drafts are made durable
	named   bool       // they are
	parents []string   // that openFolder made directories in
}

// openFolder makes dir when it is missing, refuses one that is another user's or holds other things, and locks it.
func openFolder(dir string) (*folder, error) {
	if dir == "" {
		return nil, fmt.Errorf("cache: no folder given: %w", os.ErrInvalid)
	}
	parents := parentsOfMissing(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	real, err := checkFolder(dir)
	if err == nil {
		err = makePrivate(real)
	}
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	fo := &folder{dir: real, parents: parents}
	if err := fo.acquire(); err != nil {
		return nil, err
	}
	return fo, nil
}

// CheckFolder tells whether Open would refuse dir, and changes nothing: os.ErrPermission when it is another user's, ErrNotCache, or syscall.ENOTDIR. One that is
// missing is right.
func CheckFolder(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, err := checkFolder(dir); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	return nil
}

// checkFolder returns where dir really is. A link at dir itself counts only when this user or root made it.
func checkFolder(dir string) (string, error) {
	if err := ours(dir, true); err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	if real, err = filepath.Abs(real); err != nil {
		return "", err
	}
	if err := ours(real, false); err != nil {
		return "", err
	}
	st, err := os.Lstat(real)
	if err != nil {
		return "", err
	}
	if !st.IsDir() {
		return "", &os.PathError{Op: "open", Path: real, Err: syscall.ENOTDIR}
	}
	return real, isCache(real)
}

// isCache is ErrNotCache for a directory that holds something, and was not made a cache folder by this package.
func isCache(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	locked, made, other := false, false, ""
	for _, e := range entries {
		switch name := e.Name(); {
		case name == lockName && e.Type().IsRegular():
			locked = true
		case (name == blocksDir || name == draftsDir) && e.IsDir():
			made = true
		case name == intentsDir && e.IsDir(), name == "lost+found": // which a new file system has
		case e.Type() == os.ModeSymlink && (name == lockName || name == blocksDir || name == draftsDir): // not followed: opening it fails
		default:
			other = name
		}
	}
	if other != "" && !(locked && made) { // beside those other files of the mount may lie; one of the two folders may have been removed by hand, to free the disk
		return fmt.Errorf("%s: %w: it holds %s", dir, ErrNotCache, other)
	}
	return nil
}

// makePrivate shuts other users out of dir.
func makePrivate(dir string) error {
	st, err := os.Lstat(dir)
	if err != nil || st.Mode().Perm() == 0o700 {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// ours refuses what another user owns; root's is accepted for links, which root may have set up for everybody.
func ours(path string, rootToo bool) error {
	st, err := os.Lstat(path)
	if err != nil {
		return err
	}
	uid := st.Sys().(*syscall.Stat_t).Uid
	if uid == uint32(os.Geteuid()) || rootToo && uid == 0 {
		return nil
	}
	return fmt.Errorf("%s belongs to user %d, not to this one: %w", path, uid, os.ErrPermission)
}

// acquire takes the lock of the folder and writes this process' id into its file.
func (fo *folder) acquire() error {
	f, err := fo.open(lockName, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return fmt.Errorf("cache: lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		defer f.Close()
		return &InUseError{Dir: fo.dir, PID: readPID(f)}
	}
	if err == nil {
		err = writePID(f)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("cache: lock %s: %w", f.Name(), err)
	}
	fo.lock = f
	return nil
}

func readPID(f *os.File) int {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0)
	pid, _ := strconv.Atoi(string(bytes.TrimSpace(b[:n])))
	return pid
}

// writePID tolerates a full disk: the lock holds without the number.
func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return nil
	}
	return err
}

// release gives the lock back.
func (fo *folder) release() error { return fo.lock.Close() }

func (fo *folder) path(name string) string { return filepath.Join(fo.dir, name) }

// open opens a file of the folder with mode 0600, and refuses a symbolic link (ELOOP).
func (fo *folder) open(name string, flags int) (*os.File, error) {
	return os.OpenFile(fo.path(name), flags|unix.O_NOFOLLOW, 0o600)
}

// mkdir makes a directory of the folder unless it is there; anything else of that name is ENOTDIR.
func (fo *folder) mkdir(name string) error {
	err := os.Mkdir(fo.path(name), 0o700)
	if !errors.Is(err, os.ErrExist) {
		return err
	}
	st, err := os.Lstat(fo.path(name))
	if err == nil && !st.IsDir() {
		err = &os.PathError{Op: "mkdir", Path: fo.path(name), Err: syscall.ENOTDIR}
	}
	return err
}

// remove unlinks a file; a missing one is no error.
func (fo *folder) remove(name string) error {
	err := os.Remove(fo.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// replace makes b the content of a file at once, by way of the file part.
func (fo *folder) replace(part, name string, b []byte) error {
	f, err := fo.open(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(fo.path(part), fo.path(name))
	}
	if err != nil {
		err = errors.Join(err, fo.remove(part))
	}
	return err
}

// onDisk is what a file takes on its disk, in bytes.
func onDisk(f *os.File) (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, os.NewSyscallError("fstat", err)
	}
	return st.Blocks * 512, nil
}
