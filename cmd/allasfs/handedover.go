package main

// This file serves a mount that another program has made, such as Apptainer by --fusemount: it has opened /dev/fuse, mounted it where this process may not
// look, and gives the descriptor as the mountpoint /dev/fd/N.

import (
	"fmt"
	"os"
	"slices"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
	"allasfs/fs/mount"
)

// checkHandedOver tells whether the descriptor is one that can be served.
func checkHandedOver(fd int) error {
	if err := mount.CheckHandedOver(fd); err != nil {
		return exit.New(exit.Mountpoint, "/dev/fd/N is for a program that has opened and mounted /dev/fuse; else give a directory", "nothing can be served at /dev/fd/%d: %w", fd, err)
	}
	return nil
}

// findPlace finds out what the kernel calls the mount. One that another program made is found by its device number, where the kernel tells that and the
// mount lies in the namespace of this process.
func (d *daemon) findPlace() (err error) {
	if _, ok := mount.HandedOver(d.config.Dir); !ok {
		d.place, _, err = mountpoint.At(d.config.Dir)
		return err
	}
	d.theirs = true
	d.place.Dev = d.server.HandedOverDev()
	m, ok, err := ofDevice(d.place.Dev)
	if err != nil || !ok {
		return err
	}
	d.place, d.config.Dir = m, m.Dir
	return nil
}

// ofDevice is mountpoint.OfDevice, with "" for a device that the kernel does not tell.
func ofDevice(dev string) (mountpoint.Mount, bool, error) {
	if dev == "" {
		return mountpoint.Mount{}, false, nil
	}
	return mountpoint.OfDevice(dev)
}

// mountedNote tells a person of the mount, and how it ends.
func (d *daemon) mountedNote() string {
	if d.theirs {
		return fmt.Sprintf("%s is served on %s, which another program has mounted; it ends with that mount, or by SIGTERM to process %d", d.name, d.config.Dir, os.Getpid())
	}
	return fmt.Sprintf("%s is mounted on %s; to end it: allasfs umount %s", d.name, d.config.Dir, d.config.Dir)
}

// handedOverTargets are the mounts of records that are not among ours: those that another program made, whose type is another one, or which lie in
// another namespace. Their daemons live, for the registry forgets those of the dead. One that lies in the namespace of this process, though not in that of its
// daemon, goes by its name here; but where one of ours that is known has its device number, that is its own: the kernel gives the number of a mount that has ended to
// the next one, while the daemon of the first may still be on its way out.
func handedOverTargets(ours []target, records []control.Record) []target {
	var list []target
	for i, r := range records {
		if !r.HandedOver || slices.ContainsFunc(ours, func(t target) bool { return t.Dir == r.Mountpoint && t.mount.Dev == r.Dev }) {
			continue
		}
		dir := r.Mountpoint
		known := slices.ContainsFunc(ours, func(t target) bool { return t.Record != nil && t.mount.Dev == r.Dev })
		if m, ok, err := ofDevice(r.Dev); err == nil && ok && !known {
			dir = m.Dir
		}
		list = append(list, target{Dir: dir, Source: r.Source, Record: &records[i], mount: mountpoint.Mount{Dir: dir, Source: r.Source, Dev: r.Dev, Owner: os.Getuid()}})
	}
	return list
}
