package mount

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	fsName     = "allasfs"
	fsType     = "fuse." + fsName // as mount(8) and /proc/mounts show it
	maxRequest = 1 << 20          // bytes of a READ or WRITE
)

// Options of a mount.
type Options struct {
	Dir        string       // an existing directory, or /dev/fd/N: a FUSE connection that the caller has mounted
	Source     string       // shown by df and mount(8); "" = allasfs
	ReadOnly   bool         // the kernel refuses changes
	AllowOther bool         // for all users, by the permission bits; else for the mounting user alone
	Extra      []string     // raw mount options, as mount(8) has them; what means nothing here (_netdev, user, x-…) is left out
	Logger     *slog.Logger // nil = discard
	Debug      bool         // log each request at debug level

	NoPassthrough bool // the daemon reads every file, also where the kernel could
}

// flag is a mount option that is a bit of mount(2): its word, and whether it sets or clears.
type flag struct {
	bit   uintptr
	clear bool
}

func flagOf(word string) (flag, bool) {
	switch word {
	case "ro":
		return flag{bit: unix.MS_RDONLY}, true
	case "rw":
		return flag{unix.MS_RDONLY, true}, true
	case "nosuid":
		return flag{bit: unix.MS_NOSUID}, true
	case "suid":
		return flag{unix.MS_NOSUID, true}, true
	case "nodev":
		return flag{bit: unix.MS_NODEV}, true
	case "dev":
		return flag{unix.MS_NODEV, true}, true
	case "noexec":
		return flag{bit: unix.MS_NOEXEC}, true
	case "exec":
		return flag{unix.MS_NOEXEC, true}, true
	case "sync":
		return flag{bit: unix.MS_SYNCHRONOUS}, true
	case "async":
		return flag{unix.MS_SYNCHRONOUS, true}, true
	case "dirsync":
		return flag{bit: unix.MS_DIRSYNC}, true
	case "noatime":
		return flag{bit: unix.MS_NOATIME}, true
	case "atime":
		return flag{unix.MS_NOATIME, true}, true
	case "nodiratime":
		return flag{bit: unix.MS_NODIRATIME}, true
	case "diratime":
		return flag{unix.MS_NODIRATIME, true}, true
	}
	return flag{}, false
}

// plan is what to ask the kernel for.
type plan struct {
	dir, source string
	flags       uintptr  // of mount(2)
	words       []string // the same flags, as fusermount3 takes them
	data        []string // options of FUSE itself
	nonempty    bool     // mount over a directory that holds something
	allowOther  bool
}

// planOf reads the options. It fails for those that would not do what they say.
func planOf(o Options) (plan, error) {
	p := plan{source: o.Source, flags: unix.MS_NOSUID | unix.MS_NODEV, data: []string{"default_permissions"}, allowOther: o.AllowOther}
	if p.source == "" {
		p.source = fsName
	}
	words := o.Extra
	if o.ReadOnly {
		words = append(words[:len(words):len(words)], "ro")
	}
	for _, list := range words {
		for _, word := range strings.Split(list, ",") {
			if err := p.option(strings.TrimSpace(word)); err != nil {
				return plan{}, err
			}
		}
	}
	p.data = append(p.data, fmt.Sprintf("max_read=%d", maxRequest))
	if p.allowOther {
		p.data = append(p.data, "allow_other")
	}
	return p, nil
}

func (p *plan) option(word string) error {
	if f, ok := flagOf(word); ok {
		p.flags |= f.bit
		if f.clear {
			p.flags &^= f.bit
		}
		p.words = append(p.words, word)
		return nil
	}
	key, _, _ := strings.Cut(word, "=")
	switch key {
	case "", "default_permissions", "max_read", "fsname", "subtype", "fd", "rootmode", "user_id", "group_id", // set here
		"defaults", "auto", "noauto", "user", "users", "nouser", "owner", "group", "nofail", "_netdev", "comment", "relatime", "norelatime": // mount(8)'s
		return nil
	case "nonempty":
		p.nonempty = true
	case "allow_other":
		p.allowOther = true
	case "auto_unmount":
		return errors.New("mount option auto_unmount is not supported: the next mount clears a dead mountpoint, and so does `fusermount3 -uz`")
	case "allow_root":
		return errors.New("mount option allow_root is not supported: use allow_other")
	case "context", "fscontext", "defcontext", "rootcontext": // SELinux
		p.data = append(p.data, word)
	default:
		if !strings.HasPrefix(strings.ToLower(key), "x-") {
			return fmt.Errorf("unknown mount option %q", word)
		}
	}
	return nil
}

// direct is the data of mount(2) for the connection fd.
func (p plan) direct(fd int) string {
	own := []string{fmt.Sprintf("fd=%d", fd), fmt.Sprintf("rootmode=%o", syscall.S_IFDIR), fmt.Sprintf("user_id=%d", os.Geteuid()), fmt.Sprintf("group_id=%d", os.Getegid())}
	return strings.Join(append(own, p.data...), ",")
}

// fusermount is the value of fusermount3's -o.
func (p plan) fusermount() string {
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`)
	all := append([]string{"nosuid", "nodev"}, p.words...)
	all = append(all, p.data...)
	return strings.Join(append(all, "fsname="+escape.Replace(p.source), "subtype="+fsName), ",")
}
