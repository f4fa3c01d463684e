package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := begin(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// begin does everything, and gives back what it took, however it ends.
func begin(ctx context.Context, args []string) (err error) {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.merge != nil {
		return mergeFiles(o)
	}
	r, err := newRun(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.end(context.WithoutCancel(ctx))) }()
	if !o.quick {
		r.say("touching the memory that nobody uses")
		if err := touchMemory(ctx); err != nil {
			return err
		}
	}
	load := r.load
	if o.kept != nil {
		load = r.loadKept
	}
	if err := load(ctx); err != nil {
		return err
	}
	var all []*results
	for _, l := range o.links {
		err = r.onLink(ctx, l)
		all = append(all, r.res) // of a run that was stopped, what there is
		if err != nil {
			break
		}
	}
	return errors.Join(err, r.report(all))
}

// onLink runs everything over one link.
func (r *run) onLink(ctx context.Context, l link) error {
	r.res, r.at = newResults(l, r.o.systems), r.o.at
	if !l.bare() {
		u, err := url.Parse(r.o.at.url)
		if err != nil {
			return err
		}
		p, err := newRelay(l, u.Host)
		if err != nil {
			return err
		}
		defer p.close()
		r.at.url = "http://" + p.addr()
	}
	if err := r.connect(); err != nil {
		return err
	}
	r.say("link: %s", l)
	if r.o.check && l.bare() && r.o.kept == nil {
		if err := r.checkAll(ctx); err != nil {
			return err
		}
	}
	for r.rep = 0; r.rep < r.o.repeat && ctx.Err() == nil; r.rep++ {
		r.repetition(ctx)
	}
	r.res.chooseRaw()
	return context.Cause(ctx)
}

// scene is rows of one subject. An error is that of what is between rows, such as a mount that does not come up.
type scene func(ctx context.Context) error

// scenes returns what a system does, in the same order for every system: those of the same index are run side by side.
func (r *run) scenes(system string) []scene {
	switch system {
	case "raw":
		s := rawRows{r}
		if r.o.kept != nil {
			return []scene{s.kept}
		}
		return []scene{s.reads, s.many, s.lists, s.writes}
	case "boto3", "rclone-copy":
		s := today{r, system}
		if r.o.kept != nil {
			return []scene{func(context.Context) error { return nil }}
		}
		return []scene{s.reads, s.many, s.lists, s.writes}
	}
	onMount := func(run func(*stage, context.Context) error) scene {
		return func(ctx context.Context) error {
			s := &stage{r: r, m: r.mounts[system]}
			err := run(s, ctx)
			return errors.Join(err, s.m.stop(), s.m.empty())
		}
	}
	if r.o.kept != nil {
		return []scene{onMount(r.o.kept.scene)}
	}
	return []scene{onMount((*stage).reads), onMount((*stage).many), onMount((*stage).lists), onMount((*stage).writes)}
}

// repetition runs every scene once on every system, scene by scene, the systems in turn.
func (r *run) repetition(ctx context.Context) {
	all := map[string][]scene{}
	for _, system := range r.o.systems {
		all[system] = r.scenes(system)
	}
	titles := []string{"the big file", "many files", "names", "writing"}
	if r.o.kept != nil {
		titles = []string{r.o.kept.title}
	}
	for i, title := range titles {
		for _, system := range r.o.systems {
			if ctx.Err() != nil {
				return
			}
			if r.rep >= r.o.rivals && !slices.Contains([]string{"raw", "native", "allasfs"}, system) {
				continue
			}
			r.say("repetition %d of %d, %s: %s", r.rep+1, r.o.repeat, title, system)
			if err := all[system][i](ctx); err != nil {
				r.say("%s: %v", system, err)
			}
		}
	}
}

// checkAll reads everything through every mount and compares all bytes. Wrong bytes end the run: figures of them mean nothing.
func (r *run) checkAll(ctx context.Context) error {
	for _, system := range r.o.systems {
		if m, ok := r.mounts[system]; ok && slices.Contains([]string{"native", "allasfs", "s3fs", "rclone"}, system) {
			r.say("comparing all bytes: %s", system)
			if err := errors.Join((&stage{r: r, m: m}).check(ctx), m.stop(), m.empty()); err != nil {
				return fmt.Errorf("%s: %w", system, err)
			}
		}
	}
	return nil
}

func listRowsTo(w io.Writer) {
	for _, row := range rows() {
		fmt.Fprintf(w, "%-18s %s\n", row.name, row.title)
	}
}
