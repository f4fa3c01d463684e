package main

// This file tells how far `allasfs warm` is: on a terminal a bar that is redrawn, elsewhere a line now and then; and in `allasfs status`.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/fs"
)

const (
	barWidth  = 30
	rateOver  = 10 * time.Second // the rate shown is that of so long
	rateAfter = time.Second      // and none is shown before
)

// sample is what had been fetched at a time.
type sample struct {
	at    time.Time
	bytes int64
}

// warmProgress looks at one warming.
type warmProgress struct {
	client  *control.Client
	id      string
	samples []sample // of the last rateOver
	warned  bool     // that not all has room, where lines stay
}

func (p *warmProgress) look(ctx context.Context, wide bool) ([]string, error) {
	report, err := p.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(report.Status.Warms, func(s fs.WarmState) bool { return s.ID == p.id })
	if i < 0 {
		return nil, nil
	}
	return p.line(report.Status.Warms[i], time.Now(), wide), nil
}

func (p *warmProgress) line(state fs.WarmState, now time.Time, wide bool) []string {
	var lines []string
	if state.Need > state.Room && (wide || !p.warned) {
		p.warned = true
		lines = append(lines, fmt.Sprintf("warning: these files take %s in the cache, which has room for %s: what fits is fetched", human(state.Need), human(state.Room)))
	}
	line := warmLine(state, p.rate(state, now))
	if wide {
		line = bar(state.DoneBytes, state.Bytes) + " " + line
	}
	return append(lines, line)
}

// rate is bytes a second lately, 0 = not known yet.
func (p *warmProgress) rate(state fs.WarmState, now time.Time) float64 {
	p.samples = append(p.samples, sample{now, fetched(state)})
	for len(p.samples) > 2 && now.Sub(p.samples[1].at) >= rateOver {
		p.samples = p.samples[1:]
	}
	first := p.samples[0]
	if now.Sub(first.at) < rateAfter {
		return 0
	}
	return float64(max(0, fetched(state)-first.bytes)) / now.Sub(first.at).Seconds()
}

// fetched is what was downloaded so far.
func fetched(s fs.WarmState) int64 { return max(0, s.DoneBytes-s.HadBytes) }

// warmLine is how far it is, with the time that is left at so many bytes a second; 0 = not known.
func warmLine(s fs.WarmState, rate float64) string {
	all := ""
	if !s.Listed && s.Running {
		all = " found so far"
	}
	line := fmt.Sprintf("%s of %s%s, %d of %s cached", human(s.DoneBytes), human(s.Bytes), all, s.DoneFiles, count(s.Files, "file"))
	if s.Failed > 0 {
		line += fmt.Sprintf(", %d failed", s.Failed)
	}
	if s.LeftFiles > 0 {
		line += fmt.Sprintf(", %d without room", s.LeftFiles)
	}
	if rate > 0 {
		line += fmt.Sprintf(", %s/s", human(int64(rate)))
		if left := min(s.Bytes, max(0, s.Room)) - s.DoneBytes - s.LeftBytes; s.Listed && left > 0 {
			line += ", " + span(time.Duration(float64(left)/rate*float64(time.Second))) + " left"
		}
	}
	return line
}

// warmDone is the last line: what is in the cache now.
func warmDone(s fs.WarmState, took time.Duration) string {
	line := fmt.Sprintf("%d of %s (%s) in the cache", s.DoneFiles, count(s.Files, "file"), human(s.DoneBytes))
	line += fmt.Sprintf(": %d were there, %s fetched in %s", s.HadFiles, human(fetched(s)), span(took))
	if took >= rateAfter {
		line += fmt.Sprintf(" (%s/s)", human(int64(float64(fetched(s))/took.Seconds())))
	}
	if s.Changed > 0 {
		line += fmt.Sprintf("; %d changed meanwhile", s.Changed)
	}
	return line
}

// warmStatus are the lines of `allasfs status`: what runs, and what did not end well in the background.
func warmStatus(states []fs.WarmState) []string {
	var lines []string
	for _, s := range states {
		what := strings.Join(s.Paths, " ")
		if what == "" {
			what = "everything"
		}
		switch err := warmFailure(s); {
		case s.Running:
			lines = append(lines, oneLine(what)+": "+warmLine(s, float64(fetched(s))/max(1, time.Since(s.Started).Seconds())))
		case err != nil && s.Background: // else it has been told
			lines = append(lines, oneLine(what)+": "+err.Error())
		}
	}
	return lines
}

// bar is part of all as a bar of a fixed width.
func bar(part, all int64) string {
	n := int(percent(min(part, all), all)) * barWidth / 100
	return "[" + strings.Repeat("#", n) + strings.Repeat(" ", barWidth-n) + "]"
}

// span writes a time for a person: "0.3 s", "12 s", "3 min 5 s", "2 h 10 min".
func span(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}
