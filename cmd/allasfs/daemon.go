package main

// This file is the daemon: the process of one mount, from its credentials to its end.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"allasfs/cache"
	"allasfs/cmd/allasfs/internal/control"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
	"allasfs/fs"
	"allasfs/fs/mount"
)

// daemon holds what a running mount is made of. Its fields are set while it starts and only read after that.
type daemon struct {
	config  config
	name    string // as df shows it
	logFile string // "" = standard error
	log     *slog.Logger

	demo    *demoServer // nil but for `allasfs demo`
	members []*member   // one, or those of several sources
	watches sync.WaitGroup
	unwatch []context.CancelFunc // end watches
	caches  caches
	left    []leftFS // of what lies in caches.left or under another name, never mounted
	group   *fs.Group
	strays  int // drafts of which no member is
	server  *mount.Server
	control *control.Server
	metrics *metricsServer // nil = not wanted

	place   mountpoint.Mount // what the kernel calls the mount; nothing of one that cannot be seen from here
	theirs  bool             // another program made the mount, and takes it away
	stopped chan struct{}    // closed when files are in the store, or are not going to be
	result  error            // of that; read after stopped is closed
}

// leftFS is a file system that is there for what an earlier mount left of a member alone.
type leftFS struct {
	*fs.FS
	of *member
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

// start takes every step up to a mount that answers. The end of ctx is a failure before there is a mount; afterwards it ends as any mount does by a signal,
// for somebody may have used it already.
func (d *daemon) start(ctx context.Context, detached bool) error {
	steps := []func(context.Context) error{
		func(context.Context) error { return checkLocal(d.config) },
		d.findStore,
		func(context.Context) error { return d.openLog(detached) },
		d.openCache,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	ctx = context.WithoutCancel(ctx)
	for _, step := range []func(context.Context) error{d.mount, d.openControl, d.openMetrics} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.watchKeys(ctx)
	return nil
}

// findStore finds the credentials and makes the first request.
func (d *daemon) findStore(ctx context.Context) error {
	if d.config.Demo {
		var err error
		if d.demo, err = startDemoServer(ctx); err != nil {
			return err
		}
		d.members = []*member{{source: d.config.Source, profile: d.demo.profile()}}
		if d.config.CacheDir == "" {
			d.config.CacheDir = filepath.Join(d.demo.dir, "cache")
		}
		if d.config.LogFile == "" && !d.config.Foreground {
			d.config.LogFile = filepath.Join(d.demo.dir, "log")
		}
	} else {
		var err error
		if d.members, err = findMembers(d.config); err != nil {
			d.members = nil
			return err
		}
	}
	first := d.members[0]
	if first.name != "" {
		d.name = severalName(d.config, d.members)
		return d.watchMembers(ctx)
	}
	d.name = first.title()
	return askStore(ctx, first.profile, first.source.Bucket)
}

// folder names the cache folder of the mount, and its log.
func (d *daemon) folder() string {
	if m := d.members[0]; m.name == "" {
		return cacheFolder(storeName(m.profile), m.source)
	}
	return cacheFolder(severalStore(d.config, d.members), source{})
}

// openCache opens the store for good, and the cache folder.
func (d *daemon) openCache(context.Context) error {
	base, _ := cacheBase(os.Getenv) // none: keys go by what is known of them now
	for _, m := range d.members {
		if err := m.open(d.config, d.log); err != nil {
			return err
		}
		m.stores = storeNames(base, m.profile, d.log)
	}
	names := d.members[0].stores
	if d.members[0].name != "" {
		names = []string{severalStore(d.config, d.members)}
	}
	var err error
	if d.caches, err = openCaches(d.config, names, d.log); err != nil {
		return err
	}
	if m := d.members[0]; m.name == "" {
		m.stores = first(m.stores, d.caches.name)
	}
	return nil
}

// first is names with one of them before the others.
func first(names []string, name string) []string {
	return append([]string{name}, slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })...)
}

// mount makes the file systems and mounts them.
func (d *daemon) mount(context.Context) error {
	c := d.config
	d.group = fs.NewGroup(len(d.members))
	var parts []mount.Part
	for _, m := range d.members {
		if err := d.makeFS(m); err != nil {
			return err
		}
		p := mount.Part{Name: m.name, FS: m.fs}
		if m.health != nil {
			p.Down = m.health.down
		}
		parts = append(parts, p)
	}
	if len(parts) > 1 {
		d.strays = d.strayDrafts()
	}
	options := mount.Options{
		Dir: c.Dir, Source: cmp.Or(c.FSName, d.name), ReadOnly: c.ReadOnly, AllowOther: c.AllowOther, Extra: c.Kernel, Logger: d.log, Debug: c.DebugFuse,
		NoPassthrough: c.Passthrough == passthroughOff,
	}
	var err error
	if parts[0].Name == "" {
		d.server, err = mount.Mount(parts[0].FS, options)
	} else {
		d.server, err = mount.MountSeveral(parts, options)
	}
	if err != nil {
		return exit.New(exit.Fuse, "'allasfs doctor' checks what mounting needs", "%s cannot be mounted: %w", c.Dir, err)
	}
	return d.findPlace()
}

