package main

// This file is the daemon: the process of one mount, from its credentials to its end.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
	"allasfs/fs"
	"allasfs/fs/mount"
	"allasfs/s3"
	"allasfs/s3/profile"
)

// daemon holds what a running mount is made of. Its fields are set while it starts and only read after that.
type daemon struct {
	config  config
	name    string // as df shows it
	logFile string // "" = standard error
	log     *slog.Logger

	profile *profile.Profile
	demo    *demoServer // nil but for `allasfs demo`
	store   *s3.Client
	caches  caches
	fs      *fs.FS
	left    []*fs.FS // of caches.left, never mounted
	server  *mount.Server
	control *control.Server

	place   mountpoint.Mount // what the kernel calls the mount
	stopped chan struct{}    // closed when files are in the store, or are not going to be
	result  error            // of that; read after stopped is closed
}

// serve mounts c.Dir and returns when the mount has ended. p is told when it answers, or what went wrong before that; nil = nobody waits.
func serve(ctx context.Context, s *streams, c config, p *parent) error {
	signals := watch(c.Keeper)
	defer signals.stop()
	if err := harden(); err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	limitMemory(c.Memory)
	d := &daemon{config: c, stopped: make(chan struct{})}
	if err := d.start(ctx, p != nil); err != nil {
		err = errors.Join(err, d.abandon(), d.close())
		if p == nil {
			return err
		}
		return p.tell(ready{Failure: exit.Of(err), Warnings: d.warnings()}) // the parent prints it
	}
	err := d.announce(s, p)
	if err != nil {
		d.log.Error("nobody knows of this mount, so it ends", "err", err)
	}
	err = errors.Join(d.serve(signals, err != nil), d.close())
	tellKeeper(c.Keeper, err)
	return err
}

// start takes every step up to a mount that answers.
func (d *daemon) start(ctx context.Context, detached bool) error {
	steps := []func(context.Context) error{
		func(context.Context) error { return checkLocal(d.config) },
		d.findStore,
		func(context.Context) error { return d.openLog(detached) },
		d.openCache,
		d.mount,
		d.openControl,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// findStore finds the credentials and makes the first request.
func (d *daemon) findStore(ctx context.Context) error {
	if d.config.Demo {
		var err error
		if d.demo, err = startDemoServer(ctx); err != nil {
			return err
		}
		d.profile = d.demo.profile()
		if d.config.CacheDir == "" {
			d.config.CacheDir = filepath.Join(d.demo.dir, "cache")
		}
		if d.config.LogFile == "" && !d.config.Foreground {
			d.config.LogFile = filepath.Join(d.demo.dir, "log")
		}
	} else {
		var err error
		if d.profile, err = findProfile(d.config.Access); err != nil {
			return err
		}
	}
	d.name = describe(d.profile, d.config.Source)
	return askStore(ctx, d.profile, d.config.Source.Bucket)
}

// openCache opens the store for good, and the cache folder.
func (d *daemon) openCache(context.Context) error {
	var err error
	if d.store, err = openStore(d.profile, d.log); err != nil {
		return explain(err, d.profile, "")
	}
	d.caches, err = openCaches(d.config, storeName(d.profile), d.log)
	return err
}

// mount makes the file system and mounts it.
func (d *daemon) mount(context.Context) error {
	c := d.config
	options := fs.Options{
		Store: d.store, Name: storeName(d.profile), Bucket: c.Source.Bucket, Prefix: c.Source.Prefix,
		Cache: d.caches.main, ReadOnly: c.ReadOnly, TTL: c.TTL, UID: c.UID, GID: c.GID, Umask: uint32(c.Umask), Logger: d.log,
		WriteBack: c.WriteBack, KernelWrites: c.KernelWrites, QueueFiles: queueFiles(), Overwrite: c.OnConflict == onConflictOverwrite,
	}
	var err error
	if d.fs, err = fs.New(options); err != nil {
		return err
	}
	for _, one := range d.caches.left {
		options.Cache = one
		left, err := fs.New(options)
		if err != nil {
			return err
		}
		d.left = append(d.left, left)
	}
	d.server, err = mount.Mount(d.fs, mount.Options{
		Dir: c.Dir, Source: d.name, ReadOnly: c.ReadOnly, AllowOther: c.AllowOther, Extra: c.Kernel, Logger: d.log, Debug: c.DebugFuse,
		NoPassthrough: c.Passthrough == passthroughOff,
	})
	if err != nil {
		return exit.New(exit.Fuse, "'allasfs doctor' checks what mounting needs", "%s cannot be mounted: %w", c.Dir, err)
	}
	d.place, _, err = mountpoint.At(c.Dir)
	return err
}

// openControl enters the registry and opens the control socket.
func (d *daemon) openControl(context.Context) error {
	dir, err := control.MakeDir(control.Dirs(os.Getuid(), os.Getenv))
	if err != nil {
		return exit.New(exit.Failed, "set XDG_RUNTIME_DIR to a folder of your own", "%w", err)
	}
	d.control, err = control.Serve(dir, control.Record{
		Mountpoint: d.config.Dir, Source: d.name, Since: time.Now(), Version: version(),
		CacheDir: d.caches.main.Stats().Dir, LogFile: d.logFile, Mode: d.server.Mode(), Dev: d.place.Dev,
		Memory: int64(d.config.Memory),
	}, d, d.log)
	return err
}

// announce tells whoever waits that the mount answers.
func (d *daemon) announce(s *streams, p *parent) error {
	d.log.Info("mounted", "dir", d.config.Dir, "source", d.name, "profile", d.profile, "version", version(), "mode", d.server.Mode())
	for _, w := range d.warnings() {
		d.log.Warn(w)
	}
	if err := notifySystemd("READY=1", fmt.Sprintf("MAINPID=%d", os.Getpid()), "STATUS=serving "+d.name); err != nil {
		d.log.Warn("systemd was not told that the mount is ready", "err", err)
	}
	if p != nil {
		return p.tell(ready{Warnings: d.warnings(), Notes: d.notes()})
	}
	if !d.config.Quiet {
		for _, n := range d.notes() {
			s.note("%s", n)
		}
	}
	return nil
}

// warnings are what the search for credentials found to tell.
func (d *daemon) warnings() []string {
	if d.profile == nil {
		return nil
	}
	return d.profile.Warnings
}

// notes are the lines that a person reads when the mount is up.
func (d *daemon) notes() []string {
	notes := []string{fmt.Sprintf("%s is mounted on %s; to end it: allasfs umount %s", d.name, d.config.Dir, d.config.Dir)}
	all := d.Status().Drafts
	sending := len(unsentOf(all))
	if sending > 0 && !d.config.ReadOnly {
		notes = append(notes, fmt.Sprintf("sending %s of an earlier mount to the store now", count(sending, "file")))
	}
	if kept := len(all) - sending; kept > 0 {
		notes = append(notes, fmt.Sprintf("not in the store: %s of an earlier mount; see: allasfs recover %s", count(kept, "file"), d.config.Dir))
	}
	return notes
}

// hostOf is the host of a URL, or the text itself.
func hostOf(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		return u.Host
	}
	return endpoint
}

// count writes "1 file", "2 files".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
