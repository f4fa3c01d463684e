// Package powercut is a disk for tests whose power can be cut: a file system in memory, mounted by FUSE, which forgets at Cut what was not made
// durable. Bytes and size of a file are durable by fsync(2) of the file, names by fsync(2) of their directory, as POSIX promises and no more; what a
// real disk had written by itself at that moment is the test's to choose, since it is that disorder which does harm.
package powercut

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Disk is a file system and its durable state. Safe for concurrent use.
type Disk struct {
	t   testing.TB
	top string // the mountpoints are in it

	mu   sync.Mutex // guards all files too
	off  *bool      // of the present mount: the power is cut
	last uint64     // inode number
	root *file

	mounts []*fuse.Server
}

// New returns an empty disk. Its mounts end with the test, after all that the test cleans up later than New.
func New(t testing.TB) *Disk {
	t.Helper()
	d := &Disk{t: t, top: t.TempDir()}
	d.root = d.newFile(syscall.S_IFDIR | 0o700)
	t.Cleanup(d.unmount)
	return d
}

// Mount mounts the disk on a new directory, and returns that. Where one may not mount, the test is skipped.
func (d *Disk) Mount() string {
	d.t.Helper()
	off := new(bool)
	d.mu.Lock()
	d.off = off
	d.mu.Unlock()
	dir := d.dir()
	none := fusefs.Options{MountOptions: fuse.MountOptions{Name: "powercut", FsName: "powercut", MaxWrite: 1 << 20}}
	server, err := fusefs.Mount(dir, &node{d: d, f: d.root, off: off}, &none)
	if err != nil {
		d.t.Skip("no FUSE: ", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mounts = append(d.mounts, server)
	return dir
}

// dir makes a mountpoint that New's end removes, after the mount is gone.
func (d *Disk) dir() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir := filepath.Join(d.top, strconv.Itoa(len(d.mounts)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		d.t.Fatal(err)
	}
	return dir
}

func (d *Disk) unmount() {
	for _, server := range d.mounts {
		if err := server.Unmount(); err != nil {
			d.t.Errorf("unmount the disk: %v", err)
		}
	}
}

// Cut ends the present mount as a power cut does: what goes on there gets EIO. Durable is what was made so, and of the rest what written chooses by
// path ("drafts/x.log"; "." is the top): the bytes and size of a file, the names in a directory. nil chooses nothing.
func (d *Disk) Cut(written func(path string) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*d.off = true
	d.root.cut(".", written)
}

// newFile needs mu, or a disk that nobody else has.
func (d *Disk) newFile(mode uint32) *file {
	d.last++
	f := &file{ino: d.last, mode: mode}
	if f.isDir() {
		f.now.names, f.durable.names = map[string]*file{}, map[string]*file{}
	}
	return f
}

// locked runs fn on a disk under power.
func (n *node) locked(fn func() syscall.Errno) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if *n.off {
		return syscall.EIO
	}
	return fn()
}
