package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// saved writes a run with one row as a file.
func saved(t *testing.T, name string, at time.Time, data string, samples ...storedSample) string {
	t.Helper()
	systems := map[string]bool{}
	var names []string
	for _, s := range samples {
		if !systems[s.System] {
			systems[s.System], names = true, append(names, s.System)
		}
	}
	b, err := json.Marshal(stored{Date: at, Data: data, Links: []storedLink{{Link: "10ms@60", Systems: names, Samples: samples}}})
	path := filepath.Join(t.TempDir(), name)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMergeTakesTheLatest: of each system the latest run counts, whatever order the files are named in, and no ratio is made of two runs.
func TestMergeTakesTheLatest(t *testing.T) {
	one := func(system string, s float64) storedSample {
		return storedSample{Row: "mid-1", System: system, Seconds: s, Stored: s, Requests: -1}
	}
	day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	newer := saved(t, "new.json", day, "same", one("raw", 3), one("allasfs", 4))
	older := saved(t, "old.json", day.Add(-time.Hour), "same", one("raw", 1), one("allasfs", 1), one("s3fs", 9))
	runs, err := loadRuns([]string{newer, older})
	if err != nil {
		t.Fatal(err)
	}
	all, err := merge(runs)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	r := all[0]
	for system, want := range map[string]float64{"raw": 3, "allasfs": 4, "s3fs": 9} {
		if s, ok := r.median("mid-1", system); !ok || s.seconds != want {
			t.Errorf("%s: %v, want %v", system, s.seconds, want)
		}
	}
	w := row{name: "mid-1", base: "raw"}
	if got, ok := r.ratio(w, "raw", "allasfs"); !ok || got != 0.75 {
		t.Errorf("ratio %v, %v; want 0.75", got, ok)
	}
	if got, ok := r.ratio(w, "s3fs", "allasfs"); ok {
		t.Errorf("a ratio of two runs: %v", got)
	}
	if got := strings.Join(r.systems, " "); got != "raw allasfs s3fs" {
		t.Errorf("systems %q", got)
	}
}

func TestMergeRefusesOtherData(t *testing.T) {
	day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	if _, err := loadRuns([]string{saved(t, "a", day, "small"), saved(t, "b", day, "large")}); err == nil {
		t.Error("runs of different data come into one table")
	}
}

// TestStoredResultsComeBack: what a file keeps is what the table showed, failures and cuts too.
func TestStoredResultsComeBack(t *testing.T) {
	r := newResults(link{delay: 10 * time.Millisecond, rate: 60}, []string{"allasfs", "s3fs"})
	r.add("read-seq-cold", "allasfs", 0, sample{seconds: 2, stored: 2, cpu: 1, peak: 300 << 20, requests: 7})
	r.add("streams-16", "allasfs", 0, sample{seconds: 2, stored: 2, cpu: 1, peak: 300 << 20, requests: 7})
	r.add("read-seq-cold", "s3fs", 1, sample{seconds: 3, stored: 3, cut: true, cpu: 2, requests: -1})
	r.add("find", "s3fs", 0, sample{err: os.ErrClosed})
	back, err := merge([]stored{{Links: []storedLink{r.store()}}})
	if err != nil {
		t.Fatal(err)
	}
	var want, got strings.Builder
	r.writeTable(&want)
	back[0].writeTable(&got)
	if got.String() != want.String() {
		t.Errorf("came back as\n%s\nwant\n%s", got.String(), want.String())
	}
	for _, line := range []string{"`streams-16`: 300 MiB at the peak, wanted below 256: **missed**", "1.00 s, wanted below that of every rival (s3fs: 2.00 s): met"} {
		if !strings.Contains(got.String(), line) {
			t.Errorf("the table lacks %q:\n%s", line, got.String())
		}
	}
}
