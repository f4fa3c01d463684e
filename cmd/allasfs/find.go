package main

// This file finds the mount that a command is about, by any path below it.

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
)

// target is a mount as the commands see it.
type target struct {
	Dir    string
	Source string
	Record *control.Record // nil: no daemon has registered it where this user may look
	mount  mountpoint.Mount
}

// life is the state of a mount's daemon.
type life string

const (
	running      life = "running"
	dead         life = "dead"         // it has ended without unmounting
	foreign      life = "foreign"      // another user's
	unregistered life = "unregistered" // this user's, and cannot be asked
)

// targets lists the allasfs mounts of this machine, in the order in which they were mounted. It asks no daemon, so it cannot hang.
func targets() ([]target, error) {
	mounts, err := mountpoint.Ours()
	if err != nil {
		return nil, err
	}
	records, err := control.Records(control.Dirs(os.Getuid(), os.Getenv))
	if err != nil {
		return nil, err
	}
	var list []target
	for _, m := range mounts {
		list = append(list, targetOf(m, records))
	}
	return append(list, handedOverTargets(list, records)...), nil
}

func targetOf(m mountpoint.Mount, records []control.Record) target {
	t := target{Dir: m.Dir, Source: m.Source, mount: m}
	for i, r := range records {
		if r.Mountpoint == m.Dir && r.Dev == m.Dev && (t.Record == nil || r.Since.After(t.Record.Since)) {
			t.Record, t.Source = &records[i], r.Source
		}
	}
	return t
}

// life finds out whether the daemon lives.
func (t target) life() life {
	switch {
	case t.Record != nil && t.Record.Alive():
		return running
	case t.Record != nil:
		return dead
	case t.mount.Owner != os.Getuid():
		return foreign
	case probe(t.Dir):
		return dead
	}
	return unregistered
}

// deadMount tells whether the daemon of m has ended.
func deadMount(m mountpoint.Mount) bool {
	records, err := control.Records(control.Dirs(os.Getuid(), os.Getenv))
	return err == nil && targetOf(m, records).life() == dead
}

// find returns the mount on or above path.
func find(path string) (target, error) {
	path, err := mountpoint.Resolve(path)
	if err != nil {
		return target{}, err
	}
	list, err := targets()
	if err != nil {
		return target{}, err
	}
	var best target
	for _, t := range list {
		if mountpoint.Within(path, t.Dir) && len(t.Dir) >= len(best.Dir) {
			best = t
		}
	}
	if best.Dir == "" {
		return target{}, exit.New(exit.NotMounted, "'allasfs status' lists the mounts", "%s is not on an allasfs mount", path)
	}
	return best, nil
}

// live returns a client of the mount on or above path; without a path, of the only mount there is.
func live(args []string) (*control.Client, target, error) {
	t, err := one(args)
	if err != nil {
		return nil, target{}, err
	}
	c, err := t.client()
	return c, t, err
}

// one is the mount that args name by a path, or without arguments the only mount of this user.
func one(args []string) (target, error) {
	if len(args) > 0 {
		return find(args[0])
	}
	list, err := targets()
	if err != nil {
		return target{}, err
	}
	var mine []target
	var dirs []string
	for _, t := range list {
		if t.Record != nil {
			mine, dirs = append(mine, t), append(dirs, t.Dir)
		}
	}
	switch len(mine) {
	case 0:
		return target{}, exit.New(exit.NotMounted, "'allasfs mount DIR' makes one", "there is no allasfs mount")
	case 1:
		return mine[0], nil
	}
	return target{}, exit.New(exit.Usage, "give one of: "+strings.Join(dirs, " "), "there are %d mounts", len(mine))
}

// client speaks to the daemon of t.
func (t target) client() (*control.Client, error) {
	switch t.life() {
	case running:
		return control.Dial(*t.Record), nil
	case dead:
		return nil, exit.New(exit.NotMounted, t.clearHint(), "the daemon of %s has died; nothing that was written is lost", t.Dir)
	case foreign:
		return nil, exit.New(exit.NotMounted, "its owner can ask it", "%s is another user's mount", t.Dir)
	}
	return nil, exit.New(exit.NotMounted, "", "the daemon of %s has no control socket where this command looks", t.Dir)
}

// clearHint says how to go on after a daemon's death.
func (t target) clearHint() string {
	hint := "mount it again with 'allasfs mount' (unsent files are found again), or clear it: allasfs umount " + t.Dir
	if t.Record != nil && t.Record.LogFile != "" {
		hint += "; its log: " + t.Record.LogFile
	}
	return hint
}

// completeMounts offers the mountpoints to the shell.
func completeMounts(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, err := targets()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var dirs []string
	for _, t := range list {
		if strings.HasPrefix(t.Dir, toComplete) {
			dirs = append(dirs, t.Dir+"\t"+t.Source)
		}
	}
	return dirs, cobra.ShellCompDirectiveNoFileComp
}

// completeDirs leaves it to the shell to offer directories.
func completeDirs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
