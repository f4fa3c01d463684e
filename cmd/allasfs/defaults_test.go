package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The user's file goes over the system's, the environment over both, the command line over all; each value keeps its place.
func TestDefaultsInOrder(t *testing.T) {
	dir := t.TempDir()
	system, user := filepath.Join(dir, "system"), filepath.Join(dir, "user")
	fatal(t, os.WriteFile(system, []byte("# ours\nmemory = \"1G\"\nttl = \"2m\"\ngid = 7\n\"write-back\" = true\n"), 0o644))
	fatal(t, os.WriteFile(user, []byte("ttl = \"3m\"\ntimeout = \"9s\"\n"), 0o644))
	flags := mountFlags()
	fatal(t, flags.Parse([]string{"--memory", "2G"}))
	d, err := readDefaults(flags, []string{system, user, filepath.Join(dir, "none")}, []string{"ALLASFS_TIMEOUT=8s", "ALLASFS_DIR=/x", "ALLASFS_UMASK=", "HOME=/"})
	fatal(t, err)
	fatal(t, d.apply(flags))
	for name, want := range map[string][2]string{
		"memory": {"2G", system + ":2"}, "ttl": {"3m0s", user + ":1"}, "gid": {"7", system + ":4"}, "write-back": {"true", system + ":5"}, "timeout": {"8s", "$ALLASFS_TIMEOUT"},
	} {
		if got := flags.Lookup(name).Value.String(); got != want[0] || d[name].from != want[1] {
			t.Errorf("%s is %s from %s, want %s", name, got, d[name].from, want)
		}
	}
}

// What no option is, or no value of it, is told with its place and what was meant.
func TestDefaultsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\ncache_sizes = 1\n": ":1: there is no option a that", // the first
		"foreground = true\n":      ":1: there is no option foreground that can have a default",
		"cash-size = \"1G\"":       ":1: there is no option cash-size",
		"ttl = [\"1m\"]":           ":1: ttl is given a []",
		"[mount]\nttl = \"1m\"":    ":1: there is no option mount",
		"ttl = \n":                 ":1: ",
		"AccessKeyId = \"x\"":      ":1: AccessKeyId does not belong here",
		"memory = \"much\"":        ":1: memory: ",
	} {
		file := filepath.Join(t.TempDir(), "config.toml")
		fatal(t, os.WriteFile(file, []byte(text), 0o644))
		flags := mountFlags()
		d, err := readDefaults(flags, []string{file}, nil)
		if err == nil {
			err = d.apply(flags)
		}
		if err == nil || !strings.Contains(err.Error(), file+want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for key, want := range map[string]string{"cash-size": "cache-size", "write_back": "write-back", "zzzzzz": ""} {
		if got := nearest(key, options(mountFlags())); got != want {
			t.Errorf("nearest to %s is %q, want %q", key, got, want)
		}
	}
}
