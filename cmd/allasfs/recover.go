package main

// This file holds `allasfs recover`, for files that were written and are not in the object store.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs"
)

const recoverLong = `Show the files of a mount that are kept in its cache folder because they are not in the object store: they were
open when the daemon was killed, the store refused them (a full quota, no permission), or somebody else had
changed the object meanwhile. The commands below send them, save a copy, or drop them.

DIR is any path on the mount; without it the only mount is meant. NUMBER is what the list shows first, or its
first letters; "all" stands for every kept file.`

func recoverCommand(s *streams) *cobra.Command {
	list := func(cmd *cobra.Command, args []string) error { return recoverList(cmd.Context(), s, args) }
	cmd := &cobra.Command{
		Use:               "recover [DIR]",
		Short:             "List, send, save or drop files that are not in the store",
		Long:              recoverLong,
		Example:           "  allasfs recover ~/allas\n  allasfs recover send ~/allas 3f2a\n  allasfs recover save ~/allas 3f2a /tmp/copy.dat\n  allasfs recover drop ~/allas 3f2a",
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeMounts,
		RunE:              list,
	}
	var force bool
	send := recoverAction("send DIR NUMBER", "Upload a kept file", 2, func(cmd *cobra.Command, c *control.Client, id string, _ []string) error {
		return withProgress(cmd.Context(), s.err, c, func(ctx context.Context) error { return c.RecoverSend(ctx, id, force) })
	})
	send.Flags().BoolVar(&force, "force", false, "overwrite what somebody else has put there meanwhile")
	cmd.AddCommand(
		&cobra.Command{Use: "list [DIR]", Short: "List the kept files", Args: args(cobra.MaximumNArgs(1)), ValidArgsFunction: completeMounts, RunE: list},
		send,
		recoverAction("save DIR NUMBER FILE", "Copy a kept file to a new local file", 3, func(cmd *cobra.Command, c *control.Client, id string, rest []string) error {
			file, err := filepath.Abs(rest[0])
			if err != nil {
				return err
			}
			return withLines(cmd.Context(), s.err, savedOf(c, id, file), func(ctx context.Context) error { return c.RecoverSave(ctx, id, file) })
		}),
		recoverAction("drop DIR NUMBER", "Discard a kept file for ever", 2, func(cmd *cobra.Command, c *control.Client, id string, _ []string) error {
			return c.RecoverDrop(cmd.Context(), id)
		}),
	)
	return cmd
}

// recoverAction is a subcommand of n arguments that does something to kept files.
func recoverAction(use, short string, n int, do func(cmd *cobra.Command, c *control.Client, id string, rest []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args(cobra.ExactArgs(n)), ValidArgsFunction: completeMounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, t, err := live(args)
			if err != nil {
				return err
			}
			ids, err := chosen(cmd.Context(), c, t, args[1])
			if err != nil {
				return err
			}
			if len(ids) > 1 && n > 2 {
				return exit.New(exit.Usage, "save them one by one", "several files cannot be saved as one")
			}
			for _, id := range ids {
				if err := do(cmd, c, id, args[2:]); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// savedOf looks at how much of the kept file id lies in the local file.
func savedOf(c *control.Client, id, file string) look {
	return func(ctx context.Context, wide bool) ([]string, error) {
		report, err := c.Status(ctx)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(report.Status.Drafts, func(d fs.DraftState) bool { return d.ID == id })
		size, begun := savedSize(id, file)
		if i < 0 || !begun {
			return nil, nil
		}
		return []string{barLine(wide, "saved", size, report.Status.Drafts[i].Size)}, nil
	}
}

// savedSize is how many bytes of the kept file id are in what becomes the local file.
func savedSize(id, file string) (size int64, begun bool) {
	entries, _ := os.ReadDir(filepath.Dir(file)) // a folder that cannot be listed shows no progress
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), fs.PartOfSave(id)) {
			continue
		}
		if fi, err := e.Info(); err == nil {
			size, begun = max(size, fi.Size()), true
		}
	}
	return size, begun
}

// chosen are the numbers of the kept files that word stands for.
func chosen(ctx context.Context, c *control.Client, t target, word string) ([]string, error) {
	report, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, d := range report.Status.Drafts {
		if d.ID == word {
			return []string{word}, nil
		}
		if word == "all" || len(word) > 0 && len(d.ID) > len(word) && d.ID[:len(word)] == word {
			ids = append(ids, d.ID)
		}
	}
	hint := "see: allasfs recover list " + t.Dir
	switch {
	case len(ids) == 0 && word != "all":
		return nil, exit.New(exit.Usage, hint, "no kept file has the number %q", word)
	case len(ids) > 1 && word != "all":
		return nil, exit.New(exit.Usage, hint, "%q stands for %d files: write more of the number", word, len(ids))
	}
	return ids, nil
}

func recoverList(ctx context.Context, s *streams, args []string) error {
	c, t, err := live(args)
	if err != nil {
		return err
	}
	report, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if len(report.Status.Drafts) == 0 {
		_, err := fmt.Fprintf(s.out, "every file of %s is in the object store\n", t.Dir)
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tSIZE\tSTATE\tFILE\tREASON")
	for _, d := range report.Status.Drafts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", d.ID, human(d.Size), d.State, oneLine(d.Path), d.Reason)
	}
	return w.Flush()
}
