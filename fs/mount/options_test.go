package mount

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPlanOf(t *testing.T) {
	const base = unix.MS_NOSUID | unix.MS_NODEV
	for _, c := range []struct {
		name  string
		o     Options
		flags uintptr
		data  []string // beyond what is always there
	}{
		{"nothing", Options{}, base, nil},
		{"read only", Options{ReadOnly: true}, base | unix.MS_RDONLY, nil},
		{"fstab", Options{Extra: []string{"defaults", "_netdev,nofail,noauto,user,x-systemd.automount,X-mount.mkdir"}}, base, nil},
		{"flags", Options{Extra: []string{"ro,noexec,noatime,sync"}}, base | unix.MS_RDONLY | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_SYNCHRONOUS, nil},
		{"the later wins", Options{Extra: []string{"ro", "rw"}}, base, nil},
		{"suid and dev", Options{Extra: []string{"suid,dev"}}, 0, nil},
		{"read only is not undone", Options{ReadOnly: true, Extra: []string{"rw"}}, base | unix.MS_RDONLY, nil},
		{"allow other", Options{AllowOther: true}, base, []string{"allow_other"}},
		{"allow other as an option, once", Options{AllowOther: true, Extra: []string{"allow_other,default_permissions"}}, base, []string{"allow_other"}},
		{"selinux", Options{Extra: []string{"context=system_u:object_r:x_t:s0"}}, base, []string{"context=system_u:object_r:x_t:s0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := planOf(c.o)
			if err != nil {
				t.Fatal(err)
			}
			if p.flags != c.flags {
				t.Errorf("flags %#x, want %#x", p.flags, c.flags)
			}
			want := append([]string{"default_permissions", "max_read=1048576"}, c.data...)
			got := slices.Clone(p.data)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("data %q, want %q", got, want)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	for option, word := range map[string]string{
		"auto_unmount": "fusermount3 -uz", "allow_root": "allow_other", "big_writes": "unknown", "uid=5": "unknown",
	} {
		if _, err := planOf(Options{Extra: []string{option}}); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: got %v, want an error with %q", option, err, word)
		}
	}
}

func TestPlanWords(t *testing.T) {
	p, err := planOf(Options{Source: `a,b\c`, Extra: []string{"nonempty", "ro"}})
	if err != nil {
		t.Fatal(err)
	}
	if !p.nonempty {
		t.Error("nonempty is lost")
	}
	if got, want := p.fusermount(), `nosuid,nodev,ro,default_permissions,max_read=1048576,fsname=a\,b\\c,subtype=allasfs`; got != want {
		t.Errorf("fusermount3 -o %s, want %s", got, want)
	}
	if got := p.direct(7); !strings.HasPrefix(got, "fd=7,rootmode=40000,user_id=") || strings.Contains(got, "nonempty") || strings.Contains(got, "ro,") {
		t.Errorf("mount(2) data %s", got)
	}
}
