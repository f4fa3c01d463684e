package main

import (
	"testing"
	"time"

	"allasfs/fs"
)

// TestQueueLine: what is told is counted from the first look; a rate and a time follow when there is something to measure.
func TestQueueLine(t *testing.T) {
	var m queueMeter
	start := time.Now()
	for _, tt := range []struct {
		after time.Duration
		q     fs.QueueState
		want  string
	}{
		{0, fs.QueueState{Files: 3, Bytes: 30 << 20, DoneFiles: 7, DoneBytes: 1 << 30}, "0 B of 30 MiB sent, 0 of 3 files in the store"},
		{2 * time.Second, fs.QueueState{Files: 2, Bytes: 20 << 20, Sent: 0, DoneFiles: 8, DoneBytes: 1<<30 + 10<<20},
			"10 MiB of 30 MiB sent, 1 of 3 files in the store, 5 MiB/s, 4.0 s left"},
		{4 * time.Second, fs.QueueState{Files: 2, Bytes: 40 << 20, Sent: 10 << 20, DoneFiles: 8, DoneBytes: 1<<30 + 10<<20},
			"20 MiB of 50 MiB sent, 1 of 3 files in the store, 5 MiB/s, 6.0 s left"},
		{5 * time.Second, fs.QueueState{DoneFiles: 10, DoneBytes: 1<<30 + 50<<20}, ""},
	} {
		if got := m.line(tt.q, start.Add(tt.after)); got != tt.want {
			t.Errorf("after %v: %q, want %q", tt.after, got, tt.want)
		}
	}
}

// TestStatusOfTheQueue: uploads that run are shown by themselves, a queue only when more waits.
func TestStatusOfTheQueue(t *testing.T) {
	if got := queueLine(fs.QueueState{Files: 1, Bytes: 5}, 1); got != "" {
		t.Errorf("%q", got)
	}
	if got, want := queueLine(fs.QueueState{Files: 9, Bytes: 5}, 1), "9 files (5 B) closed and not in the store yet"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
