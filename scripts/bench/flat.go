package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// flatDir holds the objects of -flat: one directory, named as sequencing runs name samples.
const flatDir = "flat/"

func flatKept(n int) *kept {
	key := func(i int) string { return fmt.Sprintf(flatDir+"sample-%07d.fastq.gz", i) }
	return &kept{name: "flat", title: "one directory", n: n, dir: flatDir, key: key, raw: "flat-ls-f", scene: (*stage).flat}
}

// flat is the scene of one directory of very many files.
func (s *stage) flat(ctx context.Context) error {
	n := s.r.o.kept.n
	list := func(ctx context.Context) error { return s.command(ctx, n+2, "ls", "-f", flatDir) } // . and ..
	return s.keptRows(ctx, []keptRow{
		{name: "flat-first", do: s.firstName},
		{name: "flat-ls-f", do: list},
		{name: "flat-ls-f-again", do: list, warm: true},
		{name: "flat-ls-l", do: func(ctx context.Context) error { return s.command(ctx, n+1, "ls", "-l", flatDir) }}, // the total
		{name: "flat-find", do: func(ctx context.Context) error { return s.command(ctx, n, "find", flatDir, "-type", "f") }},
		{name: "flat-scandir", do: s.scandir},
	})
}

func (s *stage) firstName(context.Context) error {
	d, err := os.Open(s.path(flatDir))
	if err != nil {
		return err
	}
	defer d.Close()
	_, err = d.Readdirnames(1)
	return err
}

// scandir counts the files as Python programs do.
func (s *stage) scandir(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.r.o.interpreter(), "-c", "import os, sys; print(sum(e.is_file() for e in os.scandir(sys.argv[1])))", s.path(flatDir))
	cmd.Env = s.r.env()
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, firstLine(string(failed.Stderr)))
	}
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(string(out)); got != strconv.Itoa(s.r.o.kept.n) {
		return fmt.Errorf("os.scandir shows %s files, not %d", got, s.r.o.kept.n)
	}
	return nil
}

func flatRows() []row {
	return []row{
		{name: "flat-first", title: "first name of the directory of -flat objects, cold"},
		{name: "flat-ls-f", title: "ls -f of it, cold (raw: page after page)", base: "raw", bar: 3},
		{name: "flat-ls-f-again", title: "again"},
		{name: "flat-ls-l", title: "ls -l of it, cold", base: "raw", of: "flat-ls-f", peak: 512},
		{name: "flat-find", title: "find -type f in it, cold", base: "raw", of: "flat-ls-f"},
		{name: "flat-scandir", title: "Python's os.scandir and is_file, cold", base: "raw", of: "flat-ls-f"},
	}
}
