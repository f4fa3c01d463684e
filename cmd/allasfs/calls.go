package main

// This file answers the calls of the control socket: it makes *daemon a control.Daemon.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
	"allasfs/fs"
)

var _ control.Daemon = (*daemon)(nil)

// Status is the mounted file system's and its mount's, with the drafts, uploads and errors of leftover cache folders.
func (d *daemon) Status() fs.Status {
	first := d.members[0]
	s := first.status(first.fs.Status())
	for _, m := range d.members[1:] {
		s = add(s, m.status(m.fs.Status()))
	}
	s.Source, s.Sources = d.name, d.sources()
	for _, m := range d.members { // those of d.left use the same clients
		s.Requests = s.Requests.Plus(m.store.Stats())
	}
	if d.server != nil {
		s.Passthrough = d.server.Passthrough()
	}
	for _, f := range d.left {
		more := f.of.status(f.Status())
		more.Nodes, more.Handles, more.Warms = 0, 0, nil
		s = add(s, more)
	}
	return s
}

// Sync sends what is pending at the time of the call at and below a path, and waits for the files of a crashed daemon that are being sent.
func (d *daemon) Sync(ctx context.Context, path string) error {
	pending := slices.DeleteFunc(unsentOf(d.Status().Drafts), func(x fs.DraftState) bool {
		return path != "" && x.Name != path && !strings.HasPrefix(x.Name, path+"/")
	})
	var errs []error
	of, rest := d.memberOf(path)
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, f := range d.all() { // side by side: a store that does not answer holds up no other
		if of != nil && f.of != of {
			continue
		}
		all.Go(func() {
			err := f.SyncBelow(ctx, rest)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	all.Wait()
	err := errors.Join(errs...)
	left := d.leftOf(pending)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case len(left) > 0:
		return exit.New(exit.NotSent, "they are kept; see: allasfs status "+d.config.Dir, "%s", unsent(left)).Because(err)
	case err != nil:
		return exit.New(exit.NotSent, "see: allasfs status "+d.config.Dir, "%w", err)
	}
	return nil
}

// leftOf returns those of pending that are still not in the store.
func (d *daemon) leftOf(pending []fs.DraftState) []fs.DraftState {
	return slices.DeleteFunc(unsentOf(d.Status().Drafts), func(x fs.DraftState) bool {
		return !slices.ContainsFunc(pending, func(p fs.DraftState) bool { return p.ID == x.ID })
	})
}

// unsentOf are those of the drafts that should be in the store; others are being written, or wait for a person's decision.
func unsentOf(drafts []fs.DraftState) []fs.DraftState {
	return slices.DeleteFunc(slices.Clone(drafts), func(x fs.DraftState) bool { return x.State != "closed" })
}

// Unmount syncs, unmounts and waits for the daemon's end. If a file cannot be sent, or the mount is in use, the mount stays.
func (d *daemon) Unmount(ctx context.Context, lazy bool) error {
	if d.theirs {
		return exit.New(exit.Mountpoint, fmt.Sprintf("end the container, or send SIGTERM to process %d; either sends every file first", os.Getpid()), "another program mounted %s", d.config.Dir)
	}
	if lazy {
		return d.server.Unmount(true)
	}
	if err := d.Sync(ctx, ""); err != nil && (ctx.Err() != nil || len(unsentOf(d.Status().Drafts)) > 0) { // else a person has to decide
		e := exit.Of(err)
		return exit.New(e.Code, "the mount stays; 'allasfs umount --lazy' ends it all the same and keeps the files in the cache folder", "%s", e.Text).Because(err)
	}
	err := d.server.Unmount(false)
	if errors.Is(err, unix.EBUSY) {
		return exit.New(exit.Busy, "", "%s is in use", d.config.Dir).Because(err)
	}
	if err != nil {
		return exit.New(exit.Mountpoint, "", "%w", err)
	}
	select {
	case <-d.stopped:
		return d.result
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RecoverSend uploads a kept file.
func (d *daemon) RecoverSend(ctx context.Context, id string, force bool) error {
	f, err := d.owner(id)
	if err != nil {
		return err
	}
	return f.RecoverSend(ctx, id, force)
}

// RecoverSave copies a kept file to a local one.
func (d *daemon) RecoverSave(ctx context.Context, id, file string) error {
	f, err := d.owner(id)
	if err != nil {
		return err
	}
	if mountpoint.Within(file, d.config.Dir) {
		return exit.New(exit.Usage, "give a path on a local disk", "%s is within the mount", file)
	}
	return f.RecoverSave(ctx, id, file)
}

// RecoverDrop discards a kept file.
func (d *daemon) RecoverDrop(ctx context.Context, id string) error {
	f, err := d.owner(id)
	if err != nil {
		return err
	}
	return f.RecoverDrop(ctx, id)
}

// owner is the file system that keeps the draft id.
func (d *daemon) owner(id string) (*fs.FS, error) {
	for _, f := range d.all() {
		if slices.ContainsFunc(f.Status().Drafts, func(x fs.DraftState) bool { return x.ID == id }) {
			return f.FS, nil
		}
	}
	return nil, exit.New(exit.Usage, "see: allasfs recover list "+d.config.Dir, "no kept file has the number %q", id)
}
