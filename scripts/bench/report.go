package main

import (
	"fmt"
	"io"
	"strings"
)

// writeTable writes the Markdown of one link: every row on every system, then what is wanted of allasfs and what came.
func (r *results) writeTable(w io.Writer) {
	fmt.Fprintf(w, "\n## Link: %s\n\n", r.link)
	fmt.Fprintf(w, "| work | %s |\n|---%s|\n", strings.Join(r.systems, " | "), strings.Repeat("|---", len(r.systems)))
	for _, row := range rows() {
		if len(r.samples[row.name]) == 0 {
			continue
		}
		fmt.Fprintf(w, "| %s (`%s`) |", row.title, row.name)
		for _, system := range r.systems {
			s, ok := r.median(row.name, system)
			fmt.Fprintf(w, " %s |", cell(s, ok))
		}
		fmt.Fprintln(w)
	}
	r.writeBars(w)
	r.writeUsage(w)
	r.writeErrors(w)
}

// cell shows one median: seconds, in brackets until the store has it, CPU seconds, MiB at the peak, requests.
func cell(s sample, ok bool) string {
	if !ok {
		return "–"
	}
	if s.err != nil {
		return "failed"
	}
	out := seconds(s.seconds)
	if s.cut {
		out = "> " + out
	}
	if s.stored > s.seconds*1.02+0.05 {
		out += " (" + seconds(s.stored) + ")"
	}
	out += fmt.Sprintf(" · %.2f", s.cpu)
	if s.peak > 0 {
		out += fmt.Sprintf(" · %d", s.peak>>20)
	} else {
		out += " · –"
	}
	if s.requests >= 0 {
		out += fmt.Sprintf(" · %d", s.requests)
	}
	return out
}

func seconds(s float64) string {
	switch {
	case s < 0.1:
		return fmt.Sprintf("%.4f", s)
	case s < 10:
		return fmt.Sprintf("%.2f", s)
	}
	return fmt.Sprintf("%.1f", s)
}

// writeBars compares allasfs with the base of each row and with the best rival.
func (r *results) writeBars(w io.Writer) {
	fmt.Fprintf(w, "\nallasfs against the base and the best rival: their time / its time, so more is better.\n\n")
	fmt.Fprintln(w, "| work | base | ratio | wanted | | best rival | ratio | wanted | |\n|---|---|---|---|---|---|---|---|---|")
	for _, row := range rows() {
		if _, ok := r.samples[row.name]["allasfs"]; !ok {
			continue
		}
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", row.name, r.against(row, row.base, row.bar), r.againstRival(row))
	}
}

func (r *results) against(w row, base string, bar float64) string {
	ratio, ok := r.ratio(w, base, "allasfs")
	if base == "" || !ok {
		return "– | – | – | "
	}
	if bar == 0 {
		return fmt.Sprintf("%s | %.2f | – | ", base, ratio)
	}
	return fmt.Sprintf("%s | %.2f | %.2f | %s", base, ratio, bar, verdict(ratio >= bar))
}

func (r *results) againstRival(w row) string {
	rival, ok := r.bestRival(w)
	if !ok {
		return "– | – | – | "
	}
	return r.against(w, rival, w.rival)
}

// writeUsage compares the daemon's memory and CPU time with what is wanted of them.
func (r *results) writeUsage(w io.Writer) {
	for _, row := range rows() {
		own, ok := r.median(row.name, "allasfs")
		if !ok || own.err != nil {
			continue
		}
		if row.peak > 0 {
			fmt.Fprintf(w, "\nMemory of allasfs in `%s`: %d MiB at the peak, wanted below %d: %s\n", row.name, own.peak>>20, row.peak, verdict(own.peak>>20 < row.peak))
		}
		if rival, least, ok := r.leastCPU(row); ok && row.cpu {
			fmt.Fprintf(w, "\nCPU of allasfs in `%s`: %.2f s, wanted below that of every rival (%s: %.2f s): %s\n",
				row.name, own.cpu, rival, least, verdict(own.cpu < least))
		}
	}
}

// leastCPU returns the rival whose daemon took the least CPU time in a row, in seconds.
func (r *results) leastCPU(w row) (name string, least float64, ok bool) {
	for _, system := range rivals() {
		if s, there := r.median(w.name, system); there && s.err == nil && (!ok || s.cpu < least) {
			name, least, ok = system, s.cpu, true
		}
	}
	return name, least, ok
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**missed**"
}

// writeErrors lists what failed, each error once.
func (r *results) writeErrors(w io.Writer) {
	var lines []string
	for _, row := range rows() {
		for _, system := range r.systems {
			if e := r.failures(row.name, system); e != "" {
				lines = append(lines, fmt.Sprintf("- %s, `%s`: %s", system, row.name, e))
			}
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(w, "\nFailed:\n\n%s\n", strings.Join(lines, "\n"))
	}
}

// failures returns how often a row failed and with what, or "".
func (r *results) failures(row, system string) string {
	n, last := 0, error(nil)
	for _, s := range r.samples[row][system] {
		if s.err != nil {
			n, last = n+1, s.err
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d: %s", n, len(r.samples[row][system]), firstLine(last.Error()))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
