package main

// This file holds `allasfs sync`.

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/exit"
)

func syncCommand(s *streams) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "sync [flags] [DIR]",
		Short: "Wait until every file is in the object store",
		Long: `Send what has not been sent, and return when all is in the object store: 0 means that it is.
DIR is any path on the mount; without it the only mount is meant. (sync(1) does not reach a FUSE mount.)`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeMounts,
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up waiting after so long (0 = no limit)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, t, err := live(args)
		if err != nil {
			return err
		}
		ctx, cancel := withTimeout(cmd.Context(), timeout)
		defer cancel()
		err = withProgress(ctx, s.err, c, c.Sync)
		if errors.Is(err, context.DeadlineExceeded) {
			return exit.New(exit.Timeout, "see: allasfs status "+t.Dir, "not everything is in the object store after %s", timeout)
		}
		return err
	}
	return cmd
}
