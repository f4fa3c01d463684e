package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const clockTick = 100 // USER_HZ: the kernel shows times to programs in hundredths on every architecture that Go knows

// cpuSeconds returns the CPU time that process pid has used so far, ended threads included.
func cpuSeconds(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(b)
}

// parseStat reads utime and stime of /proc/PID/stat: fields 14 and 15, counted behind the name, which may hold anything.
func parseStat(b []byte) (float64, error) {
	end := bytes.LastIndexByte(b, ')')
	f := strings.Fields(string(b[end+1:]))
	if end < 0 || len(f) < 13 {
		return 0, fmt.Errorf("stat of a process: %q", b)
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(f[12], 10, 64)
	return float64(user+system) / clockTick, err
}

// resetPeak makes the kernel count the peak memory of pid from now on.
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// peakMemory returns VmHWM in bytes, 0 if it cannot be read.
func peakMemory(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// dropCaches empties the page cache and the caches of names of the whole machine. It needs root.
func dropCaches() error {
	unix.Sync() // only clean pages can be dropped
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0)
}
