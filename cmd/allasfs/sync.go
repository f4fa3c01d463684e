package main

// This file holds `allasfs sync`.

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
)

func syncCommand(s *streams) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "sync [flags] [PATH]",
		Short: "Wait until every file is in the object store",
		Long: `Send what has not been sent, show how far that is, and return when all is in the object store: 0 means that it is.
What could not be sent is named, with the reason, and stays to be tried again.
PATH is a mount, or a file or directory on one: only what lies there is waited for. Without it the only mount is
meant. What programs have written by now is sent, to files that they have open and by shared mappings, too.
(sync(1) does not reach a FUSE mount.)`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeMounts,
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up waiting after so long (0 = no limit)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, t, path, err := toSync(args)
		if err != nil {
			return err
		}
		ctx, cancel := withTimeout(cmd.Context(), timeout)
		defer cancel()
		err = withProgress(ctx, s.err, c, func(ctx context.Context) error {
			return errors.Join(writeOut(ctx, c, t, path), c.Sync(ctx, path))
		})
		if errors.Is(err, context.DeadlineExceeded) {
			return exit.New(exit.Timeout, "see: allasfs status "+t.Dir, "not everything is in the object store after %s", timeout)
		}
		return err
	}
	return cmd
}

// toSync is the mount to ask and the path on it, "" = all of it.
func toSync(args []string) (*control.Client, target, string, error) {
	if len(args) == 0 {
		c, t, err := live(args)
		return c, t, "", err
	}
	c, t, paths, err := below(args)
	if err != nil {
		return nil, t, "", err
	}
	return c, t, paths[0], nil
}
