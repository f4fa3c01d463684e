package main

import (
	"errors"
	"strings"
	"testing"
)

func took(s float64) sample { return sample{seconds: s, stored: s, requests: -1} }

func TestRatioIsWithinRepetitions(t *testing.T) {
	r := newResults(link{}, allSystems())
	for rep, v := range [][2]float64{{2, 1}, {20, 10}, {3, 3}} { // the second repetition was slow for both
		r.add("mid-1", "raw", rep, took(v[0]))
		r.add("mid-1", "allasfs", rep, took(v[1]))
	}
	r.add("mid-1", "raw", 3, took(1)) // no pair
	got, ok := r.ratio(row{name: "mid-1", base: "raw"}, "raw", "allasfs")
	if !ok || got != 2 {
		t.Errorf("ratio %v, %v; want 2", got, ok)
	}
}

func TestMedianLeavesFailuresOut(t *testing.T) {
	r := newResults(link{}, allSystems())
	for rep, s := range []sample{took(1), {err: errors.New("no")}, took(3), took(10)} {
		r.add("mid-1", "s3fs", rep, s)
	}
	if s, ok := r.median("mid-1", "s3fs"); !ok || s.err != nil || s.seconds != 3 {
		t.Errorf("median %+v, %v; want 3", s, ok)
	}
	if got := r.failures("mid-1", "s3fs"); got != "1 of 4: no" {
		t.Errorf("failures: %q", got)
	}
}

func TestBestOfTheRawRangesCountsOnASlowLink(t *testing.T) {
	for _, w := range []struct {
		l    link
		want float64
	}{{link{}, 8}, {link{rate: 60}, 4}} {
		r := newResults(w.l, allSystems())
		r.add("raw-get-8", "raw", 0, took(8))
		r.add("raw-get-16", "raw", 0, took(4))
		r.add("raw-get-32", "raw", 0, took(5))
		r.chooseRaw()
		if s, _ := r.median("read-seq-cold", "raw"); s.seconds != w.want {
			t.Errorf("%v: %v, want %v", w.l, s.seconds, w.want)
		}
	}
}

func TestTableAndPlotShowWhatThereIs(t *testing.T) {
	r := newResults(link{}, []string{"raw", "allasfs", "s3fs"})
	r.add("small-all", "raw", 0, took(6))
	r.add("small-all", "allasfs", 0, sample{seconds: 12, stored: 12, cpu: 1.5, peak: 30 << 20, requests: 10010})
	r.add("small-all", "s3fs", 0, sample{seconds: 60, stored: 60, cut: true, requests: -1})
	r.add("find", "s3fs", 0, sample{err: errors.New("killed\nand more")})
	var table, plot strings.Builder
	r.writeTable(&table)
	if err := r.writePlot(&plot); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"12.0 · 1.50 · 30 · 10010", "> 60.0", "| raw | 0.50 | 0.70 | **missed** |", "- s3fs, `find`: 1 of 1: killed\n"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
	for _, want := range []string{"> 60.0", "failed", "</svg>"} {
		if !strings.Contains(plot.String(), want) {
			t.Errorf("the plot lacks %q", want)
		}
	}
}
