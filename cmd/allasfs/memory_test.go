package main

import (
	"os"
	"testing"
)

func TestProcessMemory(t *testing.T) {
	now, most := processMemory(os.Getpid())
	if now < 1<<20 || most < now {
		t.Errorf("now %d, at most %d", now, most)
	}
	if now, most = processMemory(1 << 30); now != 0 || most != 0 {
		t.Errorf("of no process: %d, %d", now, most)
	}
}

// TestBlockMemory: half of the memory is for blocks of files, but what a daemon with 16 readers takes beside them is left to it, whatever --memory is.
func TestBlockMemory(t *testing.T) {
	for _, c := range []struct{ all, want byteSize }{{minMemory, 12 << 20}, {96 << 20, 44 << 20}, {128 << 20, 64 << 20}, {defaultMemory, 128 << 20}} {
		if got := blockMemory(c.all); got != int64(c.want) {
			t.Errorf("%d of %d, want %d", got, c.all, c.want)
		}
	}
}
