package main

// This file holds `allasfs warm`.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
	"allasfs/fs"
)

const warmLong = `Download files, and all that lies below directories and buckets, into the cache of their mount, so that reading
them later asks nothing of the store. What is cached already is not fetched again, so a command that was
interrupted goes on where it was. Programs that read the mount meanwhile come first.

A tree that is larger than the cache is fetched as far as it fits; what was fetched is not evicted for the rest.
What could not be fetched, and what found no room, is told, and makes the exit code 1.

Ctrl-C stops the work; with --background it goes on until it is done or the mount ends, and
'allasfs status' shows how far it is.`

func warmCommand(s *streams) *cobra.Command {
	var background, quiet bool
	cmd := &cobra.Command{
		Use:     "warm [flags] PATH…",
		Short:   "Download trees into the cache before they are read",
		Long:    warmLong,
		Example: "  allasfs warm ~/allas/genomes/human\n  allasfs warm --background ~/allas/images && sbatch job.sh",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, t, paths, err := below(args)
			if err != nil {
				return err
			}
			id := fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano())
			if background {
				if _, err := c.Warm(cmd.Context(), id, paths, true); err != nil {
					return err
				}
				if !quiet {
					s.note("warming in the background; to see how far it is: allasfs status %s", t.Dir)
				}
				return nil
			}
			return warm(cmd.Context(), s, c, id, paths, quiet)
		},
	}
	cmd.Flags().BoolVarP(&background, "background", "b", false, "return at once, go on in the background")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print nothing but errors")
	return cmd
}

// warm waits for the work, and shows how far it is.
func warm(ctx context.Context, s *streams, c *control.Client, id string, paths []string, quiet bool) error {
	var state fs.WarmState
	work := func(ctx context.Context) (err error) {
		state, err = c.Warm(ctx, id, paths, false)
		return err
	}
	var err error
	if quiet {
		err = work(ctx)
	} else {
		err = withLines(ctx, s.err, (&warmProgress{client: c, id: id}).look, work)
	}
	if err != nil {
		return err
	}
	for _, e := range state.Errors {
		s.warn("%s: %s", oneLine(e.Path), e.Text)
	}
	if !quiet {
		s.note("%s", warmDone(state, time.Since(state.Started)))
	}
	return warmFailure(state)
}

// warmFailure says in one sentence what is not in the cache, nil = all is.
func warmFailure(state fs.WarmState) error {
	var text []string
	hint := ""
	if state.Failed > 0 {
		text = append(text, count(state.Failed, "file")+" could not be fetched")
		hint = "the same command tries again what is missing"
	}
	if state.LeftFiles > 0 {
		text = append(text, fmt.Sprintf("%s (%s) found no room in the cache, which has %s for these files",
			count(state.LeftFiles, "file"), human(state.LeftBytes), human(state.Room)))
		hint = "mount with a larger --cache-size, or warm less at once; 'allasfs cache' shows what it holds"
	}
	if state.Stopped != "" {
		text = append(text, "the work has stopped: "+state.Stopped)
	}
	if len(text) == 0 {
		return nil
	}
	return exit.New(exit.Failed, hint, "%s", strings.Join(text, "; "))
}

// below finds the one mount that all of args are on, whose daemon lives, and returns the paths below its top, symbolic links resolved.
// A path that does not exist is an error.
func below(args []string) (*control.Client, target, []string, error) {
	t, err := find(args[0])
	if err != nil {
		return nil, t, nil, err
	}
	c, err := t.client() // first, for a dead mount answers no stat
	if err != nil {
		return nil, t, nil, err
	}
	var paths []string
	for _, arg := range args {
		p, err := onMount(t, arg)
		if err != nil {
			return nil, t, nil, err
		}
		real, err := filepath.EvalSymlinks(p)
		if err != nil {
			return nil, t, nil, exit.New(exit.Failed, "", "%s cannot be found: %w", arg, err)
		}
		if real, err = onMount(t, real); err != nil {
			return nil, t, nil, err
		}
		paths = append(paths, under(t, real))
	}
	return c, t, paths, nil
}

// onMount is path as the kernel names it, if it is on t.
func onMount(t target, path string) (string, error) {
	other, err := find(path)
	if err != nil {
		return "", err
	}
	if other.Dir != t.Dir {
		return "", exit.New(exit.Usage, "give the paths of one mount at a time", "%s is on another mount than %s", path, t.Dir)
	}
	return mountpoint.Resolve(path)
}

// under is the part of a path on t below its top, "" for the top.
func under(t target, path string) string {
	return strings.Trim(strings.TrimPrefix(path, t.Dir), "/")
}
