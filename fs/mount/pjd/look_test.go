package pjd

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// look makes the calls that tell what stat(2) shows, and compares times with remembered ones.
func (r *runner) look(name string, a []string) (string, error) {
	var st unix.Stat_t
	var err error
	switch name {
	case "stat":
		err = unix.Stat(a[0], &st)
	case "fstat":
		err = unix.Fstat(r.fd(a[0]), &st)
	default:
		err = unix.Lstat(a[0], &st)
	}
	if err != nil {
		return "", err
	}
	switch name {
	case "remember":
		r.times[a[0]] = st
		time.Sleep(settle)
		return "0", nil
	case "newer", "same":
		then, ok := r.times[a[0]]
		if !ok {
			return "", fmt.Errorf("%w: %s was not remembered", errUsage, a[0])
		}
		return compare(name, timeOf(then, a[1]), timeOf(st, a[1])), nil
	}
	var fields []string
	for _, f := range strings.Split(a[1], ",") {
		fields = append(fields, field(st, f))
	}
	return strings.Join(fields, ","), nil
}

// compare is 0 when now stands to then as it should, else in words how it does.
func compare(how string, then, now unix.Timespec) string {
	d := now.Nano() - then.Nano()
	if how == "same" && d == 0 || how == "newer" && d > 0 {
		return "0"
	}
	return fmt.Sprintf("later by %v", time.Duration(d))
}

func timeOf(st unix.Stat_t, field string) unix.Timespec {
	switch field {
	case "atime":
		return st.Atim
	case "ctime":
		return st.Ctim
	}
	return st.Mtim
}

func field(st unix.Stat_t, name string) string {
	switch name {
	case "type":
		types := map[uint32]string{unix.S_IFREG: "regular", unix.S_IFDIR: "dir", unix.S_IFLNK: "symlink", unix.S_IFIFO: "fifo", unix.S_IFBLK: "block",
			unix.S_IFCHR: "char", unix.S_IFSOCK: "socket"}
		return types[st.Mode&unix.S_IFMT]
	case "mode":
		return fmt.Sprintf("%04o", st.Mode&0o7777)
	case "uid":
		return fmt.Sprint(st.Uid)
	case "gid":
		return fmt.Sprint(st.Gid)
	case "size":
		return fmt.Sprint(st.Size)
	case "nlink":
		return fmt.Sprint(st.Nlink)
	case "atime", "mtime", "ctime":
		return fmt.Sprint(timeOf(st, name).Sec)
	case "mtimens":
		return fmt.Sprintf("%d.%09d", st.Mtim.Sec, st.Mtim.Nsec)
	}
	return "?" + name
}
