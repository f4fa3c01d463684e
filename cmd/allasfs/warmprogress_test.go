package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"allasfs/fs"
)

// TestWarmProgress: on a terminal a bar that is drawn over, elsewhere a plain line each time; rate and time left follow when there is something to measure.
func TestWarmProgress(t *testing.T) {
	const mib = 1 << 20
	states := []struct {
		after time.Duration
		state fs.WarmState
		want  string
	}{
		{0, fs.WarmState{Running: true, Files: 4, Bytes: 40 * mib, HadFiles: 1, HadBytes: 10 * mib, DoneFiles: 1, DoneBytes: 10 * mib, Room: 1 << 30},
			"10 MiB of 40 MiB found so far, 1 of 4 files cached"},
		{2 * time.Second, fs.WarmState{Running: true, Listed: true, Files: 8, Bytes: 80 * mib, HadFiles: 1, HadBytes: 10 * mib, DoneFiles: 2, DoneBytes: 20 * mib,
			Failed: 1, Room: 1 << 30}, "20 MiB of 80 MiB, 2 of 8 files cached, 1 failed, 5 MiB/s, 12 s left"},
		{4 * time.Second, fs.WarmState{Running: true, Listed: true, Files: 8, Bytes: 80 * mib, HadFiles: 1, HadBytes: 10 * mib, DoneFiles: 7, DoneBytes: 60 * mib,
			LeftFiles: 1, LeftBytes: 20 * mib, Room: 1 << 30}, "60 MiB of 80 MiB, 7 of 8 files cached, 1 without room, 12.5 MiB/s"},
	}
	for name, redraw := range map[string]bool{"terminal": true, "file": false} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := &warmProgress{progress: progress{w: &out, redraw: redraw}}
			start := time.Now()
			for _, s := range states {
				out.Reset()
				p.draw(s.state, start.Add(s.after))
				erased, line, _ := strings.Cut(out.String(), "allasfs: ")
				want := s.want
				if redraw {
					want = bar(s.state.DoneBytes, s.state.Bytes) + " " + want
				}
				if line != want+"\n" {
					t.Errorf("after %v: %q, want %q", s.after, line, want)
				}
				if first := s.after == 0; (erased != "") != (redraw && !first) {
					t.Errorf("after %v: %q before the line", s.after, erased)
				}
			}
		})
	}
}

// TestWarmTellsOnceWhatHasNoRoom: a warning before the line, once.
func TestWarmTellsOnceWhatHasNoRoom(t *testing.T) {
	var out, errs bytes.Buffer
	p := &warmProgress{progress: progress{w: &out}, s: &streams{err: &errs}}
	for range 2 {
		p.draw(fs.WarmState{Running: true, Files: 2, Bytes: 200, Need: 200, Room: 100}, time.Now())
	}
	if got := strings.Count(errs.String(), "has room for 100 B"); got != 1 {
		t.Errorf("told %d times: %q", got, errs.String())
	}
}

// TestBar: of one width, whatever there is to show.
func TestBar(t *testing.T) {
	for _, tt := range []struct {
		part, all int64
		want      int // of barWidth
	}{{0, 0, 0}, {0, 10, 0}, {5, 10, barWidth / 2}, {10, 10, barWidth}, {11, 10, barWidth}, {1 << 60, 1 << 61, barWidth / 2}} {
		got := bar(tt.part, tt.all)
		if want := "[" + strings.Repeat("#", tt.want) + strings.Repeat(" ", barWidth-tt.want) + "]"; got != want {
			t.Errorf("%d of %d: %q, want %q", tt.part, tt.all, got, want)
		}
	}
}
