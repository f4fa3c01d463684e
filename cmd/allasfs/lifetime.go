package main

// This file is the daemon's life between the moment when its mount answers and its end.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
	"allasfs/fs"
)

// lastAnswers is how long a detached mount whose files are all sent stays for answers that are on their way to programs, such as that of a close(2).
const lastAnswers = time.Second

// serve waits until the mount is unmounted, by whom ever, or a signal asks for the end (atOnce: does not wait), and then finishes the uploads.
func (d *daemon) serve(w *signalWatch, atOnce bool) error {
	gone := make(chan struct{})
	go func() { // a mount that was detached while in use lasts until its last user: this then ends with the process
		d.server.Wait()
		close(gone)
	}()
	unwatched := d.supervise()
	if !atOnce {
		select {
		case <-gone:
		case <-w.first:
			d.log.Info("asked to end by a signal")
		}
	}
	unwatched()
	if err := notifySystemd("STOPPING=1", "STATUS=finishing uploads"); err != nil {
		d.log.Debug("systemd was not told of the end", "err", err)
	}
	ctx, cancel := w.limit(context.Background(), d.config.StopTimeout)
	defer cancel()
	detached := d.detach(gone)
	told := d.tellQueue()
	d.result = errors.Join(detached, d.finish(ctx))
	told()
	close(d.stopped)
	select {
	case <-gone:
	case <-time.After(lastAnswers):
	}
	if e := exit.Of(d.result); e != nil {
		d.log.Error(e.Text, "hint", e.Hint)
	}
	d.log.Info("ended", "dir", d.config.Dir)
	return d.result
}

// detach takes the mount out of the directory tree, so that nothing new comes in; one that is in use is detached all the same.
func (d *daemon) detach(gone <-chan struct{}) error {
	select {
	case <-gone:
		return nil
	default:
	}
	if d.theirs {
		return nil // who made it takes it away; it fails with this process
	}
	m, ok, err := mountpoint.At(d.config.Dir)
	if err != nil || !ok || m.Dev != d.place.Dev {
		return err // detached already, and in use still
	}
	err = d.server.Unmount(false)
	if errors.Is(err, unix.EBUSY) {
		d.log.Warn("the mount is in use; it is detached", "holders", mountpoint.Holders(d.config.Dir))
		return d.server.Unmount(true)
	}
	return err
}

// finish sends what is pending and ends the file systems; what is left then is named.
func (d *daemon) finish(ctx context.Context) error {
	err := d.endAll(ctx)
	if left := d.Status().Drafts; len(left) > 0 {
		return exit.New(exit.NotSent, d.keptHint(),
			"%s", unsent(left)).Because(err)
	}
	return err
}

// endAll ends all file systems, side by side: a store that does not answer holds up no other.
func (d *daemon) endAll(ctx context.Context) error {
	all := d.all()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() { errs[i] = f.Close(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// keptHint tells where files lie that are not in the store, and what to do.
func (d *daemon) keptHint() string {
	dir := d.caches.main.Stats().Dir
	if d.config.Keeper != nil {
		return fmt.Sprintf("they are kept in %s; on this machine send them by: %s; then see: allasfs recover DIR", dir, laterCommand(d.config, dir))
	}
	return fmt.Sprintf("they are kept in %s; mount the same source again, and see: allasfs recover DIR", dir)
}

// unsent names files that are not in the store, the first ten of them.
func unsent(drafts []fs.DraftState) string {
	var b strings.Builder
	fmt.Fprintf(&b, "not in the object store: %s", count(len(drafts), "file"))
	for i, x := range drafts {
		if i == 10 {
			fmt.Fprintf(&b, "\n  and %d more", len(drafts)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s (%s)", x.Path, human(x.Size))
		if x.Reason != "" {
			b.WriteString(": " + x.Reason)
		}
	}
	return b.String()
}

// abandon ends a start that stopped half way: file systems that run, a mount that is there.
func (d *daemon) abandon() error {
	var errs []error
	if d.server != nil && !d.theirs {
		errs = append(errs, d.server.Unmount(true))
	}
	ctx, cancel := context.WithTimeout(context.Background(), firstTimeout)
	defer cancel()
	return errors.Join(append(errs, d.endAll(ctx))...)
}

// close gives back what the daemon holds beside its file systems.
func (d *daemon) close() error {
	var errs []error
	if d.control != nil {
		errs = append(errs, d.control.Close())
	}
	if d.metrics != nil {
		errs = append(errs, d.metrics.close())
	}
	errs = append(errs, d.caches.close())
	for _, end := range d.unwatch {
		end()
	}
	d.watches.Wait()
	for _, m := range d.members {
		if m.store != nil {
			m.store.Close()
		}
	}
	if d.demo != nil {
		errs = append(errs, d.demo.stop())
	}
	return errors.Join(errs...)
}

// all are the file systems: the mounted ones, and those for what earlier mounts left.
func (d *daemon) all() []leftFS {
	var all []leftFS
	for _, m := range d.members {
		if m.fs != nil {
			all = append(all, leftFS{m.fs, m})
		}
	}
	return append(all, d.left...)
}
