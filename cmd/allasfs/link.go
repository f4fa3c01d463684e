package main

// This file holds `allasfs link`.

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/s3"
)

const linkLong = `Print a link to each file, by which anybody can download it, without an account, until the link expires.

It leads to the object as it is when somebody follows it, and ends early when the keys of the mount are revoked. The
extended attribute user.allasfs.link has the same for a day.`

// linkAttr is the extended attribute that is asked for, followed by seconds.
const linkAttr = "user.allasfs.link."

func linkCommand(s *streams) *cobra.Command {
	valid := 24 * time.Hour
	cmd := &cobra.Command{
		Use:     "link PATH…",
		Short:   "Print links by which anybody can download files",
		Long:    linkLong,
		Example: "  allasfs link ~/allas/results/table.csv\n  allasfs link --expires 168h ~/allas/results/*.bam",
		Args:    args(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().DurationVar(&valid, "expires", valid, "how long a link works, 168h at most")
	cmd.RunE = func(_ *cobra.Command, paths []string) error {
		if valid < time.Second || valid > s3.MaxLink {
			return exit.New(exit.Usage, "give --expires a time from 1s to 168h", "a link cannot work for %s", valid)
		}
		for _, p := range paths {
			u, err := linkOf(p, valid)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(s.out, u); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// linkOf asks the mount that a file lies on.
func linkOf(path string, valid time.Duration) (string, error) {
	p := make([]byte, 64<<10) // the kernel's largest attribute
	n, err := unix.Getxattr(path, linkAttr+strconv.FormatInt(int64(valid/time.Second), 10), p)
	switch {
	case errors.Is(err, unix.ENODATA):
		return "", exit.New(exit.Failed, "links lead to files that are in the object store", "%s has no link: it is a directory, or not in the store yet, or not on an allasfs mount", path)
	case errors.Is(err, unix.ENOTSUP):
		return "", exit.New(exit.NotMounted, "'allasfs status' lists the mounts", "%s is not on an allasfs mount", path)
	case err != nil:
		return "", exit.New(exit.Failed, "", "%s: %w", path, err)
	}
	return string(p[:n]), nil
}
