package main

import (
	"slices"
	"strings"
	"testing"

	"allasfs/cmd/allasfs/internal/exit"
)

func TestParseOptions(t *testing.T) {
	for _, c := range []struct {
		in     []string
		want   []setting
		kernel []string
	}{
		{[]string{"defaults"}, nil, nil},
		{[]string{"rw,_netdev,nofail,user,x-systemd.automount,X-mount.mkdir=0755,comment=a b"}, []setting{{"read-only", "false"}}, nil},
		{[]string{"ro,allow_other", "uid=1000,gid=100,umask=077"}, []setting{{"read-only", "true"}, {"allow-other", "true"}, {"uid", "1000"}, {"gid", "100"}, {"umask", "077"}}, nil},
		{[]string{"nodev,nosuid,noexec,dev,suid,noatime"}, nil, []string{"nodev", "nosuid", "noexec", "noatime"}},
		{[]string{`cache_dir=/a\,b,cache_size=5G`}, []setting{{"cache-dir", "/a,b"}, {"cache-size", "5G"}}, nil},
		{[]string{`"project=a,b",ttl=5m`}, []setting{{"project", "a,b"}, {"ttl", "5m"}}, nil},
		{[]string{"endpoint=https://a3s.fi?a=b,profile=p,ca_file=/ca,log_file=/l,anonymous,insecure_http"}, []setting{{"endpoint", "https://a3s.fi?a=b"}, {"profile", "p"}, {"ca-file", "/ca"}, {"log-file", "/l"}, {"anonymous", "true"}, {"insecure-http", "true"}}, nil},
		{[]string{"", ","}, nil, nil},
	} {
		got, err := parseOptions(c.in)
		if err != nil || !slices.Equal(got.settings, c.want) || !slices.Equal(got.kernel, c.kernel) {
			t.Errorf("parseOptions(%q) = %+v, %v; want %v and %q", c.in, got, err, c.want, c.kernel)
		}
	}
}

func TestParseOptionsNamesTheFault(t *testing.T) {
	for in, name := range map[string]string{"ro,alow_other": "alow_other", "uid": "uid", "uid=": "uid", "ro=1": "ro=1", "remount,ro": "remount", "secret_key=x": "secret_key"} {
		_, err := parseOptions([]string{in})
		if e := exit.Of(err); e == nil || e.Code != exit.Usage || !strings.Contains(e.Text, name) {
			t.Errorf("parseOptions(%q): got %v, want a usage error that names %q", in, err, name)
		}
	}
}

// Every option that is a flag is one that mount has.
func TestOptionsAreFlags(t *testing.T) {
	cmd := mountCommand(&streams{})
	for _, o := range []string{"ro", "rw", "allow_other", "anonymous", "insecure_http", "uid", "gid", "umask", "ttl", "cache_dir", "cache_size", "passthrough", "passthrough_writes", "memory", "profile", "project", "endpoint", "ca_file", "log_file"} {
		flag, _ := flagOf(o)
		if cmd.Flags().Lookup(flag) == nil {
			t.Errorf("the option %s stands for the flag %q, which mount does not have", o, flag)
		}
	}
}

func TestHelperArgs(t *testing.T) {
	for _, c := range []struct {
		in, want string
		helper   bool
	}{
		{"allasfs mount a /b", "allasfs mount a /b", false},
		{"allasfs", "allasfs", false},
		{"/sbin/mount.allasfs a /b", "/sbin/mount.allasfs mount --quiet --fsname a -- a /b", true},
		{"mount.fuse.allasfs a /b -o ro,uid=1", "mount.fuse.allasfs mount --quiet --fsname a -o ro,uid=1 -- a /b", true},
		{"mount.fuse.allasfs none /b -s -n -v -oro", "mount.fuse.allasfs mount --quiet --fsname none -v -o ro -- : /b", true},
		{"mount.allasfs a /b -snv -t fuse.allasfs -o rw", "mount.allasfs mount --quiet --fsname a -v -o rw -- a /b", true},
		{"mount.allasfs -f a /b", "", true},
		{"allasfs a:b/c /b -o rw,nosuid", "allasfs mount --quiet --fsname a:b/c -o rw,nosuid -- a:b/c /b", true},
		{"allasfs umount /b -o x", "allasfs umount /b -o x", false},
	} {
		got, helper, err := helperArgs(strings.Fields(c.in))
		if err != nil || strings.Join(got, " ") != c.want || helper != c.helper {
			t.Errorf("helperArgs(%q) = %q, %t, %v; want %q, %t", c.in, got, helper, err, c.want, c.helper)
		}
	}
	for _, in := range []string{"mount.allasfs a", "mount.allasfs a b c", "mount.allasfs a b -o", "mount.allasfs a b -x", "mount.allasfs a b -N /proc/1/ns/mnt"} {
		if _, helper, err := helperArgs(strings.Fields(in)); exit.Of(err) == nil || exit.Of(err).Code != exit.Usage || !helper {
			t.Errorf("helperArgs(%q): got %v, want a usage error of a helper", in, err)
		}
	}
}
