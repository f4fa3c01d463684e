package main

// This file keeps a service of systemd going: it tells the watchdog that the mount answers, the status line how far uploads are, and while the service ends
// that there is progress, so that its time is not over before its uploads are (sd_notify(3), sd_watchdog_enabled(3)).

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"allasfs/fs"
)

const (
	statusEvery = 10 * time.Second // how often the status line is looked at
	extendBy    = time.Minute      // how long systemd waits for the next progress while the service ends; several times tellEvery
)

// watchdogTime returns how often systemd wants to hear of this process, 0 = it does not: $WATCHDOG_USEC, unless it is for the process $WATCHDOG_PID.
func watchdogTime(env func(string) string, pid int) time.Duration {
	if of := env("WATCHDOG_PID"); of != "" && of != strconv.Itoa(pid) {
		return 0
	}
	usec, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 {
		return 0
	}
	return time.Duration(usec) * time.Microsecond
}

// supervision is what tells systemd of a mount that runs.
type supervision struct {
	notify func(...string) error
	answer func(wait time.Duration) bool // asks the mount, by way of the kernel
	silent func(wait time.Duration)      // told when the mount has begun not to answer
	status func() string                 // the status line
	last   string                        // the status line that was told
}

// supervise tells systemd, where it listens, of this mount until the function that it returns is called; that one waits for no answer of the mount.
func (d *daemon) supervise() (stop func()) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return func() {}
	}
	s := &supervision{
		notify: func(assignments ...string) error {
			err := notifySystemd(assignments...)
			if err != nil {
				d.log.Debug("systemd was not told of the mount", "err", err)
			}
			return err
		},
		answer: func(wait time.Duration) bool {
			if d.place.Dir == "" {
				return true // it is mounted where nobody can ask from here
			}
			return answers(d.place.Dir, wait)
		},
		silent: func(wait time.Duration) {
			d.log.Error("the mount does not answer, so systemd's watchdog is not told that it does", "dir", d.place.Dir, "within", wait)
		},
		status: func() string { return serviceStatus(d.name, d.Status().Queue) },
	}
	done := make(chan struct{})
	status := time.NewTicker(statusEvery)
	go s.tellStatus(status.C, done)
	if limit := watchdogTime(os.Getenv, os.Getpid()); limit > 0 {
		dog := time.NewTicker(limit / 2) // as sd_watchdog_enabled(3) advises
		go func() {
			defer dog.Stop()
			s.feed(dog.C, limit/2, done)
		}()
	}
	return func() {
		close(done)
		status.Stop()
	}
}

// tellStatus tells the status line at each tick, if it is another one.
func (s *supervision) tellStatus(tick <-chan time.Time, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-tick:
			if line := s.status(); line != s.last && s.notify("STATUS="+line) == nil {
				s.last = line
			}
		}
	}
}

// feed tells the watchdog at each tick that the mount answers, if it does so within wait. Only one question is asked at a time.
func (s *supervision) feed(tick <-chan time.Time, wait time.Duration, done <-chan struct{}) {
	for answered := true; ; {
		select {
		case <-done:
			return
		case <-tick:
			before := answered
			if answered = s.answer(wait); answered {
				_ = s.notify("WATCHDOG=1") // logged
			} else if before {
				s.silent(wait)
			}
		}
	}
}

// serviceStatus is the line that systemctl status shows of a mount that runs.
func serviceStatus(name string, q fs.QueueState) string {
	if q.Files == 0 {
		return "serving " + name
	}
	return fmt.Sprintf("serving %s; %s (%s) to be sent", name, count(q.Files, "file"), human(q.Bytes))
}

// descent is how far a queue of uploads has got at most: an upload that begins again and again is none.
type descent struct{ files, bytes int64 }

// more tells whether the queue has got further since the last call, or since the beginning.
func (d *descent) more(q fs.QueueState) bool {
	files, bytes := q.DoneFiles, q.DoneBytes+q.Sent
	moved := files > d.files || bytes > d.bytes
	d.files, d.bytes = max(d.files, files), max(d.bytes, bytes)
	return moved
}

// extendStop asks systemd for more time to end.
func extendStop() string { return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extendBy.Microseconds()) }
