package main

// This file brings to a mount's daemon what the kernel has of files that programs are writing. `allasfs sync` does so itself, before it asks the daemon to
// send: a daemon that waits in the kernel for pages which only it can take waits for itself.

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
)

const writeOutBeside = 8 // files at once

// writeOut lets the kernel pass on what it holds of the files at and below a path of t's mount, "" = all, that programs have open for writing: pages of
// shared mappings, and writes that it collects.
func writeOut(ctx context.Context, c *control.Client, t target, path string) error {
	report, err := c.Status(ctx)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(writeOutBeside)
	for _, name := range report.Status.Writing {
		if path != "" && name != path && !strings.HasPrefix(name, path+"/") {
			continue
		}
		g.Go(func() error { return writeOutFile(filepath.Join(t.Dir, name)) })
	}
	return g.Wait()
}

// writeOutFile returns when the daemon was given the pages of a file that the kernel held at the call. It does not send them: fsync(2) would. What could not
// be kept of them the daemon knows, and tells. A file that is not there any more has none.
func writeOutFile(file string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESTALE) {
		return nil
	}
	if err != nil {
		return exit.New(exit.NotSent, "a program has it open for writing", "what is written to %s by mappings cannot be sent: %w", file, err)
	}
	defer unix.Close(fd)
	const all = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	_ = unix.SyncFileRange(fd, 0, 0, all)
	return nil
}
