package main

// This file turns the ways in which mount(8) calls a file system into a command line of `allasfs mount`:
//
//	mount.allasfs SOURCE DIR [-sfnv] [-N namespace] [-t type] [-o options]   as mount -t allasfs does
//	mount.fuse.allasfs SOURCE DIR …                                          as mount -t fuse.allasfs does
//	allasfs SOURCE DIR -o options                                            as libfuse's mount.fuse3 does for the latter, without a helper

import (
	"path/filepath"
	"strings"

	"allasfs/cmd/allasfs/internal/exit"
)

// helperArgs returns the command line for args, which begins with the program's name, and whether a mount helper is called. A command
// line that needs nothing done (mount -f) comes back empty.
func helperArgs(args []string) (line []string, helper bool, err error) {
	if len(args) == 0 {
		return nil, false, exit.New(exit.Usage, "", "called without a name")
	}
	switch filepath.Base(args[0]) {
	case "mount.allasfs", "mount.fuse.allasfs":
		line, err = mountArgs(args)
		return line, true, err
	}
	if len(args) >= 5 && args[3] == "-o" && !isCommand(args[1]) && !strings.HasPrefix(args[1], "-") && filepath.IsAbs(args[2]) {
		line, err = mountArgs(args)
		return line, true, err
	}
	return args, false, nil
}

// isCommand tells whether name is a subcommand of ours.
func isCommand(name string) bool {
	for _, c := range rootCommand(&streams{}).Commands() {
		if c.Name() == name || c.HasAlias(name) {
			return true
		}
	}
	return name == "help" || strings.HasPrefix(name, "__complete")
}

// mountArgs reads a mount helper's command line (mount(8), "External helpers").
func mountArgs(args []string) ([]string, error) {
	var operands, options []string
	fake, verbose := false, false
	for i := 1; i < len(args); i++ {
		a := args[i]
		if len(a) < 2 || a[0] != '-' {
			operands = append(operands, a)
			continue
		}
		for j := 1; j < len(a); j++ {
			switch a[j] {
			case 'f':
				fake = true
			case 'v':
				verbose = true
			case 's', 'n': // sloppy, no mtab: nothing to do
			case 'o', 't', 'N':
				value := a[j+1:]
				if value == "" {
					if i++; i == len(args) {
						return nil, exit.New(exit.Usage, "", "-%c needs a value", a[j])
					}
					value = args[i]
				}
				if a[j] == 'o' {
					options = append(options, value)
				}
				if a[j] == 'N' {
					return nil, exit.New(exit.Usage, "", "mounting into another namespace (-N) is not supported")
				}
				j = len(a)
			default:
				return nil, exit.New(exit.Usage, "", "unknown flag -%c of a mount helper", a[j])
			}
		}
	}
	if len(operands) != 2 {
		return nil, exit.New(exit.Usage, "usage: "+filepath.Base(args[0])+" SOURCE DIR [-o OPTIONS]", "a mount helper needs a SOURCE and a DIR")
	}
	if fake {
		return nil, nil
	}
	return helperLine(args[0], operands, options, verbose), nil
}

// helperLine is the command line of `allasfs mount` for what a helper was given. "none", as fstab writes where there is nothing to
// name, is the whole project; a bucket of that name is ":none".
func helperLine(name string, operands, options []string, verbose bool) []string {
	source, dir := operands[0], operands[1]
	if source == "none" {
		source = ":"
	}
	line := []string{name, "mount", "--quiet"}
	if verbose {
		line = append(line, "-v")
	}
	for _, o := range options {
		line = append(line, "-o", o)
	}
	return append(line, "--", source, dir)
}
