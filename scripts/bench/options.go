package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// options is what the command line says.
type options struct {
	repeat     int
	rivals     int // repetitions of rivals and of what users do today
	quick      bool
	check      bool
	only       []string // rows, empty = all; a row that ends in * stands for all that begin so
	systems    []string
	links      []link
	limit      time.Duration // of one row on one system
	results    string        // folder
	dir        string        // for caches and native files
	binary     string        // allasfs
	python     string        // today.py
	mountFlags string        // more flags of allasfs mount
	commit     string        // of allasfs, for the record
	merge      []string      // files of earlier runs to make one table of; nothing is measured then
	kept       *kept         // data that alone is measured; nil = everything else
	log        string        // the gateway's access log, "" = requests are not counted
	at         access
}

func allSystems() []string {
	return []string{"raw", "native", "allasfs", "s3fs", "rclone", "boto3", "rclone-copy"}
}

func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.repeat, "n", 5, "repetitions of every scene, interleaved")
	f.IntVar(&o.rivals, "rivals", 3, "as many repetitions are enough for the rivals")
	f.BoolVar(&o.quick, "quick", false, "an eighth of the data or less, and one repetition: shows that all works, not how fast")
	f.BoolVar(&o.check, "check", true, "first read everything once through every mount and compare all bytes")
	only := f.String("only", "", "only these `rows`, comma-separated; rand-4k* is all that begin so")
	systems := f.String("systems", strings.Join(allSystems(), ","), "only these `systems`")
	links := f.String("links", "0", "networks, one after the other: `DELAY[@MB/s]`, e.g. 0,10ms,50ms,10ms@60")
	flat := f.Int("flat", 0, "measure one directory of so many `objects`, e.g. 500000, and nothing else; its bucket is kept for the next time")
	tree := f.Int("tree", 0, "the same with so many `objects`, e.g. 100000, ten a directory")
	f.DurationVar(&o.limit, "limit", 2*time.Minute, "a row that takes longer is cut")
	f.StringVar(&o.results, "results", "scripts/bench/results", "`folder` for the table and the plots")
	f.StringVar(&o.dir, "dir", os.TempDir(), "`folder` on the disk that caches and native files are put on")
	f.StringVar(&o.binary, "allasfs", "", "the `program`")
	f.StringVar(&o.python, "python", "", "today.py")
	f.StringVar(&o.mountFlags, "mount-flags", "", "more flags of allasfs mount, e.g. '--cache-size 0'")
	f.StringVar(&o.log, "gateway-log", "", "the gateway's access log, where requests are counted")
	f.StringVar(&o.commit, "commit", "", "the `commit` that allasfs is of, for the record")
	merge := f.Bool("merge", false, "measure nothing: make the table and the plots of the run-*.json files that follow")
	list := f.Bool("list", false, "list the rows and end")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if *list {
		listRowsTo(os.Stdout)
		return o, flag.ErrHelp
	}
	if *merge {
		o.merge = f.Args()
		if len(o.merge) == 0 {
			return o, errors.New("-merge wants the files of earlier runs")
		}
		return o, nil
	}
	switch {
	case *flat > 0 && *tree > 0:
		return o, errors.New("-flat and -tree are runs of their own")
	case *flat > 0:
		o.kept = flatKept(*flat)
	case *tree > 0:
		o.kept = treeKept(*tree)
	}
	if o.quick && !given(f, "n") {
		o.repeat = 1
	}
	return o, o.complete(f.NArg(), *only, *systems, *links)
}

// interpreter is the Python that today.py runs in.
func (o options) interpreter() string { return "/usr/bin/python3" }

func given(f *flag.FlagSet, name string) bool {
	found := false
	f.Visit(func(g *flag.Flag) { found = found || g.Name == name })
	return found
}

// complete fills what needs more than a flag's own parsing, and refuses what cannot be.
func (o *options) complete(more int, only, systems, links string) error {
	if more > 0 || o.repeat < 1 {
		return errors.New("want flags only, and at least one repetition")
	}
	o.only, o.systems = split(only), split(systems)
	for _, s := range o.systems {
		if !slices.Contains(allSystems(), s) {
			return fmt.Errorf("no system %q; there are %s", s, strings.Join(allSystems(), ", "))
		}
	}
	if o.kept != nil { // which is in the store alone, and to be looked at where it is
		o.systems = slices.DeleteFunc(o.systems, func(s string) bool { return s == "native" || s == "boto3" || s == "rclone-copy" })
	}
	for _, name := range o.only {
		if !slices.ContainsFunc(rows(), func(w row) bool { return matches(name, w.name) }) {
			return fmt.Errorf("no row %q; -list shows them", name)
		}
	}
	for _, s := range split(links) {
		l, err := parseLink(s)
		if err != nil {
			return err
		}
		o.links = append(o.links, l)
	}
	o.at = access{os.Getenv("ALLASFS_TEST_GATEWAY"), os.Getenv("ALLASFS_TEST_ACCESS_KEY"), os.Getenv("ALLASFS_TEST_SECRET_KEY")}
	if o.at.url == "" || o.at.key == "" || o.at.secret == "" {
		return errors.New("no gateway: ALLASFS_TEST_GATEWAY, _ACCESS_KEY and _SECRET_KEY are not set; start scripts/bench/run")
	}
	return nil
}

// wants tells whether a row is to be measured. The raw client's ranges come with the row that they are the base of.
func (o options) wants(name string) bool {
	if !o.ofData(name) {
		return false
	}
	if len(o.only) == 0 {
		return true
	}
	return slices.ContainsFunc(o.only, func(p string) bool {
		return matches(p, name) || strings.HasPrefix(name, "raw-get-") && matches(p, "read-seq-cold") ||
			name == "raw-get-16" && matches(p, "streams-16") || name == "raw-128k" && matches(p, "first-4k") || p == "write-4k" && name == "write-seq"
	})
}

// ofData tells whether a row is one of the data that is there.
func (o options) ofData(name string) bool {
	data, _, _ := strings.Cut(name, "-")
	if o.kept != nil {
		return data == o.kept.name
	}
	return data != "flat" && data != "tree"
}

func matches(pattern, name string) bool {
	prefix, star := strings.CutSuffix(pattern, "*")
	return name == pattern || star && strings.HasPrefix(name, prefix)
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ' ' })
}
