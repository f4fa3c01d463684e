package main

import (
	"strings"
	"testing"
	"time"

	"allasfs/fs"
)

// TestWarmProgress: on a terminal with a bar, elsewhere a plain line; rate and time left follow when there is something to measure.
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
	for name, wide := range map[string]bool{"terminal": true, "file": false} {
		t.Run(name, func(t *testing.T) {
			p := &warmProgress{}
			start := time.Now()
			for _, s := range states {
				want := s.want
				if wide {
					want = bar(s.state.DoneBytes, s.state.Bytes) + " " + want
				}
				if got := p.line(s.state, start.Add(s.after), wide); len(got) != 1 || got[0] != want {
					t.Errorf("after %v: %q, want %q", s.after, got, want)
				}
			}
		})
	}
}

// TestWarmTellsWhatHasNoRoom: a warning before the line: as long as it holds where lines are drawn over, once where they stay.
func TestWarmTellsWhatHasNoRoom(t *testing.T) {
	for wide, want := range map[bool]int{true: 2, false: 1} {
		p, told := &warmProgress{}, 0
		for range 2 {
			lines := p.line(fs.WarmState{Running: true, Files: 2, Bytes: 200, Need: 200, Room: 100}, time.Now(), wide)
			told += strings.Count(strings.Join(lines, "\n"), "has room for 100 B")
		}
		if told != want {
			t.Errorf("on a terminal %t: told %d times, want %d", wide, told, want)
		}
	}
}
