package main

// This file keeps the daemon's memory under --memory.

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"allasfs/cmd/allasfs/internal/control"
)

const (
	defaultMemory = 256 << 20
	minMemory     = 64 << 20
	besideBlocks  = 52 << 20 // at least of it for all but blocks of files: 16 readers with a request of 1 MiB each, and what besideHeap is
	besideHeap    = 24 << 20 // of it for what Go's limit does not count: the program itself, thread stacks, pages on their way back
)

// blockMemory is how much of all the daemon's memory blocks of files may take, in bytes: half of it, less where that would leave too
// little. The rest is for names, requests of the kernel, buffers of connections and what waits for the garbage collector.
func blockMemory(all byteSize) int64 { return min(int64(all)/2, int64(all)-besideBlocks) }

// limitMemory lets the garbage collector work harder where the process would come to take more than all; a lower limit in GOMEMLIMIT stays.
func limitMemory(all byteSize) {
	if want := int64(all) - besideHeap; want < debug.SetMemoryLimit(-1) {
		debug.SetMemoryLimit(want)
	}
}

// memoryUse is what the daemon of r takes and took at the most, for `allasfs status`.
func memoryUse(r control.Record) string {
	now, most := processMemory(r.PID)
	text := "not known"
	if now > 0 {
		text = fmt.Sprintf("%s, %s at the most so far", human(now), human(most))
	}
	if r.Memory > 0 {
		text += fmt.Sprintf("; --memory is %s", human(r.Memory))
	}
	return text
}

// processMemory is the resident memory of a process and the most that it was, in bytes; 0 where the kernel does not tell.
func processMemory(pid int) (now, most int64) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch {
		case err != nil:
		case name == "VmRSS":
			now = n << 10
		case name == "VmHWM":
			most = n << 10
		}
	}
	return now, most
}
