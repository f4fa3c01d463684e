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
