package main

// This file draws `allasfs top`.

import (
	"fmt"
	"os"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"allasfs/fs"
)

const rateWidth = 16 // of a figure before its graph

var (
	strong  = lipgloss.NewStyle().Bold(true)
	faint   = lipgloss.NewStyle().Faint(true)
	alarm   = lipgloss.NewStyle().Foreground(lipgloss.BrightRed)
	inverse = lipgloss.NewStyle().Reverse(true)
)

// View implements tea.Model.
func (t *top) View() tea.View {
	head, foot := t.headLines(), strings.Split(t.help.View(t.keys), "\n")
	t.body.SetWidth(t.width)
	t.body.SetHeight(max(1, t.height-len(head)-len(foot)))
	t.body.SetContentLines(t.fit(t.bodyLines()))
	lines := append(t.fit(head), strings.Split(t.body.View(), "\n")...)
	v := tea.NewView(strings.Join(append(lines, t.fit(foot)...), "\n"))
	v.AltScreen, v.WindowTitle = true, "allasfs top"
	return v
}

// fit cuts lines that are wider than the terminal.
func (t *top) fit(lines []string) []string {
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, t.width, "…")
	}
	return lines
}

// headLines are what does not move: the time, the mounts, and the graphs of the one that is chosen.
func (t *top) headLines() []string {
	about := "looking …"
	if !t.at.IsZero() {
		about = t.at.Format("15:04:05") + "  " + count(len(t.states), "mount")
	}
	if t.paused {
		about += "  " + inverse.Render(" paused ")
	}
	lines := []string{strong.Render("allasfs top") + "  " + about}
	if t.err != nil {
		return append(lines, alarm.Render(oneLine(t.err.Error())))
	}
	if len(t.states) == 0 {
		return append(lines, "no allasfs mounts", "")
	}
	lines = append(lines, t.tabs(), "")
	st := t.states[t.index()]
	if st.Report == nil {
		return lines
	}
	return append(append(lines, t.graphs(st.Mountpoint)...), cacheBar(st.Report.Status), "")
}

// tabs names the mounts, the chosen one first where not all have room.
func (t *top) tabs() string {
	var all []string
	for i, st := range t.states {
		name := " " + oneLine(st.Mountpoint) + " "
		switch {
		case i == t.index():
			name = inverse.Render(name)
		case st.State != running:
			name = alarm.Render(name)
		}
		all = append(all, name)
	}
	if i := t.index(); ansi.StringWidth(strings.Join(all[:i+1], "")) > t.width {
		all = append(slices.Clone(all[i:]), all[:i]...)
	}
	return strings.Join(all, "")
}

// graphs are a line for each rate, and how it was lately.
func (t *top) graphs(dir string) []string {
	past := t.past[dir]
	var now rates
	if len(past) > 0 {
		now = past[len(past)-1]
	}
	line := func(name, value string, of func(rates) int64) string {
		values := make([]int64, len(past))
		for i, r := range past {
			values[i] = of(r)
		}
		return fmt.Sprintf("  %-9s%-*s %s", name, rateWidth, value, sparkline(values, t.width-rateWidth-13, blocks()))
	}
	return []string{
		line("down", human(now.down)+"/s", func(r rates) int64 { return r.down }),
		line("up", human(now.up)+"/s", func(r rates) int64 { return r.up }),
		line("cached", human(now.fromCache)+"/s"+now.ratio(), func(r rates) int64 { return r.fromCache }),
		line("requests", fmt.Sprintf("%d/s", now.requests), func(r rates) int64 { return r.requests }),
	}
}

// cacheBar tells how full the cache is.
func cacheBar(s fs.Status) string {
	c := s.Cache
	if c.Size == 0 {
		return fmt.Sprintf("  %-9s%s", "cache", "memory only")
	}
	return fmt.Sprintf("  %-9s%s %s of %s", "cache", bar(c.Used, c.Size), human(c.Used), human(c.Size))
}

// bodyLines are what is below the graphs, and can be read on in.
func (t *top) bodyLines() []string {
	if t.err != nil || len(t.states) == 0 {
		return nil
	}
	st := t.states[t.index()]
	var b strings.Builder
	line := printer(&b)
	if st.Report != nil {
		t.printUploadBars(&b, st)
		st.printRest(line)
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "  %-9s%s\n", "source", oneLine(st.Source))
	st.printAbout(line)
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "  errors ") {
			lines[i] = alarm.Render(l)
		}
	}
	return lines
}

// printUploadBars writes the queue, and a bar for each upload.
func (t *top) printUploadBars(b *strings.Builder, st state) {
	s := st.Report.Status
	line := printer(b)
	for i, l := range warmStatus(s.Warms) {
		line(onlyFirst(i, "warming"), "%s", l)
	}
	queue := "none"
	if m := t.queues[st.Mountpoint]; m != nil {
		if l := m.line(s.Queue, t.at); l != "" {
			queue = l
		}
	}
	line("uploads", "%s", queue)
	for _, u := range s.Uploads {
		line("", "%s %3d %%  %s %s", bar(u.Sent, u.Size), percent(u.Sent, u.Size), oneLine(u.Path), faint.Render("("+human(u.Size)+awaited(u)+")"))
	}
}

// unicodeTerminal tells whether the locale's characters are those of UTF-8 (locale(7): the first of these that is set and not empty counts).
func unicodeTerminal() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return strings.Contains(strings.ToLower(strings.ReplaceAll(v, "-", "")), "utf8")
		}
	}
	return false
}

// blocks are the levels of a graph, from nothing to the most.
func blocks() []rune {
	if unicodeTerminal() {
		return []rune(" ▁▂▃▄▅▆▇█")
	}
	return []rune(" .:-=+*#%@")
}

// sparkline is a graph of the last values that have room in width, a column each, against the largest of them. More than nothing is always seen.
func sparkline(values []int64, width int, levels []rune) string {
	values = values[max(0, len(values)-max(0, width)):]
	most := int64(0)
	for _, v := range values {
		most = max(most, v)
	}
	var b strings.Builder
	for _, v := range values {
		level := 0
		if v > 0 {
			level = max(1, int(float64(v)/float64(most)*float64(len(levels)-1)))
		}
		b.WriteRune(levels[level])
	}
	return b.String()
}
