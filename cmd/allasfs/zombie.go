package main

// This file waits for the end of a process that is no child of this one.

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// lastThreads is how long a process is waited for that has ended, but for threads that hang in the kernel, where nothing reaches them: on a disk or a file
// system that does not answer.
const lastThreads = 2 * time.Second

// waitEnd returns when the process has ended: its cache folder is free then, and the mountpoint may be used again. One of which only threads are left that
// cannot be killed is given up after two seconds: it has done its work.
func waitEnd(ctx context.Context, pid int) error {
	var since time.Time // when the first thread was seen to have ended
	for unix.Kill(pid, 0) == nil {
		ended, threads := firstEnded(pid)
		switch {
		case ended && threads == 1:
			return nil
		case !ended:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > lastThreads:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// firstEnded tells whether the first thread of the process has ended, and how many there are, that one included: with one the process is a zombie, of which
// only its parent has not asked for its status yet; with more it waits for the others.
func firstEnded(pid int) (ended bool, threads int) {
	proc := "/proc/" + strconv.Itoa(pid)
	all, err := os.ReadDir(proc + "/task")
	if err != nil {
		return false, 0
	}
	data, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return false, 0
	}
	// "pid (name) state …", where the name may hold anything.
	i := bytes.LastIndexByte(data, ')')
	return i >= 0 && i+2 < len(data) && (data[i+2] == 'Z' || data[i+2] == 'X'), len(all)
}
