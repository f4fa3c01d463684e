package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"allasfs/cache"
	"allasfs/cmd/allasfs/internal/control"
	"allasfs/fs"
	"allasfs/s3"
)

// at is the state of a mount that has moved so many bytes each way.
func at(n int64) []state {
	s := fs.Status{Cache: cache.Stats{MissBytes: 2 * n, HitBytes: 3 * n}, Queue: fs.QueueState{DoneBytes: n, Files: 1},
		Requests: s3.Stats{Operations: []s3.OperationStats{{Operation: "get", Outcomes: map[string]int64{"2xx": n >> 18, "busy": n >> 19}}}}}
	return []state{{Mountpoint: "/m", State: running, Report: &control.Report{Status: s}}, {Mountpoint: "/gone", State: dead, Text: "its daemon has died"}}
}

// TestWatchTellsRates: from the second look on, for each mount that answers; a daemon that was started anew has moved nothing, not less.
func TestWatchTellsRates(t *testing.T) {
	var b bytes.Buffer
	v := &watcher{w: &b}
	begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for i, n := range []int64{1 << 20, 3 << 20, 0} {
		if err := v.show(at(n), begin.Add(time.Duration(2*i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	want := []string{
		"since the beginning",
		"/gone  dead: its daemon has died",
		"12:00:02  /m  2 MiB/s down, 1 MiB/s up, 3 MiB/s from the cache (60 %), 6 requests a second; 1 upload waiting, 0 errors",
		"/gone",
		"12:00:04  /m  0 B/s down, 0 B/s up, 0 B/s from the cache, 0 requests a second; 1 upload waiting, 0 errors",
		"/gone",
	}
	if len(lines) != len(want) {
		t.Fatalf("lines %q", lines)
	}
	for i := range want {
		if !strings.Contains(lines[i], want[i]) {
			t.Errorf("%q, want %q", lines[i], want[i])
		}
	}
}

// TestWatchTellsLastError: in plain words and on the one line that a mount has, whatever the file is called.
func TestWatchTellsLastError(t *testing.T) {
	states := at(0)[:1]
	states[0].Report.Status.Errors = []fs.ErrorRecord{{Path: "b/new\nname", Text: "the quota is full: remove"}, {Path: "b/before", Text: "older"}}
	var b bytes.Buffer
	if err := (&watcher{w: &b}).show(states, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, "1 upload waiting, 2 errors, the last: \"b/new\\nname\": the") || !strings.HasSuffix(got, ": the quota is full: remove\n") {
		t.Errorf("got %q", got)
	}
}

// TestWatchRedraws: on a terminal each screen begins at home and leaves nothing of the last one.
func TestWatchRedraws(t *testing.T) {
	var b bytes.Buffer
	v := &watcher{w: &b, redraw: true}
	for i := range 2 {
		if err := v.show(at(int64(i)<<20), time.Unix(int64(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	screens := strings.Split(b.String(), "\x1b[H")
	if len(screens) != 3 || strings.Contains(screens[1], "rate") || !strings.Contains(screens[2], "rate     2 MiB/s down") || !strings.HasSuffix(screens[2], "\x1b[J") {
		t.Errorf("screens %q", screens)
	}
}

// TestWatchEnds: an interrupt is no error; a mount that cannot be found is.
func TestWatchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	v := &watcher{w: new(bytes.Buffer)}
	if err := v.run(ctx, func(context.Context) ([]state, error) { cancel(); return nil, ctx.Err() }); err != nil {
		t.Error(err)
	}
	none := errors.New("no mount")
	if err := v.run(t.Context(), func(context.Context) ([]state, error) { return nil, none }); !errors.Is(err, none) {
		t.Errorf("got %v", err)
	}
}
