package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

// sample is what one row took on one system in one repetition.
type sample struct {
	seconds  float64 // as the program sees it
	stored   float64 // until the store has the result; = seconds where the work waits for that
	cpu      float64 // seconds of the daemon or client
	peak     int64   // bytes of resident memory, 0 = not known
	requests int     // at the gateway, -1 = not known
	cut      bool    // took longer than the limit, and was stopped there
	err      error   // it failed, and the figures say nothing
}

// task is one piece of work to measure.
type task struct {
	do      func(context.Context) error
	settled func(context.Context) (bool, error) // the store holds the result; nil = nothing is written
	verify  func(context.Context) error         // compares what was written with what should have been, in the first repetition; nil = nothing to compare
}

// measure runs a task under the limit and returns what it took. pid is the process whose CPU time and memory count.
func (r *run) measure(ctx context.Context, pid int, t task) sample {
	if pid == os.Getpid() {
		debug.FreeOSMemory() // of earlier rows
	}
	_ = resetPeak(pid) // where it fails, the peak is that of the process's life, which is no less true
	before, err := cpuSeconds(pid)
	if err != nil {
		return sample{err: err, requests: -1}
	}
	r.log.mark()
	limited, cancel := context.WithTimeout(ctx, r.o.limit)
	defer cancel()
	begin := time.Now()
	err = t.do(limited)
	s := sample{seconds: time.Since(begin).Seconds()}
	s.stored = s.seconds
	s.cut = err != nil && errors.Is(limited.Err(), context.DeadlineExceeded)
	if err == nil && t.settled != nil {
		s.stored, err = r.settle(limited, begin, s.seconds, t.settled)
	}
	if err != nil && !s.cut {
		s.err = err
	}
	r.usage(&s, pid, before)
	return s
}

// usage adds to s what process pid has used since before.
func (r *run) usage(s *sample, pid int, before float64) {
	if after, err := cpuSeconds(pid); err == nil {
		s.cpu = after - before
	} else if s.err == nil {
		s.err = fmt.Errorf("the process has ended: %w", err)
	}
	s.peak = peakMemory(pid)
	s.requests = r.log.count()
}

// settle waits until the store holds the result, and returns the seconds since begin when it did: atTool, if the first look finds it.
func (r *run) settle(ctx context.Context, begin time.Time, atTool float64, settled func(context.Context) (bool, error)) (float64, error) {
	for look := 0; ; look++ {
		asked := time.Since(begin).Seconds()
		ok, err := settled(ctx)
		if err != nil {
			return 0, fmt.Errorf("look into the store: %w", err)
		}
		if ok && look == 0 {
			return atTool, nil
		}
		if ok {
			return asked, nil
		}
		select {
		case <-ctx.Done():
			return 0, errors.New("the result did not come to the store in time")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
