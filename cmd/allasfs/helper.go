package main

// This file turns the ways in which mount(8) and umount(8) call a file system into a command line of `allasfs mount` or `allasfs umount`:
//
//	mount.allasfs SOURCE DIR [-sfnv] [-N namespace] [-t type] [-o options]   as mount -t allasfs does
//	mount.fuse.allasfs SOURCE DIR …                                          as mount -t fuse.allasfs does
//	allasfs SOURCE DIR -o options                                            as libfuse's mount.fuse3 does for the latter, without a helper
//	umount.fuse.allasfs DIR [-flnrv] [-N namespace] [-t type]                as umount DIR does
//	umount.allasfs DIR …                                                     likewise

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
	case "umount.allasfs", "umount.fuse.allasfs":
		line, err = umountArgs(args)
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

// helperCall is what mount(8) or umount(8) gave its helper.
type helperCall struct {
	operands, options []string
	flags             string // letters without a value
}

// readHelper reads the command line of a helper, whose flags are the letters of known.
func readHelper(args []string, known string) (helperCall, error) {
	var c helperCall
	for i := 1; i < len(args); i++ {
		a := args[i]
		if len(a) < 2 || a[0] != '-' {
			c.operands = append(c.operands, a)
			continue
		}
		for j := 1; j < len(a); j++ {
			switch letter := a[j]; letter {
			case 'o', 't', 'N':
				value := a[j+1:]
				if value == "" {
					if i++; i == len(args) {
						return c, exit.New(exit.Usage, "", "-%c needs a value", letter)
					}
					value = args[i]
				}
				if err := c.valued(letter, value); err != nil {
					return c, err
				}
				j = len(a)
			default:
				if strings.IndexByte(known, letter) < 0 {
					return c, exit.New(exit.Usage, "", "unknown flag -%c of a mount helper", letter)
				}
				c.flags += string(letter)
			}
		}
	}
	return c, nil
}

// valued takes in a flag that has a value.
func (c *helperCall) valued(letter byte, value string) error {
	switch letter {
	case 'o':
		c.options = append(c.options, value)
	case 'N':
		return exit.New(exit.Usage, "enter it first: nsenter --mount=…", "another namespace (-N) is not supported")
	}
	return nil
}

// mountArgs reads a mount helper's command line (mount(8), "External helpers"): -s and -n mean nothing here.
func mountArgs(args []string) ([]string, error) {
	c, err := readHelper(args, "fvsn")
	if err != nil {
		return nil, err
	}
	if len(c.operands) != 2 {
		return nil, exit.New(exit.Usage, "usage: "+filepath.Base(args[0])+" SOURCE DIR [-o OPTIONS]", "a mount helper needs a SOURCE and a DIR")
	}
	if strings.Contains(c.flags, "f") { // fake
		return nil, nil
	}
	return helperLine(args[0], c.operands, c.options, strings.Contains(c.flags, "v")), nil
}

// umountArgs reads an umount helper's command line (umount(8), "External helpers"). Force is laziness: the kernel's own way to force a FUSE mount would
// lose what programs have written and the daemon has not seen. -n, -r and -v mean nothing here.
func umountArgs(args []string) ([]string, error) {
	c, err := readHelper(args, "flnrv")
	if err != nil {
		return nil, err
	}
	if len(c.operands) != 1 {
		return nil, exit.New(exit.Usage, "usage: "+filepath.Base(args[0])+" DIR [-l]", "an umount helper needs a DIR")
	}
	line := []string{args[0], "umount"}
	if strings.ContainsAny(c.flags, "lf") {
		line = append(line, "--lazy")
	}
	return append(line, "--", c.operands[0]), nil
}

// helperLine is the command line of `allasfs mount` for what a helper was given. "none", as fstab writes where there is nothing to
// name, is the whole project; a bucket of that name is ":none". The kernel shows the source as it was given: by that mount -a sees that a line of
// fstab is mounted, and mount(8) and systemd find what they noted of it (/run/mount/utab), such as _netdev.
func helperLine(name string, operands, options []string, verbose bool) []string {
	source, dir := operands[0], operands[1]
	line := []string{name, "mount", "--quiet", "--fsname", source}
	if source == "none" {
		source = ":"
	}
	if verbose {
		line = append(line, "-v")
	}
	for _, o := range options {
		line = append(line, "-o", o)
	}
	return append(line, "--", source, dir)
}
