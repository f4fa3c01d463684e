package main

// This file gathers what a mount is asked for: the flags of `allasfs mount` and `allasfs demo`, the options of -o, SOURCE and DIR.

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/cmd/allasfs/internal/mountpoint"
	"allasfs/fs/mount"
	"allasfs/s3/profile"
)

// config is all that a daemon needs to know; it holds no secret.
type config struct {
	Source      source   // of a mount of one
	Sources     []source // of a mount of several
	AllProjects bool     // each project whose keys are found
	Dir         string   // as mountpoint.Resolve returns it, or /dev/fd/N: what another program has mounted
	Access      access
	Options     []string // -o
	FSName      string   // what the kernel shows as the source; "" = what is mounted

	ReadOnly   bool
	Segments   bool   // buckets of segments may be changed
	Stat       string // statListed or statFull
	HideAmeta  bool   // what a-put writes beside objects is not listed
	AllowOther bool
	UID, GID   uint32
	Umask      octalMode
	TTL        time.Duration
	Kernel     []string // options passed to the kernel as they are

	CacheDir     string   // "" = the default place
	CacheSize    byteSize // with CacheSizeSet; else from what is free
	SizeGiven    bool
	DraftSpace   byteSize // 0 = from what is free
	WriteBack    bool     // close answers from the local disk
	KernelWrites bool     // the kernel collects writes
	OnConflict   string   // onConflictKeep or onConflictOverwrite
	Passthrough  string   // passthroughAuto or passthroughOff
	PassWrites   bool     // the kernel writes new files past the daemon where it may
	Memory       byteSize // of the daemon as a whole
	LogFile      string   // "" = standard error in front, the default place in the background
	LogFormat    string   // logText or logJSON
	Verbose      bool
	DebugFuse    bool
	Foreground   bool
	Metrics      string        // address at which metrics are served, "" = nowhere
	Pprof        bool          // profiles, too
	Quiet        bool          // no line on success
	Timeout      time.Duration // how long an operation waits for a store that does not answer or fails
	StopTimeout  time.Duration // how long a signal lets uploads go on, 0 = until each has succeeded or been given up
	Demo         bool          // mount an embedded server with sample data
	Keeper       *os.File      // the line to `allasfs run`, which alone ends this mount; nil = signals do
}

// What --on-conflict takes.
const (
	onConflictKeep      = "keep"
	onConflictOverwrite = "overwrite"
)

// What --stat takes.
const (
	statListed = "listed"
	statFull   = "full"
)

// What --passthrough takes.
const (
	passthroughAuto = "auto"
	passthroughOff  = "off"
)

// access says whose data is read and where; shared by the commands that look for credentials.
type access struct {
	Project, Profile, Endpoint, CAFile string
	Anonymous                          bool
	InsecureHTTP                       bool   // plain http beyond this machine is allowed
	KeysFrom                           string // keysFromStdin, "" = where they are found
	handed                             handedKeys
}

// options are the access as package profile takes it.
func (a access) options() profile.Options {
	return profile.Options{Project: a.Project, Profile: a.Profile, Endpoint: a.Endpoint, Anonymous: a.Anonymous, CAFile: a.CAFile, Handed: a.handed.profile}
}

// addAccessFlags defines the flags that fill a.
func addAccessFlags(cmd *cobra.Command, a *access) {
	f := cmd.Flags()
	f.StringVar(&a.Project, "project", "", "project whose credentials are used, e.g. project_2012345")
	f.StringVar(&a.Profile, "profile", "", "section of the credentials file to use")
	f.StringVar(&a.Endpoint, "endpoint", "", "address of the object store, e.g. https://a3s.fi")
	f.BoolVar(&a.Anonymous, "anonymous", false, "use no credentials: public buckets only")
	f.StringVar(&a.CAFile, "ca-file", "", "trust the certificates in this PEM file too")
	f.StringVar(&a.KeysFrom, "credentials-from", "", "stdin: read the keys from standard input (two lines, JSON as a credential_process prints it, or a section of an ini file)")
	f.BoolVar(&a.InsecureHTTP, "insecure-http", false, "allow an endpoint without TLS that is not on this machine")
}

