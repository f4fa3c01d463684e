package main

// This file holds `allasfs config`.

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// option is what holds for a mount when nothing else is said.
type option struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"` // FILE:LINE, $NAME, or default
	Use   string `json:"use"`
}

const builtIn = "default"

func defaultsCommand(s *streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "config [flags]",
		Short: "Show the defaults of a mount's options, and where each comes from",
		Long: `Show what holds for the options of 'allasfs mount', 'allasfs run' and 'allasfs doctor' when the command line does not say otherwise.

Defaults are read from ` + systemDefaults + `, then from $XDG_CONFIG_HOME/allasfs/config.toml (~/.config/allasfs/config.toml),
then from the environment (ALLASFS_CACHE_SIZE for --cache-size); the later goes over the earlier, flags and -o go over all. A line of a file is

  cache-size = "50G"

An unknown option is an error. Keys of the store do not belong there: allas-conf, rclone and the AWS tools have places of their own for them.`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			flags := mountFlags()
			d, err := findDefaults()
			if err == nil {
				err = d.apply(flags)
			}
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(s.out)
				e.SetIndent("", "  ")
				return e.Encode(holding(flags, d))
			}
			return printOptions(s.out, defaultFiles(os.Getenv), holding(flags, d))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON list with one element an option")
	return cmd
}

// holding lists the options in the order of their names.
func holding(flags *pflag.FlagSet, d defaults) []option {
	var all []option
	for _, name := range options(flags) {
		f := flags.Lookup(name)
		o := option{Name: name, Value: f.Value.String(), From: builtIn, Use: f.Usage}
		if g, ok := d[name]; ok {
			o.From = g.from
		} else if f.Value.Type() == sizeType && o.Value == "0" {
			o.Value = "" // from what is free
		}
		all = append(all, o)
	}
	return all
}

func printOptions(w io.Writer, files []string, all []option) error {
	for _, file := range files {
		state := "read"
		if _, err := os.Stat(file); err != nil {
			state = "not there"
		}
		if _, err := fmt.Fprintf(w, "# %s: %s\n", file, state); err != nil {
			return err
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range all {
		value := o.Value
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", o.Name, value, o.From)
	}
	return t.Flush()
}
