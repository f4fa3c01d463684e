package main

// This file holds why each option is there, for the manual pages: what it does says its help. An option without a reason is one too many.

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// reasons are those of the options, by name; "COMMAND NAME" where it is another one for a single command.
var reasons = map[string]string{
	"all":                "to give the disk back without naming what is on it",
	"all-projects":       "who works in several projects should not have to name them, nor make a mount for each",
	"allow-other":        "a machine's services and its other users are kept out by the kernel otherwise, root too",
	"anonymous":          "public data needs no project, and keys of a project would be sent where they are not needed",
	"at":                 "a command may want its files at a path that it knows",
	"background":         "a job may begin to compute while its later files come",
	"ca-file":            "stores of one's own have certificates that no public authority has signed",
	"cache-dir":          "the home directory may be slow, small or shared, while the machine has a fast disk elsewhere",
	"cache-size":         "only the user knows how much of the disk the other programs need",
	"credentials-from":   "keys that a password store keeps should lie in no file, no command line and no environment",
	"debug-fuse":         "to find out what a program asks of the file system, when it does what nobody understands",
	"draft-space":        "a program that writes faster than the network could fill the disk of everybody",
	"endpoint":           "there are other stores than Allas: LUMI-O, and those of one's own",
	"expires":            "who has a link can read the file as long as it works: no longer than is needed",
	"files":              "a cache holds thousands of files: a screen shows the largest",
	"force":              "only a person can say that what another has written may be lost",
	"foreground":         "systemd, containers and who looks for a fault want the process itself",
	"fsname":             "mount -a knows a mount by the source that fstab names",
	"gid":                "files of others may have to belong to a group of this machine",
	"grace":              "Slurm kills 30 seconds after SIGTERM, other batch systems sooner or later",
	"help":               "to be had everywhere",
	"hide-ameta":         "who never uses a-put's files of metadata need not see twice as many names",
	"insecure-http":      "a test store on a private network has no TLS; nobody should lose it by a slip of the pen",
	"json":               "scripts should not have to read what is made for people",
	"kernel-writes":      "programs that write some bytes at a time are several times as fast; whether a kill may cost the last of them, the user decides",
	"lazy":               "a process that cannot be ended should not keep a machine from shutting down",
	"log-file":           "logs of a service are looked for in its own place",
	"log-format":         "collectors of logs read JSON, people do not",
	"memory":             "batch jobs are killed when they use more than they asked for, and the daemon counts",
	"metrics":            "who runs it for others watches it by Prometheus, as everything else",
	"on-conflict":        "where one program alone writes, a file that two have changed is no conflict but its next version",
	"options":            "fstab and mount(8) know no others",
	"passthrough":        "kernels are young at it: there has to be a way back",
	"passthrough-writes": "writes of some KiB cost a program a call to the daemon each; the way past it is new, and makes small files dearer, so it takes a word",
	"pprof":              "where processor time and memory go is found out on the machine where they go",
	"profile":            "several sections of a file may hold keys of the same project, or of none that is named",
	"project":            "keys of several projects may be there, and what is written to the wrong one is seen by the wrong people",
	"quiet":              "scripts want to see what went wrong, and nothing else",
	"read-only":          "data that has to stay as it is should not depend on programs that behave",
	"segments":           "a changed part damages the large file that it belongs to, so it takes a word",
	"source":             "the words after -- are the command's",
	"stat":               "true times and modes cost a request a file, which is worth it for rsync and make, and for few others",
	"stop-timeout":       "machines that shut down wait for nobody",
	"sync timeout":       "a script may have something else to do when the network is gone",
	"timeout":            "interactive users want to know soon, batch jobs want to outlast a fault of the network",
	"ttl":                "who shares a bucket with others that write wants to see it soon, who does not saves requests",
	"uid":                "a mount that root makes at boot is for a user",
	"umask":              "most objects say nothing of permissions, and what is right for them depends on who may log in",
	"umount timeout":     "a script that shuts something down has an end to meet",
	"verbose":            "what went wrong between this machine and the store is seen in the requests",
	"version":            "the first question about any fault",
	"watch":              "progress is looked at for a while",
	"write-back":         "programs that close thousands of small files would wait for the network at each",
}

// reason is why the command has the option; "" = nobody has said.
func reason(cmd *cobra.Command, option string) string {
	return cmp.Or(reasons[cmd.Name()+" "+option], reasons[option])
}

// reasonsOf lists the reasons of the options of a command, in Markdown; "" when there are none but --help.
func reasonsOf(cmd *cobra.Command) string {
	var b strings.Builder
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if r := reason(cmd, f.Name); r != "" && f.Name != "help" && !f.Hidden {
			fmt.Fprintf(&b, "**--%s**: %s.\n\n", f.Name, r)
		}
	})
	if b.Len() == 0 {
		return ""
	}
	return "\n\nWhy the options are there:\n\n" + b.String()
}

// giveReasons puts the reasons of the options into the descriptions of a command and of those below it.
func giveReasons(cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	cmd.Long = cmp.Or(cmd.Long, cmd.Short) + reasonsOf(cmd)
	for _, c := range cmd.Commands() {
		giveReasons(c)
	}
}