// addMountFlags defines the flags that fill c, but for the access.
func addMountFlags(cmd *cobra.Command, c *config) {
	f := cmd.Flags()
	f.BoolVarP(&c.Foreground, "foreground", "f", false, "stay in front, log to standard error")
	f.BoolVar(&c.AllProjects, "all-projects", false, "mount every project whose keys are found, each as a directory")
	f.BoolVar(&c.ReadOnly, "read-only", false, "let nothing be changed")
	f.BoolVar(&c.Segments, "segments", false, "let buckets whose names end in _segments be changed: they hold the parts of large files that Swift clients wrote")
	f.StringVar(&c.Stat, "stat", statListed, "what ls -l shows of files that were not looked at one by one: listed (size and date of the object) or full (mtime, mode, owner, links, by a request a file, once)")
	f.BoolVar(&c.HideAmeta, "hide-ameta", false, "do not list X_ameta, which a-put writes, while X is beside it: it opens by its name, and goes with X when that is removed or renamed")
	f.BoolVar(&c.AllowOther, "allow-other", false, "let other users in, by the permissions of the files")
	f.Uint32Var(&c.UID, "uid", uint32(os.Getuid()), "owner of files whose owner is not stored")
	f.Uint32Var(&c.GID, "gid", uint32(os.Getgid()), "group of files whose group is not stored")
	c.Umask = processUmask()
	f.Var(&c.Umask, "umask", "permissions taken from files whose mode is not stored, octal")
	f.DurationVar(&c.TTL, "ttl", time.Minute, "how long names, sizes and listings are trusted; 0 asks the store each time")
	f.StringVar(&c.CacheDir, "cache-dir", "", "cache folder of this mount alone (default: on $TMPDIR in a batch job, else ~/.cache/allasfs)")
	f.Var(&c.CacheSize, "cache-size", "bytes on disk that the cache may take, 0 = memory only (default: half of what is free, 20G at most)")
	f.Var(&c.DraftSpace, "draft-space", "bytes on disk that files may take which are not in the store yet; who writes more waits for uploads (default: half of what is free)")
	f.BoolVar(&c.WriteBack, "write-back", false, "close(2) returns when a file is safe on the local disk; it is sent in the background")
	f.BoolVar(&c.KernelWrites, "kernel-writes", false, "let the kernel collect small writes to new files; what it has not passed on is lost if the daemon is killed")
	f.StringVar(&c.OnConflict, "on-conflict", onConflictKeep, "when another client changed a file meanwhile: keep (close fails, both versions stay) or overwrite (the last writer wins)")
	f.StringVar(&c.Passthrough, "passthrough", passthroughAuto, "let the kernel read cached files without the daemon: auto (on mounts by root) or off")
	f.BoolVar(&c.PassWrites, "passthrough-writes", false, "experimental: let the kernel write new large files to the local disk without the daemon, on mounts by root (Linux 6.14; see 'allasfs status')")
	c.Memory = defaultMemory
	f.Var(&c.Memory, "memory", "memory that the daemon may take, 64M at least")
	f.StringVar(&c.LogFile, "log-file", "", "append the log to this file, which is put aside at 10 MiB (the last three are kept)")
	f.StringVar(&c.LogFormat, "log-format", logText, "lines of the log: text (name=value) or json")
	f.BoolVarP(&c.Verbose, "verbose", "v", false, "log more: every request to the store, without keys")
	f.BoolVar(&c.DebugFuse, "debug-fuse", false, "log every request of the kernel")
	f.StringVar(&c.Metrics, "metrics", "", "serve metrics for Prometheus at this address: 127.0.0.1:PORT or unix:PATH")
	f.BoolVar(&c.Pprof, "pprof", false, "serve profiles of the daemon beside the metrics, below /debug/pprof/")
	f.DurationVar(&c.Timeout, "timeout", defaultTimeout, "how long an operation waits for a store that cannot be reached, is overloaded or stops in the middle; then it fails with ETIMEDOUT")
	f.DurationVar(&c.StopTimeout, "stop-timeout", 0, "how long SIGTERM lets uploads go on; what is left stays in the cache folder (0 = no limit)")
	f.StringVar(&c.FSName, "fsname", "", "what df and mount show as the source")
	_ = f.MarkHidden("fsname") // it is defined; fstab's first field is given so, which mount(8) and systemd compare with what is mounted
	f.StringArrayVarP(&c.Options, "options", "o", nil, "options as mount(8) gives them, e.g. ro,allow_other,uid=1000,ttl=5m")
	f.BoolVarP(&c.Quiet, "quiet", "q", false, "print nothing when all is well")
}

