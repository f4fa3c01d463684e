package main

// This file holds `allasfs run`: its flags, and the steps from the mount to its end.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
	"allasfs/fs/mount"
)

const runLong = `Mount SOURCE in a place of its own, run COMMAND, wait until every file is in the object store, and unmount.
The command finds the mount's directory in the environment variable ALLASFS_DIR.

The exit status is the command's (128 + N if signal N ended it, 127 if it is not found, 126 if it cannot be run). If a
file did not get to the store, it is 10, and the message names the files, and the command that sends them later.
What fails before the command starts ends with the code of 'allasfs help exit-codes', and a message.

Signals go to the command, and the mount outlives it. After SIGTERM, by which a batch system announces the end, what
is closed is sent at once; when --grace has passed, what is left is named and stays in the cache folder. Once the
command has ended, SIGINT or a second SIGTERM cuts the last uploads short in the same way. If this process is
killed, the daemon unmounts and sends what it can. If all is killed at once, as when Slurm finds that a job takes
too much memory, the next run with the same $TMPDIR clears the mount, and sends what was written if its
cache folder and SOURCE are the same.

In a Slurm job the cache lies below $TMPDIR, and takes at most half of what is free there.`

const runExample = `  allasfs run --source genomes -- sh -c 'samtools sort -o $ALLASFS_DIR/out.bam $ALLASFS_DIR/in.bam'
  allasfs run --source project_2012345:results --at ~/results -- ./simulate --out ~/results/run1`

const placePrefix = "allasfs-run-" // of the directories that are made for mounts

const defaultGrace = 25 * time.Second // Slurm's KillWait is 30 s

// runFlags are those of `allasfs run` alone.
type runFlags struct {
	sources []string
	at      string
	grace   time.Duration
}

func runCommand(s *streams) *cobra.Command {
	var c config
	var f runFlags
	cmd := &cobra.Command{
		Use:     "run [flags] [--source SOURCE] [--at DIR] -- COMMAND [ARGUMENT…]",
		Short:   "Run a command with a mount of its own, as in a batch job",
		Long:    runLong,
		Example: runExample,
		Args:    args(cobra.MinimumNArgs(1)),
	}
	addAccessFlags(cmd, &c.Access)
	addMountFlags(cmd, &c)
	cmd.Flags().StringArrayVar(&f.sources, "source", nil, "what is mounted, as for 'allasfs mount'; several are directories side by side (default: every bucket of the project)")
	cmd.Flags().StringVar(&f.at, "at", "", "where it is mounted; made if it is not there (default: a new directory in $TMPDIR)")
	cmd.Flags().DurationVar(&f.grace, "grace", defaultGrace, "how long after SIGTERM uploads may go on")
	cmd.Flags().SetInterspersed(false) // the command's flags are its own
	for _, name := range []string{"foreground", "quiet", "stop-timeout"} {
		_ = cmd.Flags().MarkHidden(name) // they are defined
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		keeper, dir, err := keptMount()
		if err != nil {
			return err
		}
		if keeper == nil {
			return runIn(cmd, s, &c, f, args)
		}
		c.Keeper = keeper
		if err := c.completeSeveral(cmd, f.sources, dir); err != nil {
			return err
		}
		return start(cmd.Context(), s, c)
	}
	return cmd
}

// runIn makes the place for the mount, runs the command there, and takes the place away.
func runIn(cmd *cobra.Command, s *streams, c *config, f runFlags, words []string) (err error) {
	if f.grace < 0 {
		return exit.New(exit.Usage, "", "a time cannot be negative")
	}
	clearPlaces(s)
	dir, made, err := makePlace(f.at)
	if err != nil {
		return exit.New(exit.Mountpoint, "give a directory with --at", "the mountpoint cannot be made: %w", err)
	}
	if made {
		defer func() { _ = os.Remove(dir) }() // not empty: somebody has put something there, which stays
	}
	if err := c.completeSeveral(cmd, f.sources, dir); err != nil {
		return err
	}
	if err := checkLocal(*c); err != nil {
		return err
	}
	c.Quiet = true
	return (&job{streams: s, config: *c, grace: f.grace, words: words}).run(cmd.Context())
}

