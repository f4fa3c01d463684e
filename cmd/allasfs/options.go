package main

// This file reads -o, the options that mount(8) and fstab(5) give, as the flags that they stand for.

import (
	"strings"

	"allasfs/cmd/allasfs/internal/exit"
)

// setting is a flag of `allasfs mount` and the value that an option gives it.
type setting struct{ flag, value string }

// parsed is what a list of mount options asks for.
type parsed struct {
	settings []setting
	kernel   []string // passed on to the kernel as they are
}

// parseOptions reads the values of -o in their order. An option that is not known is an error that names it.
func parseOptions(lists []string) (parsed, error) {
	var p parsed
	for _, list := range lists {
		for _, o := range splitOptions(list) {
			if err := p.add(o); err != nil {
				return parsed{}, err
			}
		}
	}
	return p, nil
}

// splitOptions splits at commas, except those after a backslash or within double quotes (x-systemd options may hold them).
func splitOptions(s string) []string {
	var list []string
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == ',' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			list = append(list, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(list, b.String())
}

func (p *parsed) add(option string) error {
	name, value, hasValue := strings.Cut(option, "=")
	if flag, kind := flagOf(name); flag != "" {
		return p.set(option, flag, kind, value, hasValue)
	}
	switch name {
	case "nodev", "nosuid", "noexec", "exec", "noatime", "nodiratime", "sync", "dirsync", "nonempty":
		p.kernel = append(p.kernel, name)
		return nil
	case "remount":
		return exit.New(exit.Usage, "unmount it, and mount it again with the new options", "a mount cannot be changed by -o remount")
	}
	if !ignored(name) {
		return exit.New(exit.Usage, "the options are in: allasfs mount --help", "unknown mount option %q", name)
	}
	return nil
}

func (p *parsed) set(option, flag string, kind optionKind, value string, hasValue bool) error {
	switch {
	case kind == switchOn && hasValue:
		return exit.New(exit.Usage, "", "the mount option %q takes no value", option)
	case kind == switchOn:
		value = "true"
	case kind == switchOff:
		value = "false"
	case !hasValue || value == "":
		return exit.New(exit.Usage, "", "the mount option %q needs a value: %s=…", option, option)
	}
	p.settings = append(p.settings, setting{flag, value})
	return nil
}

type optionKind uint8

const (
	takesValue optionKind = iota
	switchOn
	switchOff
)

// flagOf returns the flag that an option stands for, "" = none.
func flagOf(option string) (string, optionKind) {
	switch option {
	case "ro":
		return "read-only", switchOn
	case "rw":
		return "read-only", switchOff
	case "allow_other", "anonymous", "insecure_http", "write_back", "segments", "hide_ameta", "all_projects", "kernel_writes", "passthrough_writes", "pprof":
		return strings.ReplaceAll(option, "_", "-"), switchOn
	case "uid", "gid", "umask", "ttl", "timeout", "cache_dir", "cache_size", "draft_space", "on_conflict", "stat", "passthrough", "memory", "profile", "project", "endpoint", "ca_file", "log_file", "log_format", "metrics", "fsname":
		return strings.ReplaceAll(option, "_", "-"), takesValue
	}
	return "", 0
}

// ignored tells whether an option is for others (mount(8), systemd), or asks for what is so anyway.
func ignored(name string) bool {
	switch name {
	case "", "defaults", "_netdev", "nofail", "auto", "noauto", "user", "users", "nouser", "owner", "group", "noowner", "nogroup",
		"dev", "suid", "async", "atime", "diratime", "relatime", "norelatime", "strictatime", "nostrictatime",
		"lazytime", "nolazytime", "default_permissions", "comment":
		return true
	}
	return strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "X-")
}
