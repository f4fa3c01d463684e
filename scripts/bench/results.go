package main

import (
	"math"
	"slices"
)

// results holds the samples of one link: by row and system, one a repetition. Where a system failed before a row, its repetition is missing.
type results struct {
	link    link
	systems []string
	samples map[string]map[string]map[int]sample // row, system, repetition
}

func newResults(l link, systems []string) *results {
	return &results{link: l, systems: systems, samples: map[string]map[string]map[int]sample{}}
}

func (r *results) add(row, system string, rep int, s sample) {
	if r.samples[row] == nil {
		r.samples[row] = map[string]map[int]sample{}
	}
	if r.samples[row][system] == nil {
		r.samples[row][system] = map[int]sample{}
	}
	r.samples[row][system][rep] = s
}

// chooseRaw makes the raw client's row of the whole object of its ranges: 8 of them on loopback, the fastest number on another link.
func (r *results) chooseRaw() {
	from := []string{"raw-get-8"}
	if !r.link.bare() {
		from = append(from, "raw-get-16", "raw-get-32")
	}
	for _, name := range from {
		for rep, s := range r.samples[name]["raw"] {
			old, ok := r.samples["read-seq-cold"]["raw"][rep]
			if s.err == nil && (!ok || s.stored < old.stored) {
				r.add("read-seq-cold", "raw", rep, s)
			}
		}
	}
}

// median returns the row's figures on a system, each the median over the repetitions that worked; the last error, if none did.
func (r *results) median(row, system string) (sample, bool) {
	all := r.samples[row][system]
	if len(all) == 0 {
		return sample{}, false
	}
	var good []sample
	var bad sample
	for _, s := range all {
		if s.err == nil {
			good = append(good, s)
		} else {
			bad = s
		}
	}
	if len(good) == 0 {
		return bad, true
	}
	return sample{
		seconds:  medianOf(good, func(s sample) float64 { return s.seconds }),
		stored:   medianOf(good, func(s sample) float64 { return s.stored }),
		cpu:      medianOf(good, func(s sample) float64 { return s.cpu }),
		peak:     int64(medianOf(good, func(s sample) float64 { return float64(s.peak) })),
		requests: int(medianOf(good, func(s sample) float64 { return float64(s.requests) })),
		cut:      slices.ContainsFunc(good, func(s sample) bool { return s.cut }),
	}, true
}

// ratio returns the median over the repetitions of the base's time divided by the system's: 1 is as fast as the base, 2 twice as fast.
func (r *results) ratio(w row, base, system string) (float64, bool) {
	of := w.of
	if of == "" || base != w.base {
		of = w.name
	}
	var all []float64
	for rep, s := range r.samples[w.name][system] {
		b, ok := r.samples[of][base][rep]
		if ok && s.err == nil && b.err == nil && s.stored > 0 && !s.cut {
			all = append(all, b.stored/s.stored)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	return middle(all), true
}

// rivals are the other mounts.
func rivals() []string { return []string{"s3fs", "rclone"} }

// bestRival returns the rival mount whose median is lowest in a row.
func (r *results) bestRival(w row) (string, bool) {
	best, name := math.Inf(1), ""
	for _, system := range rivals() {
		if s, ok := r.median(w.name, system); ok && s.err == nil && s.stored < best {
			best, name = s.stored, system
		}
	}
	return name, name != ""
}

func medianOf(all []sample, f func(sample) float64) float64 {
	v := make([]float64, len(all))
	for i, s := range all {
		v[i] = f(s)
	}
	return middle(v)
}

// middle returns the median of v, which is not empty, and sorts v.
func middle(v []float64) float64 {
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
