package mountpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
)

// Check tells whether a file system may be mounted on dir, which is as [Resolve] returns it. A dead allasfs mountpoint is fine: mounting
// clears it; dead tells which is. Unless nonempty, dir has to be empty; one that is mounted on the first access is not looked into. The error says what is wrong and what to do.
func Check(dir string, nonempty bool, dead func(Mount) bool) error {
	m, mounted, err := At(dir)
	if err != nil {
		return err
	}
	switch {
	case mounted && m.Ours() && dead(m):
		return nil
	case mounted && m.Ours():
		return exit.New(exit.Mountpoint, "to mount something else there, end this mount first: allasfs umount "+dir,
			"%s is already an allasfs mount, of %s", dir, m.Source)
	}
	if err := checkDir(dir); err != nil {
		return err
	}
	if unix.Geteuid() != 0 && unix.Access(dir, unix.W_OK) != nil {
		return exit.New(exit.Mountpoint, "use a directory of your own", "you may not write to the mountpoint %s, so you may not mount on it", dir)
	}
	if nonempty || mounted && m.Type == autofs {
		return nil
	}
	return checkEmpty(dir)
}

func checkDir(dir string) error {
	fi, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return exit.New(exit.Mountpoint, "make it first: mkdir -p "+dir, "the mountpoint %s does not exist", dir)
	case errors.Is(err, unix.ENOTCONN):
		return exit.New(exit.Mountpoint, "clear it first: fusermount3 -uz "+dir, "the mountpoint %s belongs to a FUSE mount whose daemon has died", dir)
	case err != nil:
		return exit.New(exit.Mountpoint, "", "the mountpoint cannot be used: %w", err)
	case !fi.IsDir():
		return exit.New(exit.Mountpoint, "give an empty directory", "the mountpoint %s is not a directory", dir)
	}
	return nil
}

func checkEmpty(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return exit.New(exit.Mountpoint, "", "the mountpoint cannot be used: %w", err)
	}
	defer f.Close()
	switch _, err := f.Readdirnames(1); {
	case err == nil:
		return exit.New(exit.Mountpoint, "choose or make an empty one: mkdir "+filepath.Join(dir, "allas"),
			"the mountpoint %s is not empty: what is in it would be hidden", dir)
	case !errors.Is(err, io.EOF):
		return exit.New(exit.Mountpoint, "", "the mountpoint cannot be used: %w", err)
	}
	return nil
}

// Unmount asks the kernel to unmount dir: by umount(2) where that is allowed, else by fusermount3. A busy mount gives an error that is
// unix.EBUSY, unless lazy: then it is detached at once and ends with its last user.
func Unmount(dir string, lazy bool) error {
	flags := unix.UMOUNT_NOFOLLOW
	if lazy {
		flags |= unix.MNT_DETACH
	}
	err := unix.Unmount(dir, flags)
	if !errors.Is(err, unix.EPERM) {
		return wrap(dir, err)
	}
	return wrap(dir, fusermount(dir, lazy))
}

func wrap(dir string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("unmount %s: %w", dir, err)
}

// fusermount unmounts through the set-user-id helper of libfuse, as an ordinary user must.
func fusermount(dir string, lazy bool) error {
	bin, err := Fusermount()
	if err != nil {
		return err
	}
	args := []string{"-u"}
	if lazy {
		args = append(args, "-z")
	}
	var out bytes.Buffer
	cmd := exec.Command(bin, append(args, "--", dir)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		// The helper has one exit status for everything: its words are all there is to tell a busy mount by.
		if strings.Contains(out.String(), "busy") {
			return unix.EBUSY
		}
		return fmt.Errorf("%s: %w", strings.TrimSpace(out.String()), err)
	}
	return nil
}

// Fusermount returns the path of fusermount3, or of fusermount where only that is installed.
func Fusermount() (string, error) {
	for _, name := range []string{"fusermount3", "/bin/fusermount3", "fusermount", "/bin/fusermount"} {
		if bin, err := exec.LookPath(name); err == nil {
			return bin, nil
		}
	}
	return "", exit.New(exit.Fuse, "install it (Debian, Ubuntu: apt install fuse3; RHEL: dnf install fuse3), or ask the administrator",
		"fusermount3 is not installed; mounting without root needs it")
}

// CheckFuse tells whether this process can mount FUSE file systems: /dev/fuse opens, and without the right to mount, fusermount3 is there.
func CheckFuse() error {
	if err := CheckDevice(); err != nil || MayMount() {
		return err
	}
	_, err := Fusermount()
	return err
}

// CheckDevice tells whether this process can open /dev/fuse.
func CheckDevice() error {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return exit.New(exit.Fuse, "load the kernel module: modprobe fuse (in a container: start it with --device /dev/fuse)", "/dev/fuse is missing: the kernel has no FUSE here")
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return exit.New(exit.Fuse, "ask the administrator: chmod 666 /dev/fuse (in a container: start it with --device /dev/fuse)", "/dev/fuse may not be opened by this user")
	case err != nil:
		return exit.New(exit.Fuse, "", "/dev/fuse cannot be opened: %w", err)
	}
	if err := unix.Close(fd); err != nil {
		return exit.New(exit.Fuse, "", "/dev/fuse: %w", err)
	}
	return nil
}

// MayMount tells whether this process has CAP_SYS_ADMIN in its own namespace, and so needs no helper to mount.
func MayMount() bool {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if unix.Capget(&h, &d[0]) != nil {
		return false
	}
	return d[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// CheckAllowOther tells whether --allow-other will be granted: always with the right to mount, else only with user_allow_other in conf
// (/etc/fuse.conf).
func CheckAllowOther(conf string) error {
	if MayMount() {
		return nil
	}
	data, err := os.ReadFile(conf)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return exit.New(exit.Fuse, "", "--allow-other: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.TrimSpace(line) == "user_allow_other" {
			return nil
		}
	}
	return exit.New(exit.Fuse, "ask the administrator to put the line user_allow_other into "+conf+", or leave --allow-other out",
		"--allow-other is not permitted to ordinary users on this machine")
}
