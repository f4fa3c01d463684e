package main

// This file holds `allasfs evict`.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"allasfs/cache"
	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
)

const evictLong = `Take files, and all that lies below directories and buckets, out of the cache, to make room on the local disk.
Nothing is removed from the store: what is read again is downloaded again. Files that are open stay, and
so does what was written and is not in the store yet, always.

PATH need not be in the store any more. With --all, everything in the cache of the mount goes; DIR is any path
on it, and may be left out when there is only one.`

func evictCommand(s *streams) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "evict PATH… | --all [DIR]",
		Short:   "Take files out of the cache",
		Long:    evictLong,
		Example: "  allasfs evict ~/allas/genomes/old\n  allasfs evict --all ~/allas",
	}
	cmd.Flags().BoolVar(&all, "all", false, "everything that the cache holds")
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		if all {
			return args(cobra.MaximumNArgs(1))(cmd, given)
		}
		return args(cobra.MinimumNArgs(1))(cmd, given)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, t, err := live(args)
		if err != nil {
			return err
		}
		var paths []string
		if !all {
			if paths, err = evictPaths(t, args); err != nil {
				return err
			}
		}
		look, err := freedOf(cmd.Context(), c, paths, all)
		if err != nil {
			return err
		}
		var done cache.Evicted
		err = withLines(cmd.Context(), s.err, look, func(ctx context.Context) (err error) {
			done, err = c.Evict(ctx, paths, all)
			return err
		})
		if err != nil {
			return err
		}
		if done.Files+done.Open == 0 && !all {
			if err := nothingThere(args); err != nil {
				return err
			}
		}
		line := fmt.Sprintf("freed %s of the cache: %s", human(done.Bytes), count(done.Files, "file"))
		if done.Open > 0 {
			line += fmt.Sprintf("; %s in use stay", count(done.Open, "file"))
		}
		_, err = fmt.Fprintln(s.out, line)
		return err
	}
	return cmd
}

// freedOf looks at how much of what is cached of the paths, or of everything, has been freed since now.
func freedOf(ctx context.Context, c *control.Client, paths []string, all bool) (look, error) {
	begin, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	if all {
		paths = []string{""}
	}
	total := int64(-1) // asked for when it takes so long that there is something to show
	return func(ctx context.Context, wide bool) ([]string, error) {
		now, err := c.Status(ctx)
		if err != nil {
			return nil, err
		}
		freed := max(0, begin.Status.Cache.Used-now.Status.Cache.Used)
		if total < 0 {
			total = freed
			for _, p := range paths {
				held, err := c.Held(ctx, p, 0)
				if err != nil {
					return nil, err
				}
				total += held.Bytes
			}
		}
		return []string{barLine(wide, "freed", freed, total)}, nil
	}, nil
}

// evictPaths are the arguments below the mount's top; what does not exist stays as it is written.
func evictPaths(t target, args []string) ([]string, error) {
	var paths []string
	for _, arg := range args {
		p, err := onMount(t, arg)
		if err != nil {
			return nil, err
		}
		if real, err := filepath.EvalSymlinks(p); err == nil {
			if p, err = onMount(t, real); err != nil {
				return nil, err
			}
		}
		paths = append(paths, under(t, p))
	}
	return paths, nil
}

// nothingThere tells of the first argument that is neither cached nor there, as a slip of the pen is.
func nothingThere(args []string) error {
	for _, arg := range args {
		if _, err := os.Lstat(arg); os.IsNotExist(err) {
			return exit.New(exit.Failed, "'allasfs cache' shows what is cached", "%s does not exist, and nothing of it is cached", arg)
		}
	}
	return nil
}
