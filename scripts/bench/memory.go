package main

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// touchStep is how many bytes are taken at once.
const touchStep = 256 << 20

// touchMemory writes to three quarters of the memory that nobody uses, and gives it back. In a virtual machine memory that was never touched is not there yet: each page costs its
// first user a fault of the host, here 1.3 s of processor time a GiB against 0.15 s for the writing, and who is measured first pays for all.
func touchMemory(ctx context.Context) error {
	free, err := memoryFree()
	if err != nil {
		return err
	}
	var taken [][]byte
	for n := free / 4 * 3; n >= touchStep && err == nil; n -= touchStep {
		var p []byte
		if p, err = unix.Mmap(-1, 0, touchStep, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE); err == nil {
			taken, err = append(taken, p), ctx.Err()
		}
	}
	for _, p := range taken {
		if e := unix.Munmap(p); err == nil {
			err = e
		}
	}
	return err
}

// memoryFree is MemFree of proc_meminfo(5) in bytes.
func memoryFree() (int64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kib int64
		if _, err := fmt.Sscanf(s.Text(), "MemFree: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("%s tells no MemFree", f.Name())
}