// completeSeveral is complete for several sources, and for all projects; one source, or none, is that of complete.
func (c *config) completeSeveral(cmd *cobra.Command, sources []string, dir string) error {
	if len(sources) == 0 {
		sources = []string{""}
	}
	one := ""
	if len(sources) == 1 {
		one = sources[0]
	}
	if err := c.applyOptions(cmd); err != nil {
		return err
	}
	if err := c.applyDefaults(cmd.Flags(), sources); err != nil {
		return err
	}
	if err := c.complete(cmd, one, dir); err != nil {
		return err
	}
	if err := c.Access.takeKeys(os.Stdin); err != nil {
		return err
	}
	if c.AllProjects {
		if c.Source != (source{}) || len(sources) > 1 {
			return exit.New(exit.Usage, "leave one of them out", "--all-projects mounts every project as a whole, so no SOURCE can be named beside it")
		}
		return nil
	}
	if len(sources) == 1 {
		return nil
	}
	if c.Access.Project != "" || c.Access.Profile != "" {
		return exit.New(exit.Usage, "write PROJECT:BUCKET, or PROJECT: for a whole project", "of several sources each names its project itself")
	}
	for _, s := range sources {
		src, err := parseSource(s)
		if err != nil {
			return err
		}
		c.Sources = append(c.Sources, src)
	}
	return nil
}

// applyDefaults sets what neither flags nor -o gave. A project or profile that the command line names, in a source too, leaves out the defaults of both.
func (c *config) applyDefaults(flags *pflag.FlagSet, sources []string) error {
	d, err := findDefaults()
	if err != nil {
		return err
	}
	named := c.AllProjects || len(sources) > 1 || flags.Changed("project") || flags.Changed("profile") || flags.Changed("anonymous")
	for _, s := range sources {
		named = named || strings.Contains(s, ":")
	}
	if named {
		delete(d, "project")
		delete(d, "profile")
	}
	return d.apply(flags)
}

// complete fills in what the flags leave to derive: paths made absolute, SOURCE and DIR.
func (c *config) complete(cmd *cobra.Command, src, dir string) error {
	c.SizeGiven = cmd.Flags().Changed("cache-size")
	var err error
	if c.Source, err = parseSource(src); err != nil {
		return err
	}
	if c.Source.Project != "" && c.Access.Project != "" && c.Source.Project != c.Access.Project {
		return exit.New(exit.Usage, "name the project once", "SOURCE is of project %q, --project says %q", c.Source.Project, c.Access.Project)
	}
	if c.Source.Project != "" {
		c.Access.Project = c.Source.Project
	}
	if _, ok := mount.HandedOver(dir); ok {
		c.Dir = dir
	} else if c.Dir, err = mountpoint.Resolve(dir); err != nil {
		return exit.New(exit.Mountpoint, "", "the mountpoint cannot be used: %w", err)
	}
	for _, p := range []*string{&c.CacheDir, &c.LogFile, &c.Access.CAFile} {
		if *p == "" {
			continue
		}
		if *p, err = filepath.Abs(*p); err != nil { // the daemon works in /
			return err
		}
	}
	return c.check()
}

