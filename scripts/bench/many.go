package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
)

// many is the scene of many files.
func (s *stage) many(ctx context.Context) error {
	l := s.r.l
	for _, w := range []struct {
		name     string
		list     []object
		parallel int
	}{
		{"mid-1", l.mids(l.mid), 1}, {"mid-8", l.mids(l.mid), 8},
		{"small-1", l.smalls(l.smallFew), 1}, {"small-8", l.smalls(l.smallFew), 8},
	} {
		t := task{do: func(ctx context.Context) error { return s.readFiles(ctx, w.list, w.parallel, false) }}
		if err := s.cold(ctx, w.name, t); err != nil {
			return err
		}
	}
	return s.cold(ctx, "small-all", task{do: s.readDirectory})
}

// readDirectory reads every small file in the order in which the directory gives the names, as grep -r does.
func (s *stage) readDirectory(ctx context.Context) error {
	d, err := os.Open(s.path("small"))
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		return err
	}
	if len(names) != s.r.l.small {
		return fmt.Errorf("%d names, not %d", len(names), s.r.l.small)
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		var i int
		if _, err := fmt.Sscanf(name, "%d.txt", &i); err != nil {
			return err
		}
		if err := s.r.readFile(ctx, s.path("small/"+name), s.r.l.smallObject(i), false); err != nil {
			return err
		}
	}
	return nil
}

// lists is the scene of names.
func (s *stage) lists(ctx context.Context) error {
	l := s.r.l
	for _, w := range []struct {
		name string
		args []string
		want int // lines
	}{
		{"ls-f", []string{"ls", "-f", "small"}, l.small + 2}, // . and ..
		{"ls-l", []string{"ls", "-l", "small"}, l.small + 1}, // the total
		{"find", []string{"find", "tree", "-type", "f"}, l.tree},
	} {
		t := task{do: func(ctx context.Context) error { return s.command(ctx, w.want, w.args...) }}
		if !s.wants(w.name, w.name+"-again") {
			continue
		}
		if err := s.m.fresh(ctx); err != nil {
			return err
		}
		if s.r.o.wants(w.name) {
			s.row(ctx, w.name, t)
		} else if err := t.do(ctx); err != nil {
			return err
		}
		s.row(ctx, w.name+"-again", t)
	}
	return nil
}

// command runs a program in the mount, which must print so many lines (-1: any number).
func (s *stage) command(ctx context.Context, lines int, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = s.m.dir, s.r.env()
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, firstLine(fault.String()))
	}
	if got := bytes.Count(out.Bytes(), []byte("\n")); lines >= 0 && got != lines {
		return fmt.Errorf("%s prints %d lines, not %d", args[0], got, lines)
	}
	return nil
}
