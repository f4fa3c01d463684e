package main

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

const (
	plotWidth  = 900.0
	labelWidth = 330.0 // for the title of the work
	nameWidth  = 80.0  // for the system
	barHeight  = 13.0
	groupGap   = 12.0
	valueWidth = 70.0 // for the seconds behind a bar
	decades    = 3.0  // a bar of full length is a thousand times one of none
)

// writePlot draws the rows that are marked for it as an SVG: a group of bars a row, lengths logarithmic within the row, seconds beside them.
// Shorter is better.
func (r *results) writePlot(w io.Writer) error {
	var body strings.Builder
	y := 46.0
	for _, row := range rows() {
		if row.plot && len(r.samples[row.name]) > 0 {
			y = r.plotRow(&body, row, y)
		}
	}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" font-family="sans-serif" font-size="11">
<rect width="100%%" height="100%%" fill="white"/>
<text x="10" y="18" font-size="14" font-weight="bold">Seconds for the same work (shorter is better, logarithmic within each group)</text>
<text x="10" y="34" fill="#555">%s</text>
%s</svg>
`, plotWidth, y+10, html.EscapeString("Link: "+r.link.String()), body.String())
	return err
}

// plotRow draws one group of bars from y on, and returns where the next begins.
func (r *results) plotRow(b *strings.Builder, w row, y float64) float64 {
	slowest := 0.0
	for _, system := range r.systems {
		if s, ok := r.median(w.name, system); ok && s.err == nil {
			slowest = max(slowest, s.stored)
		}
	}
	fmt.Fprintf(b, `<text x="10" y="%.1f">%s</text>`+"\n", y+barHeight-3, html.EscapeString(w.title))
	for _, system := range r.systems {
		s, ok := r.median(w.name, system)
		if !ok {
			continue
		}
		plotBar(b, system, s, slowest, y)
		y += barHeight
	}
	return y + groupGap
}

func plotBar(b *strings.Builder, system string, s sample, slowest, y float64) {
	x := labelWidth + nameWidth
	fmt.Fprintf(b, `<text x="%.0f" y="%.1f" text-anchor="end" fill="#555">%s</text>`, x-5, y+barHeight-3, system)
	if s.err != nil {
		fmt.Fprintf(b, `<text x="%.0f" y="%.1f" fill="#b00">failed</text>`+"\n", x+4, y+barHeight-3)
		return
	}
	room := plotWidth - x - valueWidth
	length := room * max(0.01, 1+math.Log10(max(s.stored, 1e-9)/slowest)/decades)
	label := seconds(s.stored)
	if s.cut {
		label = "> " + label
	}
	fmt.Fprintf(b, `<rect x="%.0f" y="%.1f" width="%.1f" height="%.0f" fill="%s"/><text x="%.1f" y="%.1f">%s</text>`+"\n",
		x, y+1, length, barHeight-2, colour(system), x+length+4, y+barHeight-3, label)
}

func colour(system string) string {
	switch system {
	case "allasfs":
		return "#d9480f"
	case "raw", "native":
		return "#868e96"
	}
	return "#74a9d8"
}
