package mount

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// answerWait is how long a mountpoint may take to answer a stat before it counts as hung.
const answerWait = 5 * time.Second

// prepare makes sure that p.dir can be mounted on: it resolves it, clears a dead mount, and refuses, with what to do, what is missing, no
// directory, in use or not empty.
func (p *plan) prepare() error {
	dir, err := absolute(p.dir)
	if err != nil {
		return err
	}
	p.dir = dir
	err = statWithin(dir, answerWait)
	if dead(err) {
		if err := detach(dir); err != nil {
			return fmt.Errorf("%s is a dead mount that cannot be cleared: %w; try `fusermount3 -uz %s`", dir, err, dir)
		}
		err = statWithin(dir, answerWait)
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("the mountpoint %s does not exist: make it with `mkdir -p %s`: %w", dir, dir, err)
	case err != nil:
		return fmt.Errorf("mountpoint: %w", err)
	}
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	defer mounts.Close()
	source, kind := mountedAt(mounts, p.dir)
	switch {
	case kind == fsType:
		return fmt.Errorf("%s is mounted already (%s): `allasfs umount %s` first", p.dir, source, p.dir)
	case kind == autofs, p.nonempty:
		return nil
	}
	return empty(p.dir)
}

// autofs is the type of a place where something is mounted when a program looks into it, as by x-systemd.automount in /etc/fstab. Looking into it from
// here would wait for the very mount that is being made.
const autofs = "autofs"

// absolute makes dir absolute and resolves links; what it leads to is not looked at, it may be dead.
func absolute(dir string) (string, error) {
	const maxLinks = 40
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for range maxLinks {
		parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
		if errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("the mountpoint %s does not exist: make it with `mkdir -p %s`: %w", dir, dir, err)
		}
		if err != nil {
			return "", fmt.Errorf("mountpoint: %w", err)
		}
		dir = filepath.Join(parent, filepath.Base(dir))
		target, err := os.Readlink(dir)
		if err != nil {
			return dir, nil
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(parent, target)
		}
		dir = target
	}
	return "", fmt.Errorf("mountpoint: %s: %w", dir, syscall.ELOOP)
}

// statWithin fails when dir is no directory, or does not answer. A stat that hangs is left behind: nothing can end it.
func statWithin(dir string, wait time.Duration) error {
	answer := make(chan error, 1)
	go func() {
		fi, err := os.Stat(dir)
		if err == nil && !fi.IsDir() {
			err = fmt.Errorf("%s is not a directory", dir)
		}
		if err == nil { // the kernel may have answered that from what it remembers; this it asks the daemon
			if _, xerr := unix.Getxattr(dir, "user.allasfs.state", nil); dead(xerr) {
				err = xerr
			}
		}
		answer <- err
	}()
	select {
	case err := <-answer:
		return err
	case <-time.After(wait):
		return fmt.Errorf("%s does not answer: what is mounted there hangs; `fusermount3 -uz %s` removes it", dir, dir)
	}
}

// dead tells the errors of a FUSE mount whose daemon is gone.
func dead(err error) bool {
	return errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.ECONNABORTED)
}

// empty fails when dir holds something, which the mount would hide.
func empty(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("mountpoint: %w", err)
	}
	defer d.Close()
	names, err := d.Readdirnames(1)
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mountpoint: %w", err)
	}
	return fmt.Errorf("the mountpoint %s is not empty (it holds %q): use an empty directory, or the option nonempty to hide what is there", dir, names[0])
}

// mountedAt gives source and type of the last mount on dir in a mountinfo (proc(5)); no type, if there is none.
func mountedAt(mountinfo io.Reader, dir string) (source, kind string) {
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		before, after, found := strings.Cut(lines.Text(), " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 5 || len(rest) < 2 || unescape(fields[4]) != dir {
			continue
		}
		source, kind = unescape(rest[1]), rest[0]
	}
	return source, kind
}

// unescape undoes the \040 of /proc/self/mountinfo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
