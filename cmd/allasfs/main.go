// Command allasfs mounts projects of CSC's Allas, and of any other Ceph RADOS Gateway, as directories.
//
// One file holds one subcommand; what a file is about says its first comment. A mount is a process of its own, the daemon
// (daemon.go), which the other commands reach over its control socket (package control). Everything that a person is told at the
// end is an [exit.Error]: a sentence, a hint and an exit code.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
)

func main() {
	debug.SetTraceback("crash") // a crash ends by SIGABRT: exit status 2 is that of a wrong command line, after which systemd starts nothing anew
	var stderr io.Writer = os.Stderr
	if toJournal(os.Getenv, os.Stderr) {
		stderr = ranked{os.Stderr}
	}
	os.Exit(run(os.Args, os.Stdout, stderr))
}

// run executes one command line, program name included, and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer func() {
		signal.Ignore(unix.SIGINT, unix.SIGTERM) // what has done its work ends with its own status
		stop()
	}()
	if err := setHome(); err != nil {
		return report(stderr, err, false)
	}
	args, helper, err := helperArgs(args)
	if err == nil && len(args) > 0 {
		root := rootCommand(&streams{stdout, stderr})
		root.SetArgs(args[1:])
		err = root.ExecuteContext(ctx)
	}
	return report(stderr, err, helper)
}

// streams are where a command writes: results to out, all else to err.
type streams struct{ out, err io.Writer }

// warn tells something that does not stop the command.
func (s *streams) warn(format string, args ...any) {
	fmt.Fprintf(s.err, "allasfs: warning: "+format+"\n", args...)
}

// note tells how a command is getting on.
func (s *streams) note(format string, args ...any) {
	fmt.Fprintf(s.err, "allasfs: "+format+"\n", args...)
}

// report prints err as "allasfs: error: …" and "allasfs: hint: …" and returns its exit code; a mount helper has codes of its own.
func report(stderr io.Writer, err error, helper bool) int {
	if err == nil {
		return int(exit.OK)
	}
	if c, ok := errors.AsType[*commandStatus](err); ok {
		return c.status // it has said itself what there is to say
	}
	e, told := errors.AsType[*exit.Error](err)
	switch {
	case told:
	case errors.Is(err, context.Canceled):
		e = exit.New(exit.Failed, "", "interrupted")
	default:
		e = exit.Of(err)
	}
	fmt.Fprintf(stderr, "allasfs: error: %s\n", strings.TrimSpace(e.Text))
	if e.Hint != "" {
		fmt.Fprintf(stderr, "allasfs: hint: %s\n", e.Hint)
	}
	switch {
	case !helper:
		return int(e.Code)
	case e.Code == exit.Usage:
		return int(exit.HelperUsage)
	}
	return int(exit.HelperFailed)
}