// passWritesFrom is how many bytes a new file has to be expected to have that the kernel writes past the daemon: an estimate of what pays for opening it so.
const passWritesFrom = 1 << 20

// makeFS makes the file system of m, and others, never mounted, for what earlier mounts left of it in leftover folders or under another name of its store.
func (d *daemon) makeFS(m *member) error {
	c := d.config
	options := fs.Options{
		Store: m.store, Name: m.stores[0], Bucket: m.source.Bucket, Prefix: m.source.Prefix,
		Cache: d.caches.main, ReadOnly: c.ReadOnly, TTL: c.TTL, UID: c.UID, GID: c.GID, Umask: uint32(c.Umask), Logger: d.log,
		Group: d.group, Segments: c.Segments, HideSidecars: c.HideAmeta, Buckets: filepath.Join(d.caches.main.Stats().Dir, bucketsFile(m.stores[0])),
		EmptiesFile: filepath.Join(d.caches.main.Stats().Dir, emptiesFile(m.stores[0], m.source)),
		WriteBack:   c.WriteBack, KernelWrites: c.KernelWrites, QueueFiles: max(1, queueFiles()/len(d.members)), Overwrite: c.OnConflict == onConflictOverwrite, WatchSpace: !c.ReadOnly,
	}
	if c.PassWrites {
		options.DirectFrom = passWritesFrom
	}
	if c.Stat == statFull {
		options.FullStat, options.AttrFile = true, filepath.Join(d.caches.main.Stats().Dir, attrsFile(m.stores[0], m.source))
	}
	if m.name != "" {
		options.Logger = d.log.With("at", m.name)
	}
	var err error
	if m.fs, err = fs.New(options); err != nil {
		return err
	}
	options.WatchSpace, options.FullStat, options.DirectFrom = false, false, 0
	for _, one := range append([]*cache.Cache{d.caches.main}, d.caches.left...) {
		for i, name := range m.stores {
			if one == d.caches.main && i == 0 || !fs.Unended(one, name) {
				continue
			}
			options.Cache, options.Name = one, name
			left, err := fs.New(options)
			if err != nil {
				return err
			}
			d.left = append(d.left, leftFS{left, m})
		}
	}
	return nil
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
		Memory: int64(d.config.Memory), HandedOver: d.theirs,
	}, d, d.log)
	return err
}

// openMetrics serves metrics if they are wanted.
func (d *daemon) openMetrics(ctx context.Context) (err error) {
	if d.config.Metrics != "" {
		d.metrics, err = serveMetrics(ctx, d.config.Metrics, d.config.Pprof, newMetrics(d.Status), d.log)
	}
	return err
}

// announce tells whoever waits that the mount answers.
func (d *daemon) announce(s *streams, p *parent) error {
	for _, m := range d.members {
		d.log.Info("mounted", "dir", d.config.Dir, "source", m.title(), "profile", m.profile, "version", version(), "mode", d.server.Mode())
	}
	for _, w := range d.warnings() {
		d.log.Warn(w)
	}
	if err := notifySystemd("READY=1", fmt.Sprintf("MAINPID=%d", os.Getpid()), "STATUS=serving "+d.name); err != nil {
		d.log.Warn("systemd was not told that the mount is ready", "err", err)
	}
	if p != nil {
		if err := p.part(); err != nil {
			return err
		}
		return p.tell(ready{Warnings: d.warnings(), Notes: d.notes()})
	}
	if !d.config.Quiet {
		for _, n := range d.notes() {
			s.note("%s", n)
		}
	}
	return nil
}

// warnings are what the search for credentials found to tell, and which stores cannot be used.
func (d *daemon) warnings() []string {
	var all []string
	for _, m := range d.members {
		for _, w := range m.profile.Warnings {
			if !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
	}
	for _, s := range d.sources() {
		if s.Error != "" {
			all = append(all, fmt.Sprintf("%s cannot be used now: %s", s.Name, s.Error))
		}
	}
	if d.strays > 0 {
		all = append(all, fmt.Sprintf("not in the store: %s of a source that is not mounted now, in %s; mount it with the others to send them", count(d.strays, "file"), d.caches.main.Stats().Dir))
	}
	return all
}

// notes are the lines that a person reads when the mount is up.
func (d *daemon) notes() []string {
	notes := []string{d.mountedNote()}
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
