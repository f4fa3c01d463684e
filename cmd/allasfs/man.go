package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand writes the manual pages, one a command, from what --help says: for packages.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages", Hidden: true, Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			root.DisableAutoGenTag = true
			root.InitDefaultHelpCmd()
			root.InitDefaultVersionFlag()
			giveReasons(root)
			pages := []*cobra.Command{root}
			for _, c := range root.Commands() {
				if c.IsAdditionalHelpTopicCommand() { // the library leaves them out
					pages = append(pages, c)
				}
			}
			for _, c := range pages {
				h := &doc.GenManHeader{Section: "1", Source: "allasfs " + version(), Manual: "allasfs"} // dated by SOURCE_DATE_EPOCH
				if err := doc.GenManTree(c, h, args[0]); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