// otherWrites is the option with which the kernel cannot write past the daemon.
func (c *config) otherWrites() string {
	switch {
	case c.WriteBack:
		return "--write-back: close waits for the upload"
	case c.KernelWrites:
		return "--kernel-writes: writes come by one way"
	}
	return "--passthrough=off"
}

// check refuses what cannot work together.
func (c *config) check() error {
	switch {
	case c.Memory < minMemory:
		return exit.New(exit.Usage, "give --memory 64M or more, or leave it out", "%s of memory are too little to work with", human(int64(c.Memory)))
	case c.OnConflict != onConflictKeep && c.OnConflict != onConflictOverwrite:
		return exit.New(exit.Usage, "give --on-conflict keep or overwrite", "%q is no answer to a conflict", c.OnConflict)
	case c.Passthrough != passthroughAuto && c.Passthrough != passthroughOff:
		return exit.New(exit.Usage, "give --passthrough auto or off", "%q is no way to pass cached files to the kernel", c.Passthrough)
	case c.PassWrites && (c.WriteBack || c.KernelWrites || c.Passthrough == passthroughOff):
		return exit.New(exit.Usage, "leave out the one or the other, in the file of defaults and the environment too", "--passthrough-writes does not go with %s", c.otherWrites())
	case c.LogFormat != logText && c.LogFormat != logJSON:
		return exit.New(exit.Usage, "give --log-format text or json", "%q is no format of a log", c.LogFormat)
	case c.Stat != statListed && c.Stat != statFull:
		return exit.New(exit.Usage, "give --stat listed or full", "%q is no way to find out attributes", c.Stat)
	case c.Timeout < minTimeout:
		return exit.New(exit.Usage, "give --timeout 1s or more, or leave it out", "%s are too short to wait for a store", c.Timeout)
	case c.TTL < 0 || c.StopTimeout < 0:
		return exit.New(exit.Usage, "", "a time cannot be negative")
	case c.CacheDir != "" && mountpoint.Within(c.CacheDir, c.Dir):
		return exit.New(exit.Usage, "give a folder on a local disk", "the cache folder %s would lie within the mount", c.CacheDir)
	case c.LogFile != "" && mountpoint.Within(c.LogFile, c.Dir):
		return exit.New(exit.Usage, "give a file on a local disk", "the log file %s would lie within the mount", c.LogFile)
	}
	return checkMetrics(c.Metrics, c.Pprof)
}

// applyOptions sets the flags that -o stands for; a flag given by itself wins.
func (c *config) applyOptions(cmd *cobra.Command) error {
	p, err := parseOptions(c.Options)
	if err != nil {
		return err
	}
	c.Kernel = p.kernel
	given := map[string]bool{}
	for _, s := range p.settings {
		given[s.flag] = cmd.Flags().Changed(s.flag)
	}
	for _, s := range p.settings {
		if given[s.flag] {
			continue
		}
		if err := cmd.Flags().Set(s.flag, s.value); err != nil {
			return exit.New(exit.Usage, "", "the mount option %s=%s: %w", strings.ReplaceAll(s.flag, "-", "_"), s.value, err)
		}
	}
	return nil
}

// octalMode is a flag value of permission bits, written in octal.
type octalMode uint32

// String writes four octal digits.
func (m *octalMode) String() string { return fmt.Sprintf("%04o", uint32(*m)) }

// Type is what help shows as the value's kind.
func (m *octalMode) Type() string { return "MODE" }

// Set reads octal digits.
func (m *octalMode) Set(s string) error {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return fmt.Errorf("%q is no file mode: write octal digits, e.g. 022", s)
	}
	*m = octalMode(n)
	return nil
}

// processUmask is the umask that this process was started with, 022 where the kernel does not tell.
func processUmask() octalMode {
	data, _ := os.ReadFile("/proc/self/status") // not there: the default
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(line, "Umask:"); ok {
			if n, err := strconv.ParseUint(strings.TrimSpace(v), 8, 32); err == nil {
				return octalMode(n & 0o777)
			}
		}
	}
	return 0o022
}
