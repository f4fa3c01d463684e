package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// stored is a run as a file: what was measured, and of what. Figures of several runs are put into one table by -merge.
type stored struct {
	Date     time.Time    `json:"date"`
	Machine  string       `json:"machine"`  // kernel, processor and how many of them
	Commit   string       `json:"commit"`   // of allasfs, "" = not known
	Versions []string     `json:"versions"` // of allasfs, the rivals and the gateway
	Flags    string       `json:"flags,omitempty"`
	Quick    bool         `json:"quick,omitempty"`
	Repeat   int          `json:"repeat"` // repetitions
	Rivals   int          `json:"rivals"` // and those of the rivals
	Data     string       `json:"data"`   // what lay in the bucket
	Links    []storedLink `json:"links"`
	Seconds  float64      `json:"seconds"` // that the run took
}

type storedLink struct {
	Link    string         `json:"link"` // as -links has it
	Systems []string       `json:"systems"`
	Samples []storedSample `json:"samples"`
}

// storedSample is one row on one system in one repetition.
type storedSample struct {
	Row      string  `json:"row"`
	System   string  `json:"system"`
	Rep      int     `json:"rep"`
	Seconds  float64 `json:"seconds"`
	Stored   float64 `json:"stored"`
	CPU      float64 `json:"cpu"`
	Peak     int64   `json:"peak,omitempty"`
	Requests int     `json:"requests"`
	Cut      bool    `json:"cut,omitempty"`
	Error    string  `json:"error,omitempty"`
}

// runStride is between the numbers that the repetitions of different runs have in one table: ratios never pair samples of two runs.
const runStride = 1000

// store makes a run's results ready for a file.
func (r *results) store() storedLink {
	out := storedLink{Link: r.link.flag(), Systems: r.systems}
	for _, w := range rows() {
		for _, system := range r.systems {
			all := r.samples[w.name][system]
			for _, rep := range slices.Sorted(maps.Keys(all)) {
				s := all[rep]
				x := storedSample{w.name, system, rep, s.seconds, s.stored, s.cpu, s.peak, s.requests, s.cut, ""}
				if s.err != nil {
					x.Error = firstLine(s.err.Error())
				}
				out.Samples = append(out.Samples, x)
			}
		}
	}
	return out
}

// take adds the samples of a run, the how-manieth in the table. A row on a system is that of one run alone, the last that is added.
func (r *results) take(l storedLink, run int) {
	fresh := map[[2]string]bool{}
	for _, x := range l.Samples {
		at := [2]string{x.Row, x.System}
		if !fresh[at] {
			fresh[at] = true
			delete(r.samples[x.Row], x.System)
		}
		s := sample{seconds: x.Seconds, stored: x.Stored, cpu: x.CPU, peak: x.Peak, requests: x.Requests, cut: x.Cut}
		if x.Error != "" {
			s.err = errors.New(x.Error)
		}
		r.add(x.Row, x.System, run*runStride+x.Rep, s)
	}
}

// save writes the run beside the table, under the time when it began.
func (r *run) save(all []*results) (stored, error) {
	x := r.describe()
	for _, res := range all {
		x.Links = append(x.Links, res.store())
	}
	b, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		return x, err
	}
	return x, os.WriteFile(filepath.Join(r.o.results, "run-"+r.begun.UTC().Format("20060102-150405")+".json"), append(b, '\n'), 0o644)
}

// loadRuns reads the files of earlier runs, oldest first. It refuses to mix different amounts of data.
func loadRuns(paths []string) ([]stored, error) {
	var all []stored
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var x stored
		if err := json.Unmarshal(b, &x); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(all) > 0 && x.Data != all[0].Data {
			return nil, fmt.Errorf("%s is of other data than %s: they do not belong in one table", path, paths[0])
		}
		all = append(all, x)
	}
	slices.SortStableFunc(all, func(a, b stored) int { return a.Date.Compare(b.Date) })
	return all, nil
}

// merge puts runs together: a link's rows are the latest that there are of each system.
func merge(runs []stored) ([]*results, error) {
	var all []*results
	at := map[string]*results{}
	for i, x := range runs {
		for _, sl := range x.Links {
			l, err := parseLink(sl.Link)
			if err != nil {
				return nil, err
			}
			if at[sl.Link] == nil {
				at[sl.Link] = newResults(l, nil)
				all = append(all, at[sl.Link])
			}
			at[sl.Link].take(sl, i)
			at[sl.Link].systems = union(at[sl.Link].systems, sl.Systems)
		}
	}
	return all, nil
}

// union keeps the order in which the table has the systems.
func union(a, b []string) []string {
	there := map[string]bool{}
	for _, s := range append(append([]string(nil), a...), b...) {
		there[s] = true
	}
	var out []string
	for _, s := range allSystems() {
		if there[s] {
			out = append(out, s)
		}
	}
	return out
}

// mergeFiles builds the table and the plots of earlier runs.
func mergeFiles(o options) error {
	runs, err := loadRuns(o.merge)
	if err != nil {
		return err
	}
	all, err := merge(runs)
	if err != nil {
		return err
	}
	return writeReport(o.results, runs, all)
}

// writeReport writes the table of all links and a plot of each, and prints the table.
func writeReport(dir string, runs []stored, all []*results) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var table strings.Builder
	writeHeading(&table, runs)
	for _, res := range all {
		res.writeTable(&table)
		if err := res.plotTo(dir); err != nil {
			return err
		}
	}
	fmt.Print(table.String())
	return os.WriteFile(filepath.Join(dir, "table.md"), []byte(table.String()), 0o644)
}

func (r *results) plotTo(dir string) error {
	name := "plot.svg"
	if !r.link.bare() {
		name = "plot-" + r.link.name() + ".svg"
	}
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	return errors.Join(r.writePlot(f), f.Close())
}
