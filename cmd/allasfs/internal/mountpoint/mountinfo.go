// Package mountpoint knows the directories that file systems are mounted on: which of them are allasfs mounts, whether one may be
// mounted on, which processes hold it, and how one whose daemon has died is cleared. It never asks the file system behind a
// mountpoint anything that could wait for a network.
package mountpoint

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Type is what mount(8) and /proc/self/mountinfo call our file system.
const Type = "fuse.allasfs"

// autofs is the type of a place where something is mounted when a program looks into it (x-systemd.automount in /etc/fstab). Who makes that mount must not look: it
// would wait for itself.
const autofs = "autofs"

// Mount is one line of /proc/self/mountinfo.
type Mount struct {
	Dir    string // where it is mounted
	Type   string // file system type, fuse.allasfs for ours
	Source string
	Dev    string // major:minor, another one for each mount of ours
	Owner  int    // the user that mounted a FUSE file system, -1 for others
}

// Ours tells whether the mount is an allasfs mount.
func (m Mount) Ours() bool { return m.Type == Type }

// List returns the mounts that this process sees, in the kernel's order (of two on one directory the later is the visible one).
func List() ([]Mount, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("mounts: %w", err)
	}
	defer f.Close()
	return parse(f)
}

// Ours returns the allasfs mounts among List.
func Ours() ([]Mount, error) {
	all, err := List()
	if err != nil {
		return nil, err
	}
	var ours []Mount
	for _, m := range all {
		if m.Ours() {
			ours = append(ours, m)
		}
	}
	return ours, nil
}

// At returns the mount whose mountpoint is dir (absolute and clean); ok is false when nothing is mounted there.
func At(dir string) (m Mount, ok bool, err error) {
	all, err := List()
	if err != nil {
		return Mount{}, false, err
	}
	for _, x := range all {
		if x.Dir == dir {
			m, ok = x, true
		}
	}
	return m, ok, nil
}

// OfDevice returns the mount with the device number dev, major:minor; ok is false when this process sees none. Of several, bind mounts, it is the last.
func OfDevice(dev string) (m Mount, ok bool, err error) {
	all, err := List()
	if err != nil {
		return Mount{}, false, err
	}
	for _, x := range all {
		if x.Dev == dev {
			m, ok = x, true
		}
	}
	return m, ok, nil
}

// parse reads the format of proc_pid_mountinfo(5): "36 35 98:0 /root /dir opts optional… - type source super".
func parse(r io.Reader) ([]Mount, error) {
	var mounts []Mount
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		f := strings.Fields(s.Text())
		dash := -1
		for i := 6; i < len(f); i++ {
			if f[i] == "-" {
				dash = i
				break
			}
		}
		if dash < 0 || dash+2 >= len(f) {
			continue
		}
		mounts = append(mounts, Mount{Dir: unescape(f[4]), Type: f[dash+1], Source: unescape(f[dash+2]), Dev: f[2], Owner: owner(f[dash+2:])})
	}
	return mounts, s.Err()
}

// owner finds user_id= among the super options.
func owner(fields []string) int {
	for _, f := range fields[1:] {
		for o := range strings.SplitSeq(f, ",") {
			if v, ok := strings.CutPrefix(o, "user_id="); ok {
				if uid, err := strconv.Atoi(v); err == nil {
					return uid
				}
			}
		}
	}
	return -1
}

// unescape undoes the kernel's octal escapes of space, tab, newline and backslash.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func octal(c byte) bool { return c >= '0' && c <= '7' }

// Dead tells whether the daemon behind a FUSE mountpoint is gone: the kernel then answers ENOTCONN (or ECONNABORTED) at once. It asks for an
// extended attribute, which the kernel never answers from what it remembers as it does stat(2). While a daemon lives that does not answer, this
// hangs, and so does its process, even when it is killed: ask in a process that nobody needs.
func Dead(dir string) bool {
	_, err := unix.Getxattr(dir, "user.allasfs.state", nil)
	return errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.ECONNABORTED)
}

// Resolve makes a path absolute and free of symbolic links, as the kernel names mountpoints. Unlike filepath.EvalSymlinks it does not
// look at, or below, an allasfs mountpoint, which may be dead or slow; what does not exist stays as it is written.
func Resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	mounts, err := Ours()
	if err != nil {
		return "", err
	}
	return resolve(path, mounts), nil
}

func resolve(path string, mounts []Mount) string {
	if _, ok := Below(path, mounts); ok {
		return path
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	parent, base := filepath.Split(path)
	parent = filepath.Clean(parent)
	if parent == path {
		return path
	}
	parent = resolve(parent, mounts)
	if _, ok := Below(parent, mounts); !ok {
		if target, err := os.Readlink(filepath.Join(parent, base)); err == nil {
			if !filepath.IsAbs(target) {
				target = filepath.Join(parent, target)
			}
			if filepath.Clean(target) != path {
				return resolveOnce(filepath.Clean(target), mounts)
			}
		}
	}
	return filepath.Join(parent, base)
}

// resolveOnce resolves the target of a link that EvalSymlinks could not follow (it leads to a dead mount); a second such link stays.
func resolveOnce(path string, mounts []Mount) string {
	if _, ok := Below(path, mounts); ok {
		return path
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(real, filepath.Base(path))
	}
	return path
}

// Below returns the innermost of mounts whose mountpoint is path or above it.
func Below(path string, mounts []Mount) (Mount, bool) {
	best, ok := Mount{}, false
	for _, m := range mounts {
		if Within(path, m.Dir) && len(m.Dir) >= len(best.Dir) {
			best, ok = m, true
		}
	}
	return best, ok
}

// Within tells whether path is dir or below it; both are absolute and clean.
func Within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
