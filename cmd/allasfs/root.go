package main

// This file is the top of the command line: what `allasfs --help` shows, and how cobra is used.

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/exit"
)

const rootLong = `allasfs mounts a project of CSC's Allas (or of any Ceph RADOS Gateway) as a directory:
a directory a bucket, a file an object, plain objects that every other S3 client reads.

  allasfs mount ~/allas            every bucket of the project
  allasfs mount bucket ~/data      one bucket
  allasfs run -- COMMAND           runs a command with a mount of its own, as in a batch job
  allasfs status                   what is mounted, cached and being uploaded
  allasfs top                      the same on the whole terminal, again and again
  allasfs warm ~/allas/bucket      downloads into the cache ahead of a job
  allasfs umount ~/allas           waits for uploads, then unmounts

Credentials are found where allas-conf, rclone, aws and s3cmd leave them. If something
does not work, 'allasfs doctor' says what is missing. 'allasfs demo DIR' needs no account.`

// nearDistance is how many letters may be wrong in the name of a command that is meant.
const nearDistance = 2

// rootCommand builds the command tree; s is where its commands write.
func rootCommand(s *streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "allasfs",
		Short:         "Allas as a directory",
		Long:          rootLong,
		Version:       version(),
		SilenceErrors: true, // report prints them
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,

		SuggestionsMinimumDistance: nearDistance,
		RunE:                       unknownCommand,
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetVersionTemplate("allasfs {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exit.New(exit.Usage, "see: "+cmd.CommandPath()+" --help", "%w", err)
	})
	root.AddCommand(mountCommand(s), runCommand(s), umountCommand(s), statusCommand(s), syncCommand(s), recoverCommand(s), lsCommand(s),
		warmCommand(s), evictCommand(s), cacheCommand(s), topCommand(s), linkCommand(s), infoCommand(s),
		doctorCommand(s), defaultsCommand(s), demoCommand(s), versionCommand(s), exitCodesTopic(), troubleshootingTopic(), manCommand(), probeCommand())
	root.SetHelpCommand(helpCommand())
	return root
}

// helpCommand is cobra's, but what is no command is an error that names the nearest ones, not the general help.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		Long:  "Show the help of a command, or of a topic.",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
			at, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, c := range at.Commands() {
				if (c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand()) && strings.HasPrefix(c.Name(), begin) {
					names = append(names, c.Name()+"\t"+c.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknown(about, args[len(args)-max(1, len(rest))])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// unknownCommand answers what cobra found no command for.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return unknown(cmd, args[0])
}

// unknown tells that a command has none of that name, and which of its names are near.
func unknown(cmd *cobra.Command, name string) error {
	hint := "see: " + cmd.CommandPath() + " --help"
	if cmd.SuggestionsMinimumDistance == 0 {
		cmd.SuggestionsMinimumDistance = nearDistance
	}
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		hint = "did you mean: " + strings.Join(near, ", ")
	}
	return exit.New(exit.Usage, hint, "unknown command %q", strings.TrimPrefix(cmd.CommandPath()+" "+name, "allasfs "))
}

// args wraps a check of positional arguments so that it ends with the exit code of a wrong command line.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return exit.New(exit.Usage, "usage: "+cmd.UseLine(), "%s does not take %s", cmd.CommandPath(), count(len(args), "argument")).Because(err)
		}
		return nil
	}
}

// exitCodesTopic is the help page of the exit codes.
func exitCodesTopic() *cobra.Command {
	var b strings.Builder
	fmt.Fprint(&b, "allasfs ends with one of these exit codes:\n\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range exit.Table() {
		fmt.Fprintf(w, "%4d\t%s\n", r.Code, r.Meaning)
	}
	fmt.Fprintf(w, "\nCalled by mount(8) it ends with 0, with %d for a wrong command line, or with %d.\n", exit.HelperUsage, exit.HelperFailed)
	_ = w.Flush() // into memory
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: strings.TrimSpace(b.String())}
}
