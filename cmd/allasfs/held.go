package main

// This file holds `allasfs cache`.

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"allasfs/cache"
	"allasfs/fs"
)

const cacheLong = `Show what the cache of a mount holds: how much of its size is used, how much of what was read came from it since
the mount began, which buckets and directories take most, and the largest files. What the kernel reads by itself is not counted
as read: its own pages and, on mounts by root, large files that are cached.

PATH is any path on the mount; for one below its top, only what lies there is listed. Without it the
only mount is meant. Nothing is asked of the store. 'allasfs warm' and 'allasfs evict' change what is held.`

func cacheCommand(s *streams) *cobra.Command {
	var asJSON bool
	var files int
	cmd := &cobra.Command{
		Use:               "cache [flags] [PATH]",
		Short:             "Show what the cache holds",
		Long:              cacheLong,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeMounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, t, err := live(args)
			if err != nil {
				return err
			}
			path := ""
			if len(args) > 0 {
				if path, err = onMount(t, args[0]); err != nil {
					return err
				}
				path = under(t, path)
			}
			r, err := c.Held(cmd.Context(), path, max(files, 0))
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(s.out)
				e.SetIndent("", "  ")
				return e.Encode(r)
			}
			return printHeld(s.out, t, r, files)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().IntVar(&files, "files", 20, "how many directories and files to list")
	return cmd
}

func printHeld(out io.Writer, t target, r fs.HeldReport, n int) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s  %s\n", t.Dir, t.Source)
	c := r.Cache
	fmt.Fprintf(w, "  held\t%s of %s, %s\n", human(c.Used), human(c.Size), count(c.Files, "file"))
	fmt.Fprintf(w, "  hits\t%s\n", hitRatio(c))
	if c.Drafts > 0 {
		fmt.Fprintf(w, "  unsent\t%s, %s; never evicted\n", count(c.Drafts, "file"), human(c.DraftBytes))
	}
	if r.Other.Files > 0 {
		fmt.Fprintf(w, "  others\t%s, %s, of another mount with this folder; to remove them: allasfs evict --all\n", count(r.Other.Files, "file"), human(r.Other.Bytes))
	}
	fmt.Fprintf(w, "  folder\t%s\n", oneLine(c.Dir))
	if r.Path != "" {
		fmt.Fprintf(w, "  below\t%s: %s, %s\n", oneLine(r.Path), count(r.Files, "file"), human(r.Bytes))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.Files == 0 || n <= 0 {
		return nil
	}
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\n  ON DISK\tFILES\tBELOW\n")
	for i, g := range r.Groups {
		if i == n {
			fmt.Fprintf(w, "  \t\tand %d more\n", len(r.Groups)-n)
			break
		}
		fmt.Fprintf(w, "  %s\t%d\t%s\n", human(g.Bytes), g.Files, oneLine(g.Path))
	}
	fmt.Fprint(w, "\n  ON DISK\tOF\tLAST USED\tFILE\n")
	for _, f := range r.Largest {
		used := f.Used.Local().Format("2006-01-02 15:04")
		if f.Open {
			used = "open"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", human(f.Bytes), human(f.Size), used, oneLine(f.Path))
	}
	return w.Flush()
}

// hitRatio tells how much of what was read since the mount came from the cache.
func hitRatio(c cache.Stats) string {
	if c.Hits+c.Misses == 0 {
		return "nothing read yet"
	}
	return fmt.Sprintf("%d %% of blocks, %d %% of bytes since the mount: %s from the cache, %s downloaded",
		percent(c.Hits, c.Hits+c.Misses), percent(c.HitBytes, c.HitBytes+c.MissBytes), human(c.HitBytes), human(c.MissBytes))
}
