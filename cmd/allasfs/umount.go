package main

// This file holds `allasfs umount`.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
)

const umountLong = `Unmount DIR (or the mount that DIR is in). Uploads are finished and shown first; when the command
returns with 0, every file is in the object store.

If a file cannot be sent, or a process uses the mount, the mount stays and the reason is told. With
--lazy it is detached at once: the daemon goes on sending in the background, and ends when
the last process has closed its files. A mountpoint whose daemon has died is cleared.`

type umountFlags struct {
	lazy    bool
	timeout time.Duration
}

func umountCommand(s *streams) *cobra.Command {
	var f umountFlags
	cmd := &cobra.Command{
		Use:               "umount [flags] DIR",
		Aliases:           []string{"unmount"},
		Short:             "Finish uploads and unmount",
		Long:              umountLong,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: completeMounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			return umount(cmd.Context(), s, args[0], f)
		},
	}
	cmd.Flags().BoolVarP(&f.lazy, "lazy", "l", false, "detach at once, finish in the background")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "give up waiting after so long; the mount then stays (0 = no limit)")
	return cmd
}

func umount(ctx context.Context, s *streams, path string, f umountFlags) error {
	t, err := find(path)
	if err != nil {
		return err
	}
	switch t.life() {
	case dead:
		return clearDead(s, t)
	case foreign, unregistered:
		return umountByKernel(s, t, f.lazy)
	}
	limited, cancel := withTimeout(ctx, f.timeout)
	defer cancel()
	c := control.Dial(*t.Record)
	err = withProgress(limited, s.err, c, func(ctx context.Context) error { return c.Unmount(ctx, f.lazy) })
	if !f.lazy && (err == nil || t.gone()) { // with files that could not be sent it may have ended, too
		if late := waitEnd(limited, t.Record.PID); err == nil {
			err = late
		}
	}
	switch {
	case err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded):
		return exit.New(exit.Timeout, "see: allasfs status "+t.Dir, "%s is not unmounted yet after %s: files are still being sent", t.Dir, f.timeout)
	case exit.Of(err) != nil && exit.Of(err).Code == exit.Busy:
		return busy(t.Dir)
	}
	return err
}

// gone tells whether the mount is not there any more.
func (t target) gone() bool {
	m, ok, err := mountpoint.At(t.Dir)
	return err == nil && (!ok || m.Dev != t.mount.Dev)
}

// withTimeout limits ctx where there is a limit.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// clearDead takes a mountpoint away whose daemon has died.
func clearDead(s *streams, t target) error {
	if err := mountpoint.Unmount(t.Dir, true); err != nil {
		return exit.New(exit.Mountpoint, "", "the dead mountpoint cannot be cleared: %w", err)
	}
	if t.Record != nil {
		if err := t.Record.Remove(); err != nil {
			return fmt.Errorf("registry: %w", err)
		}
	}
	s.note("the daemon of %s had died; the mountpoint is cleared. Unsent files are kept: the next mount of %s sends them", t.Dir, t.Source)
	return nil
}

// umountByKernel unmounts where no daemon can be asked; the daemon finishes by itself.
func umountByKernel(s *streams, t target, lazy bool) error {
	err := mountpoint.Unmount(t.Dir, lazy)
	switch {
	case errors.Is(err, unix.EBUSY):
		return busy(t.Dir)
	case err != nil:
		return exit.New(exit.Mountpoint, "it may be another user's", "%w", err)
	}
	s.note("%s is unmounted; its daemon, which could not be asked, finishes uploads in the background", t.Dir)
	return nil
}

// busy names the processes that use a mount.
func busy(dir string) error {
	holders := mountpoint.Holders(dir)
	if len(holders) == 0 {
		return exit.New(exit.Busy, "--lazy detaches it all the same", "%s is in use by a process that cannot be seen (another user's?)", dir)
	}
	var b strings.Builder
	for _, h := range holders {
		fmt.Fprintf(&b, "\n  %s", h)
	}
	return exit.New(exit.Busy, "end these processes or leave the directory; --lazy detaches it all the same", "%s is in use by%s", dir, b.String())
}
