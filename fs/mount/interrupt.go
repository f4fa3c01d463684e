package mount

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	interruptGrace = time.Second            // before EINTR, see the package's doc
	signalPoll     = 100 * time.Millisecond // how often an interrupted caller's signals are looked at
	exitPoll       = 250 * time.Millisecond // how often it is asked whether a closing caller was killed
)

// request is the context of one request of the kernel. Nothing watches for an interrupt until somebody asks for Done, so that a request answered
// from memory costs no goroutine.
type request struct {
	context.Context
	stop    context.CancelFunc
	kernel  <-chan struct{} // closed by an interrupt; go-fuse uses it again after the answer
	pid     uint32          // of the calling thread, 0 = not visible from here
	closing bool            // close(2): ends also when the caller was killed before
	watch   sync.Once
}

// newRequest starts a request's context below parent; end it with stop. It ends also with parent, which is the mount.
func newRequest(parent context.Context, kernel <-chan struct{}, pid uint32) *request {
	r := &request{kernel: kernel, pid: pid}
	r.Context, r.stop = context.WithCancel(parent)
	return r
}

// Done implements context.Context.
func (r *request) Done() <-chan struct{} {
	done := r.Context.Done()
	r.watch.Do(func() { go r.watchKernel(done) })
	return done
}

func (r *request) watchKernel(done <-chan struct{}) {
	var exit <-chan time.Time
	if r.closing {
		t := time.NewTicker(exitPoll)
		defer t.Stop()
		exit = t.C
	}
	for {
		select {
		case <-done:
			return
		case <-exit:
			if killed(r.pid) {
				r.stop()
				return
			}
		case <-r.kernel:
			r.watchSignals(done)
			return
		}
	}
}

// watchSignals decides when an interrupted request ends.
func (r *request) watchSignals(done <-chan struct{}) {
	poll := time.NewTicker(signalPoll)
	defer poll.Stop()
	var since time.Time // the program's wish to stop was first seen
	for {
		switch wish := signalsOf(r.pid); {
		case wish == dying || r.closing && killed(r.pid):
			r.stop()
			return
		case wish == harmless:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) >= interruptGrace:
			r.stop()
			return
		}
		select {
		case <-done:
			return
		case <-poll.C:
		}
	}
}

// wish is what a thread's pending signals ask for.
type wish int

const (
	harmless wish = iota // nothing that ends a program
	leaving              // a signal that asks the program to end, which it handles itself
	unknown              // the signals cannot be seen
	dying                // it is being killed
)

// asksToEnd are the signals by which people and schedulers ask a program to end, as bits of /proc/PID/status.
const asksToEnd = 1<<(syscall.SIGINT-1) | 1<<(syscall.SIGTERM-1) | 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGQUIT-1)

func signalsOf(pid uint32) wish {
	if pid == 0 {
		return unknown
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return unknown
	}
	return wishOf(status)
}

// wishOf reads a /proc/PID/status. The kernel turns a signal that ends a program into SIGKILL for each of its threads.
func wishOf(status []byte) wish {
	pending, blocked, found := uint64(0), uint64(0), false
	for line := range bytes.Lines(status) {
		field, value, _ := bytes.Cut(line, []byte(":"))
		bits, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
		if err != nil {
			continue
		}
		switch string(field) {
		case "SigPnd":
			pending |= bits
			found = true
		case "ShdPnd":
			pending |= bits
		case "SigBlk":
			blocked = bits
		}
	}
	pending &^= blocked
	switch {
	case !found:
		return unknown
	case pending&(1<<(syscall.SIGKILL-1)) != 0:
		return dying
	case pending&asksToEnd != 0:
		return leaving
	}
	return harmless
}

// killed tells whether a thread is exiting because of a signal: its files are being closed, and nobody waits for the result.
func killed(pid uint32) bool {
	if pid == 0 {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && killedStat(stat)
}

// killedStat reads a /proc/PID/stat: field 9 are the flags, 52 the exit code, which is 0 where it may not be seen.
func killedStat(stat []byte) bool {
	const flagsField, codeField, exiting = 9 - 3, 52 - 3, 0x4
	_, rest, ok := bytes.Cut(stat[max(0, bytes.LastIndexByte(stat, ')')):], []byte(") "))
	if !ok {
		return false
	}
	fields := bytes.Fields(rest)
	if len(fields) <= codeField {
		return false
	}
	flags, err1 := strconv.ParseUint(string(fields[flagsField]), 10, 64)
	code, err2 := strconv.ParseInt(string(fields[codeField]), 10, 64)
	return err1 == nil && err2 == nil && flags&exiting != 0 && code&0x7f != 0
}
