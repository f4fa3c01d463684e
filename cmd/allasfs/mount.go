package main

// This file holds `allasfs mount`.

import (
	"context"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
	"allasfs/fs/mount"
)

const mountLong = `Mount SOURCE on the directory DIR, or several side by side.

SOURCE is [PROJECT:][BUCKET[/PREFIX]]. Without it every bucket of the project is a directory
of DIR; with BUCKET, DIR is that bucket; with BUCKET/PREFIX, the keys below that prefix.
A bucket that another project shares is mounted by its name, or opened by its name
below a mount of the whole project, which then lists it, later mounts too. It shows read-only once a write was refused.

Several SOURCEs, and --all-projects, are directories of DIR: a bucket under its own name, a project under its name, one of LUMI-O as
lumi-o:PROJECT. Each has its own keys and connections, and all share the cache. One whose keys are refused, or whose store does not
answer, gives an error of its own; the mount fails only when none can be used. 'allasfs status' says how each is.

The command returns when the mount answers, or prints why there is none. The daemon that
stays behind ends with 'allasfs umount DIR', fusermount3 -u, or SIGTERM; each of them
finishes the uploads first. A second SIGTERM, or --stop-timeout, cuts that short: what is
not in the store then stays in the cache folder, and the next mount of the same source
sends it.

With --write-back, closing a file does not wait for its upload: it returns when the file is safe
on the local disk, where it outlives a crash and a power cut. Uploads run in the background, many at a time,
and are tried again until they succeed; fsync(2), 'allasfs sync' and 'allasfs umount' wait for them, and
'allasfs status' and 'allasfs sync' tell what could not be sent.

Options of -o: ro, rw, allow_other, uid=N, gid=N, umask=MODE, ttl=TIME, timeout=TIME, cache_dir=DIR, cache_size=SIZE, memory=SIZE, draft_space=SIZE, write_back, on_conflict=keep|overwrite,
stat=listed|full, passthrough=auto|off, passthrough_writes, project=NAME, profile=NAME, endpoint=URL, ca_file=FILE, log_file=FILE, log_format=text|json, anonymous, insecure_http, segments, hide_ameta, all_projects,
fsname=NAME (what df shows as the source), nonempty (hide what DIR holds), nodev, nosuid, noexec, noatime and the like for the kernel.
What is for mount(8) and systemd (_netdev, nofail, user, x-…) is left to them.`

const mountExample = `  allasfs mount ~/allas                                   all buckets of the project chosen last with allas-conf
  allasfs mount project_2012345: ~/allas                  all buckets of this project
  allasfs mount --read-only genomes/human ~/genomes       one prefix of one bucket
  allasfs mount --all-projects ~/allas                    every project whose keys are found, side by side
  allasfs mount project_2012345: lumi-o: ~/data           a project of Allas beside one of LUMI-O
  allasfs mount --endpoint https://lumidata.eu ~/lumi     another store
  project_2012345:  /mnt/allas  fuse.allasfs  _netdev,nofail,allow_other,uid=1000  0 0     a line of /etc/fstab`

func mountCommand(s *streams) *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use:               "mount [flags] [SOURCE…] DIR",
		Short:             "Mount a project, a bucket or a prefix on a directory",
		Long:              mountLong,
		Example:           mountExample,
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: completeDirs,
	}
	addAccessFlags(cmd, &c.Access)
	addMountFlags(cmd, &c)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := c.completeSeveral(cmd, args[:len(args)-1], args[len(args)-1]); err != nil {
			return err
		}
		if err := checkSwapped(args); err != nil {
			return err
		}
		return start(cmd.Context(), s, c)
	}
	return cmd
}

// checkSwapped tells those who wrote DIR SOURCE what the order is.
func checkSwapped(args []string) error {
	if len(args) != 2 {
		return nil
	}
	if _, err := os.Lstat(args[1]); err == nil {
		return nil
	}
	if fi, err := os.Stat(args[0]); err == nil && fi.IsDir() {
		return exit.New(exit.Mountpoint, "the order is SOURCE DIR: allasfs mount "+args[1]+" "+args[0], "the mountpoint %s does not exist", args[1])
	}
	return nil
}

// start runs the daemon of c: as this process when it stays in front or is the background process itself, else as a new one.
func start(ctx context.Context, s *streams, c config) error {
	parent, err := waitingParent()
	if err != nil {
		return err
	}
	switch {
	case parent != nil:
		return serve(ctx, s, c, parent)
	case c.Foreground:
		return serve(ctx, s, c, nil)
	}
	// What needs no network is told before a process is started.
	if err := checkLocal(c); err != nil {
		return err
	}
	return background(ctx, s, c)
}

// checkLocal tells whether this machine and this directory can take the mount.
func checkLocal(c config) error {
	if fd, ok := mount.HandedOver(c.Dir); ok {
		return checkHandedOver(fd)
	}
	if err := mountpoint.CheckFuse(); err != nil {
		return err
	}
	if c.AllowOther {
		if err := mountpoint.CheckAllowOther("/etc/fuse.conf"); err != nil {
			return err
		}
	}
	return mountpoint.Check(c.Dir, slices.Contains(c.Kernel, "nonempty"), deadMount)
}
