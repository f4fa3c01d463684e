package main

// This file reads the defaults of options: /etc/allasfs.toml, the user's config.toml, and ALLASFS_* of the environment, each over the one before. What the
// command line says, flags and -o, is over all of them.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"allasfs/cmd/allasfs/internal/exit"
)

const (
	systemDefaults = "/etc/allasfs.toml"
	envPrefix      = "ALLASFS_"
)

// notDefaults are flags of a mount that are about one call.
var notDefaults = []string{"help", "foreground", "options", "quiet", "all-projects", "debug-fuse", "credentials-from"}

// ownVariables begin with ALLASFS_ and are no options: those that allasfs gives to its own processes and to the command of `allasfs run`, and those of its tests.
var ownVariables = []string{readyEnv, keeperEnv, placeEnv, "ALLASFS_BIN", "ALLASFS_UPDATE", "ALLASFS_TEST_", "ALLASFS_S3SERVER_", "ALLASFS_MOUNT_TEST_"}

// given is a default that somebody has set.
type given struct {
	value string
	from  string // FILE:LINE, or $NAME
}

// defaults are those that were set, by the names of flags.
type defaults map[string]given

// defaultFiles are where defaults are looked for, the weakest first; env is os.Getenv. The file need not be there.
func defaultFiles(env func(string) string) []string {
	files := []string{systemDefaults}
	dir := env("XDG_CONFIG_HOME")
	if home := env("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".config")
	}
	if dir == "" {
		return files
	}
	return append(files, filepath.Join(dir, "allasfs", "config.toml"))
}

// readDefaults reads the files and environ (NAME=VALUE) for the options among flags. The error names file and line, or the variable.
func readDefaults(flags *pflag.FlagSet, files, environ []string) (defaults, error) {
	d := defaults{}
	for _, file := range files {
		if err := d.readFile(flags, file); err != nil {
			return nil, err
		}
	}
	return d, d.readEnviron(flags, environ)
}

func (d defaults) readFile(flags *pflag.FlagSet, file string) error {
	text, err := os.ReadFile(file)
	if err != nil && !reachable(file) {
		return nil
	}
	if err != nil {
		return exit.New(exit.Usage, "", "the defaults cannot be read: %w", err)
	}
	var values map[string]any
	if err := toml.Unmarshal(text, &values); err != nil {
		if p, ok := errors.AsType[toml.ParseError](err); ok {
			return exit.New(exit.Usage, "lines are like: cache-size = \"50G\"", "%s:%d: %s", file, p.Position.Line, p.Message)
		}
		return exit.New(exit.Usage, "", "%s: %w", file, err)
	}
	for _, key := range inOrder(values) {
		from := fmt.Sprintf("%s:%d", file, lineOf(string(text), key))
		if err := checkOption(flags, key, from); err != nil {
			return err
		}
		value, ok := scalar(values[key])
		if !ok {
			return exit.New(exit.Usage, "write a text, a number, true or false", "%s: %s is given a %T", from, key, values[key])
		}
		d[key] = given{value, from}
	}
	return nil
}

// reachable tells whether file is one that this user can see: nothing is known of what lies in somebody else's home, where a HOME that was kept leads.
func reachable(file string) bool {
	_, err := os.Lstat(file)
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.ENOTDIR)
}

func inOrder(values map[string]any) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// scalar writes a value of a file as a flag takes it.
func scalar(v any) (string, bool) {
	switch v.(type) {
	case string, bool, int64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// lineOf finds the line that sets a key, or begins the table of that name; the library does not tell. 0 = not found.
func lineOf(text, key string) int {
	n := 0
	for line := range strings.Lines(text) {
		n++
		name, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		name, _, _ = strings.Cut(strings.Trim(strings.TrimSpace(name), `[]"'`), ".")
		if name == key {
			return n
		}
	}
	return 0
}

func (d defaults) readEnviron(flags *pflag.FlagSet, environ []string) error {
	for _, pair := range environ {
		variable, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(variable, envPrefix) || value == "" || slices.ContainsFunc(ownVariables, func(own string) bool { return isOwn(variable, own) }) {
			continue
		}
		key := strings.ReplaceAll(strings.ToLower(variable[len(envPrefix):]), "_", "-")
		if err := checkOption(flags, key, "$"+variable); err != nil {
			return err
		}
		d[key] = given{value, "$" + variable}
	}
	return nil
}

// isOwn tells whether variable is own, or one of those that own ends in an underscore for.
func isOwn(variable, own string) bool {
	return variable == own || strings.HasSuffix(own, "_") && strings.HasPrefix(variable, own)
}

// checkOption refuses a key that no option has, and names the nearest that there is.
func checkOption(flags *pflag.FlagSet, key, from string) error {
	known := options(flags)
	if slices.Contains(known, key) {
		return nil
	}
	if secret(key) {
		return exit.New(exit.Usage, "leave keys where allas-conf puts them (~/.aws/credentials, rclone.conf): a mount finds them there", "%s: %s does not belong here: this file may be read by others", from, key)
	}
	hint := "the options are in: allasfs config"
	if near := nearest(key, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return exit.New(exit.Usage, hint, "%s: there is no option %s that can have a default", from, key)
}

// secret tells whether somebody means a key of the store.
func secret(key string) bool {
	key = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(key))
	for _, word := range []string{"accesskey", "secret", "token", "password"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

// options are the names of flags that can have a default, sorted.
func options(flags *pflag.FlagSet) []string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(notDefaults, f.Name) {
			names = append(names, f.Name)
		}
	})
	return names
}

// nearest is the name that key was probably meant to be, "" = none is near: by the measure that cobra has for mistyped commands.
func nearest(key string, names []string) string {
	c := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, name := range names {
		c.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	if near := c.SuggestionsFor(strings.ReplaceAll(key, "_", "-")); len(near) > 0 {
		return near[0]
	}
	return ""
}

// apply sets the flags that were not given otherwise.
func (d defaults) apply(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		g, ok := d[f.Name]
		if !ok || f.Changed || failed != nil {
			return
		}
		if err := flags.Set(f.Name, g.value); err != nil {
			failed = exit.New(exit.Usage, "see: allasfs mount --help", "%s: %s: %w", g.from, f.Name, err)
		}
	})
	return failed
}

// findDefaults reads those of this process.
func findDefaults() (defaults, error) {
	return readDefaults(mountFlags(), defaultFiles(os.Getenv), os.Environ())
}

// mountFlags are the flags of a mount, as they are when nothing is given.
func mountFlags() *pflag.FlagSet {
	cmd := &cobra.Command{}
	var c config
	addAccessFlags(cmd, &c.Access)
	addMountFlags(cmd, &c)
	return cmd.Flags()
}
