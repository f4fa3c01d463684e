package main

// This file holds `allasfs status`.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/fs"
)

const statusTimeout = 10 * time.Second // for the answer of one daemon

func statusCommand(s *streams) *cobra.Command {
	var asJSON, again bool
	cmd := &cobra.Command{
		Use:   "status [flags] [DIR]",
		Short: "Show mounts, cache, uploads, kept files and the last errors",
		Long: `Show the mounts of this machine, or the one that DIR is on: where from, the cache, uploads in flight, files that
are not in the store and why, and the last errors.`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeMounts,
		RunE: func(cmd *cobra.Command, args []string) error {
			look := func(ctx context.Context) ([]state, error) { return askAll(ctx, args) }
			if again {
				return (&watcher{w: s.out, redraw: terminal(s.out), json: asJSON}).run(cmd.Context(), look)
			}
			states, err := look(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(s.out)
				e.SetIndent("", "  ")
				return e.Encode(states)
			}
			return printStates(s.out, states)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON list with one element a mount")
	cmd.Flags().BoolVarP(&again, "watch", "w", false, "look every second until interrupted, and tell the rates, too (lines where there is no terminal)")
	return cmd
}

// askAll asks the daemons of the mounts that args name, none = of all.
func askAll(ctx context.Context, args []string) ([]state, error) {
	list, err := statusTargets(args)
	if err != nil {
		return nil, err
	}
	states := make([]state, 0, len(list))
	for _, t := range list {
		states = append(states, ask(ctx, t))
	}
	return states, nil
}

func statusTargets(args []string) ([]target, error) {
	if len(args) == 0 {
		return targets()
	}
	t, err := find(args[0])
	return []target{t}, err
}

// state is what status tells of one mount.
type state struct {
	Mountpoint string          `json:"mountpoint"`
	Source     string          `json:"source"`
	State      life            `json:"state"`
	Text       string          `json:"text,omitempty"`
	Report     *control.Report `json:"daemon,omitempty"`
	hint       string          // for people, "" = none
	rate       string          // for people, since the last look; "" = this is the first
}

// ask asks the daemon of t.
func ask(ctx context.Context, t target) state {
	st := state{Mountpoint: t.Dir, Source: t.Source}
	st.State = t.life()
	switch st.State {
	case dead:
		st.Text, st.hint = "its daemon has died; nothing that was written is lost", t.clearHint()
		return st
	case foreign:
		st.Text = "another user's"
		return st
	case unregistered:
		st.Text = "its daemon has no control socket where this command looks"
		return st
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	r, err := control.Dial(*t.Record).Status(ctx)
	if err != nil {
		st.Text = err.Error()
		return st
	}
	st.Report = &r
	return st
}

func printStates(w io.Writer, states []state) error {
	if len(states) == 0 {
		_, err := fmt.Fprintln(w, "no allasfs mounts")
		return err
	}
	var b strings.Builder
	for i, st := range states {
		if i > 0 {
			b.WriteByte('\n')
		}
		st.print(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// print writes the screen of one mount.
func (st state) print(b *strings.Builder) {
	fmt.Fprintf(b, "%s  %s\n", st.Mountpoint, st.Source)
	line := printer(b)
	st.printAbout(line)
	if st.Report == nil {
		return
	}
	if st.rate != "" {
		line("rate", "%s", st.rate)
	}
	printMoving(line, st.Report.Status)
	st.printRest(line)
}

// printLine writes a line that begins with the name of what it is about, "" = the same as the one before.
type printLine func(name, format string, args ...any)

func printer(b *strings.Builder) printLine {
	return func(name, format string, args ...any) {
		fmt.Fprintf(b, "  %-9s"+format+"\n", append([]any{name}, args...)...)
	}
}

// printAbout writes what the mount is and has, or why nothing is known of it.
func (st state) printAbout(line printLine) {
	if st.Report == nil {
		line(string(st.State), "%s", st.Text)
		if st.hint != "" {
			line("", "%s", st.hint)
		}
		return
	}
	r := st.Report
	rights := "read and write"
	if r.Status.ReadOnly {
		rights = "read only"
	}
	line("running", "since %s, pid %d, %s%s", r.Since.Local().Format("2006-01-02 15:04:05"), r.PID, rights, prefixed(", ", r.Mode))
	for i, l := range sourceLines(r.Status.Sources) {
		line(onlyFirst(i, "sources"), "%s", l)
	}
	c := r.Status.Cache
	line("cache", "%s of %s, %s, %s%s", human(c.Used), human(c.Size), count(c.Files, "file"), hits(c.Hits, c.Misses), prefixed("; ", c.LastError))
	line("", "%s", c.Dir)
	if l := passthroughLine(r.Status.Passthrough, r.Mode); l != "" {
		line("large", "%s", l)
	}
	if l := writesLine(r.Status.Passthrough.Writes); l != "" {
		line("writes", "%s", l)
	}
	line("requests", "%s", requestsLine(r.Status.Requests))
	line("memory", "%s", memoryUse(r.Record))
}

// printMoving writes what is on its way, down and up.
func printMoving(line printLine, s fs.Status) {
	for i, l := range warmStatus(s.Warms) {
		line(onlyFirst(i, "warming"), "%s", l)
	}
	printUploads(line, s.Uploads)
	if l := queueLine(s.Queue, len(s.Uploads)); l != "" {
		line("queue", "%s", l)
	}
}

// printRest writes what is not in the store and why, and what went wrong.
func (st state) printRest(line printLine) {
	r := st.Report
	printKept(line, r.Status.Drafts, st.Mountpoint)
	for i, m := range r.Status.Moves {
		line(onlyFirst(i, "renaming"), "%s", moveLine(m))
	}
	printAttrs(line, r.Status.Attrs)
	for i, w := range r.Status.Full {
		line(onlyFirst(i, "full"), "%s", fullLine(w))
	}
	for i, e := range r.Status.Errors {
		line(onlyFirst(i, "errors"), "%s  %s: %s", e.Time.Local().Format("15:04:05"), oneLine(e.Path), e.Text)
	}
	if r.LogFile != "" {
		line("log", "%s", r.LogFile)
	}
}

func printUploads(line printLine, uploads []fs.UploadState) {
	for i, l := range uploadLines(uploads) {
		line(onlyFirst(i, "uploads"), "%s", strings.TrimPrefix(l, "waiting for "))
	}
	if len(uploads) == 0 {
		line("uploads", "none")
	}
}

func printKept(line printLine, drafts []fs.DraftState, dir string) {
	drafts = slices.DeleteFunc(slices.Clone(drafts), func(d fs.DraftState) bool { return d.State == "closed" && d.Reason == "" }) // in the queue
	for i, d := range drafts {
		line(onlyFirst(i, "kept"), "%s  %s (%s): %s", d.ID, oneLine(d.Path), human(d.Size), kept(d))
	}
	if len(drafts) > 0 {
		line("", "see: allasfs recover %s", dir)
	}
}

// moveLine tells how far the rename of a directory is.
func moveLine(m fs.MoveState) string {
	what := map[string]string{"copying": "copied", "deleting": "old names removed"}[m.Phase]
	return fmt.Sprintf("%s to %s: %d of %s %s", oneLine(m.From), oneLine(m.To), m.Done, count(int(m.Total), "object"), what)
}

// fullLine tells how near a limit of the store is.
func fullLine(w fs.SpaceWarning) string {
	whose := w.Bucket
	if whose == "" {
		whose = "the project"
	}
	used, limit := fmt.Sprint(w.Used), fmt.Sprint(w.Limit)+" objects"
	if w.What == "bytes" {
		used, limit = human(w.Used), human(w.Limit)
	}
	return fmt.Sprintf("%s has %s of %s, %d %%", oneLine(whose), used, limit, percent(w.Used, w.Limit))
}

// printAttrs tells how many files have attributes that are not in the store, and the first of them.
func printAttrs(line printLine, paths []string) {
	if len(paths) > 0 {
		line("attrs", "%s with a mode, owner or time not sent yet: %s%s", count(len(paths), "file"), oneLine(paths[0]), onlyMany(len(paths)))
	}
}

// onlyMany is what follows the first of n names.
func onlyMany(n int) string {
	if n > 1 {
		return ", …"
	}
	return ""
}

// kept says why a file is not in the store.
func kept(d fs.DraftState) string {
	if d.Reason != "" {
		return d.Reason
	}
	switch d.State {
	case "open":
		return "being written, or was when its daemon was killed"
	case "conflict":
		return "somebody else has changed the object"
	}
	return "not sent yet"
}

func hits(hits, misses int64) string {
	if hits+misses == 0 {
		return "nothing read yet"
	}
	return fmt.Sprintf("%d %% of blocks read from it", percent(hits, hits+misses))
}

// passthroughLine tells how large files were opened; "" when mode, which is from the start of the mount, tells all.
func passthroughLine(p fs.Passthrough, mode string) string {
	l := ""
	if p.Opens+p.ByDaemon > 0 {
		l = fmt.Sprintf("%s read by the kernel alone, %d by way of the daemon", count(int(p.Opens), "open"), p.ByDaemon)
	}
	if p.Off != "" && !strings.Contains(mode, p.Off) {
		l += prefixed(onlyBetween(l), "no passthrough any more: "+p.Off)
	}
	return l
}

// writesLine tells how new files are written where the kernel is to write them, "" where it is not.
func writesLine(w *fs.DirectWrites) string {
	switch {
	case w == nil:
		return ""
	case w.Off == "":
		return "new files by the kernel alone, " + count(int(w.Opens), "open")
	case w.Opens == 0:
		return "new files by way of the daemon: " + w.Off
	}
	return fmt.Sprintf("new files by way of the daemon now: %s; before that %s by the kernel alone", w.Off, count(int(w.Opens), "open"))
}

// onlyBetween is what parts l from more, "" when l is.
func onlyBetween(l string) string {
	if l == "" {
		return ""
	}
	return "; "
}

func onlyFirst(i int, name string) string {
	if i == 0 {
		return name
	}
	return ""
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
