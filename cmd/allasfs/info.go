package main

// This file holds `allasfs info`.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"allasfs/cache"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs"
)

const infoLong = `Show what is known of each PATH on a mount: bucket and key, the object's version (ETag), size, date, content type, storage
class and metadata, the segments of a large object that Swift made, what of it is cached, and whether local changes are still
on their way. It asks the store about each file. Of a bucket or directory it shows use and quota.`

// infoAttr is the extended attribute that holds fs.Info as JSON.
const infoAttr = "user.allasfs.info"

func infoCommand(s *streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "info PATH…",
		Short:   "Show the object behind a path, and what is cached of it",
		Long:    infoLong,
		Example: "  allasfs info ~/allas/results/table.csv\n  allasfs info --json ~/allas/results/*.bam | jq '.[].object.version'",
		Args:    args(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON list with one element a path")
	cmd.RunE = func(_ *cobra.Command, paths []string) error {
		infos := make([]fs.Info, 0, len(paths))
		for _, p := range paths {
			i, err := infoOf(p)
			if err != nil {
				return err
			}
			infos = append(infos, i)
		}
		if asJSON {
			e := json.NewEncoder(s.out)
			e.SetIndent("", "  ")
			return e.Encode(infos)
		}
		var b strings.Builder
		for n, i := range infos {
			if n > 0 {
				b.WriteByte('\n')
			}
			printInfo(&b, paths[n], i)
		}
		_, err := io.WriteString(s.out, b.String())
		return err
	}
	return cmd
}

// infoOf asks the mount that a path lies on.
func infoOf(path string) (i fs.Info, err error) {
	p := make([]byte, 64<<10) // the kernel's largest attribute
	n, err := unix.Getxattr(path, infoAttr, p)
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		return i, exit.New(exit.NotMounted, "'allasfs status' lists the mounts", "%s is not on an allasfs mount", path)
	case err != nil:
		return i, exit.New(exit.Failed, "", "%s: %w", path, err)
	}
	if err := json.Unmarshal(p[:n], &i); err != nil {
		return i, fmt.Errorf("what the mount tells of %s: %w", path, err)
	}
	return i, nil
}

// printInfo writes i for people.
func printInfo(b *strings.Builder, path string, i fs.Info) {
	fmt.Fprintln(b, oneLine(path))
	line := func(name, format string, args ...any) {
		fmt.Fprintf(b, "  %-9s"+format+"\n", append([]any{name}, args...)...)
	}
	if i.Bucket != "" {
		line("key", "%s", oneLine(i.Bucket+"/"+i.Key))
	}
	if s := i.Space; s != nil {
		line("use", "%s in %s%s", human(s.Bytes), count(int(s.Objects), "object"), prefixed("; room for ", roomIn(*s)))
		return
	}
	if i.Object == nil {
		line("object", "not in the store")
	} else {
		printObject(line, *i.Object)
	}
	if i.Object != nil && i.Cached == i.Object.Size {
		line("cached", "all of it")
	} else {
		line("cached", "%s%s", human(i.Cached), prefixed(": ", rangesText(i.CachedRanges, i.MoreRanges)))
	}
	line("state", "%s%s", i.State, prefixed(": ", i.Error))
}

func printObject(line func(name, format string, args ...any), o fs.ObjectInfo) {
	line("version", "%s", o.Version)
	line("size", "%s%s", count(int(o.Size), "byte"), onlyIf(o.Size >= 1<<10, ", "+human(o.Size)))
	line("stored", "%s", o.Modified.Local().Format("2006-01-02 15:04:05"))
	line("type", "%s, storage class %s", oneLine(o.ContentType), oneLine(o.StorageClass))
	switch s := o.Segments; {
	case o.Large == "":
	case s == nil:
		line("large", "%s, a large object that Swift made", strings.ToUpper(o.Large))
	case s.Error != "":
		line("large", "%s; its segments %s cannot be listed: %s", strings.ToUpper(o.Large), oneLine(s.Bucket+"/"+s.Prefix), s.Error)
	default:
		line("large", "%s of %s%s in %s, below %s", strings.ToUpper(o.Large), onlyIf(s.More, "more than "), count(s.Count, "segment"), human(s.Bytes), oneLine(s.Bucket+"/"+s.Prefix))
	}
	for n, name := range slices.Sorted(maps.Keys(o.Metadata)) {
		line(onlyFirst(n, "metadata"), "%s: %s", oneLine(name), oneLine(o.Metadata[name]))
	}
}

// roomIn is what still fits in; "" where nothing limits it.
func roomIn(s fs.Space) string {
	var all []string
	if s.QuotaBytes >= 0 {
		all = append(all, human(max(s.QuotaBytes-s.Bytes, 0)))
	}
	if s.QuotaObjects >= 0 {
		all = append(all, count(int(max(s.QuotaObjects-s.Objects, 0)), "object"))
	}
	return strings.Join(all, " and ")
}

// rangesText writes the first ranges of bytes, for people.
func rangesText(spans []cache.Span, more int) string {
	const most = 5
	var all []string
	for _, s := range spans[:min(len(spans), most)] {
		all = append(all, fmt.Sprintf("%d-%d", s.Off, s.End-1))
	}
	if more += len(spans) - len(all); more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}

// onlyIf is s when it holds.
func onlyIf(holds bool, s string) string {
	if holds {
		return s
	}
	return ""
}