// clearPlaces takes away the mounts of earlier runs in the same folder of temporary files that were killed together with their daemons. What these had
// not sent lies in their cache folders still.
func clearPlaces(s *streams) {
	mounts, err := mountpoint.Ours()
	if err != nil {
		return // the mount to come will tell
	}
	for _, m := range mounts {
		if m.Owner != os.Getuid() || filepath.Dir(m.Dir) != os.TempDir() || !strings.HasPrefix(filepath.Base(m.Dir), placePrefix) || !deadMount(m) {
			continue
		}
		if err := mountpoint.Unmount(m.Dir, true); err != nil {
			s.warn("the mount of a killed run cannot be cleared: %v", err)
			continue
		}
		_ = os.Remove(m.Dir) // an empty directory more is no harm
	}
}

// makePlace returns the mountpoint, and whether it was made: at, or a new directory among the temporary files.
func makePlace(at string) (dir string, made bool, err error) {
	if _, ok := mount.HandedOver(at); ok {
		return "", false, errors.New("a command of its own needs a mount of its own, not a descriptor")
	}
	if at == "" {
		dir, err = os.MkdirTemp("", placePrefix+"*")
		return dir, true, err
	}
	if at, err = filepath.Abs(at); err != nil { // the command may change its directory
		return "", false, err
	}
	err = os.Mkdir(at, 0o700)
	if errors.Is(err, os.ErrExist) {
		return at, false, nil
	}
	return at, err == nil, err
}

// run mounts, runs the command, and ends the mount.
func (j *job) run(ctx context.Context) error {
	j.listen()
	defer j.deaf()
	if err := j.start(ctx); err != nil {
		return err
	}
	status := j.command(ctx)
	err := j.finish()
	switch {
	case err == nil && status == 0:
		return nil
	case err == nil:
		return &commandStatus{status}
	case status == 0:
		return err
	}
	e := exit.Of(err)
	return exit.New(e.Code, e.Hint, "%s\nthe command ended with status %d", e.Text, status).Because(err)
}

// start starts the daemon and returns when its mount answers.
func (j *job) start(ctx context.Context) error {
	k, prepare, theirs, err := keeperLine(j.config.Dir)
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	k.cmd, err = launch(ctx, j.streams, j.config, prepare)
	if err := errors.Join(err, theirs.Close()); err != nil {
		return errors.Join(err, k.line.Close())
	}
	j.daemon = k
	t, err := find(j.config.Dir)
	if err == nil && t.Record != nil {
		j.record = *t.Record
	}
	return nil
}

// finish ends the mount, and waits for its uploads as long as signals leave time.
func (j *job) finish() error {
	hurry := make(chan struct{})
	stop := j.hurry(hurry)
	defer stop()
	err := j.daemon.end(hurry)
	var died errDied
	if !errors.As(err, &died) {
		return err
	}
	if m, ok, err := mountpoint.At(j.config.Dir); err == nil && ok && m.Ours() {
		if err := mountpoint.Unmount(j.config.Dir, true); err != nil {
			j.warn("%v", err)
		}
	}
	return exit.New(exit.NotSent, fmt.Sprintf("what was written and not sent is kept in %s; on this machine send it by: %s", j.record.CacheDir, laterCommand(j.config, j.record.CacheDir)),
		"%w: files may not be in the object store", died)
}

// laterCommand is the command that mounts what c mounts with the same cache folder, and so sends what lies there.
func laterCommand(c config, cacheDir string) string {
	words := []string{"allasfs", "mount"}
	for _, f := range []struct{ name, value string }{
		{"--project", c.Access.Project}, {"--profile", c.Access.Profile}, {"--endpoint", c.Access.Endpoint}, {"--ca-file", c.Access.CAFile}, {"--cache-dir", cacheDir},
	} {
		if f.value != "" {
			words = append(words, f.name, shellWord(f.value))
		}
	}
	if c.AllProjects {
		words = append(words, "--all-projects")
	}
	if p := c.Source.path(); p != "" {
		words = append(words, shellWord(p))
	}
	for _, src := range c.Sources {
		words = append(words, shellWord(src.String()))
	}
	return strings.Join(append(words, "DIR"), " ")
}

// shellWord quotes s for a shell where that is needed.
func shellWord(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
