package main

// This file holds `allasfs ls`.

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// listed is a mount as ls shows it.
type listed struct {
	Mountpoint string `json:"mountpoint"`
	Source     string `json:"source"`
	State      life   `json:"state"`
	PID        int    `json:"pid,omitempty"`
	Since      string `json:"since,omitempty"` // RFC 3339
	Hint       string `json:"hint,omitempty"`  // what to do about a mount whose daemon has died
}

func lsCommand(s *streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls [flags]",
		Short: "List the mounts of this machine",
		Long: `List the allasfs mounts of this machine, a line each, those of other users and those whose daemon has died included.
No daemon is asked, so this answers at once: 'allasfs status' asks them.`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			all, err := targets()
			if err != nil {
				return err
			}
			list := make([]listed, 0, len(all))
			for _, t := range all {
				list = append(list, t.listed())
			}
			if asJSON {
				e := json.NewEncoder(s.out)
				e.SetIndent("", "  ")
				return e.Encode(list)
			}
			return printListed(s.out, list)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON list with one element a mount")
	return cmd
}

func (t target) listed() listed {
	l := listed{Mountpoint: t.Dir, Source: t.Source, State: t.life()}
	if l.State == running {
		l.PID, l.Since = t.Record.PID, t.Record.Since.Local().Format("2006-01-02T15:04:05Z07:00")
	}
	if l.State == dead {
		l.Hint = t.clearHint()
	}
	return l
}

func printListed(w io.Writer, list []listed) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "no allasfs mounts")
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, l := range list {
		pid := "-"
		if l.PID > 0 {
			pid = strconv.Itoa(l.PID)
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s", oneLine(l.Mountpoint), oneLine(l.Source), l.State, pid)
		if l.Hint != "" {
			fmt.Fprintf(tab, "\t%s", l.Hint)
		}
		fmt.Fprintln(tab)
	}
	return tab.Flush()
}
