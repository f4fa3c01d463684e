package main

// This file tells how far the queue of uploads is: files, bytes, rate and the time left.

import (
	"fmt"
	"time"

	"allasfs/fs"
)

const tellEvery = 10 * time.Second // in the log, while a mount ends

// queueMeter follows the queue of one mount from the first look on.
type queueMeter struct {
	first   *fs.QueueState
	samples []sample // bytes that have left, of the last rateOver
}

// look takes the present state in, and returns how many bytes have left since the first look, and the rate lately in bytes a second, 0 = not known yet.
func (m *queueMeter) look(q fs.QueueState, now time.Time) (sent int64, rate float64) {
	if m.first == nil {
		m.first = &q
	}
	sent = q.DoneBytes - m.first.DoneBytes + q.Sent
	m.samples = append(m.samples, sample{now, sent})
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= rateOver {
		m.samples = m.samples[1:]
	}
	if first := m.samples[0]; now.Sub(first.at) >= rateAfter {
		rate = float64(max(0, sent-first.bytes)) / now.Sub(first.at).Seconds()
	}
	return sent, rate
}

// line is one line on the queue; "" when it is empty.
func (m *queueMeter) line(q fs.QueueState, now time.Time) string {
	sent, rate := m.look(q, now)
	if q.Files == 0 {
		return ""
	}
	done := q.DoneFiles - m.first.DoneFiles
	all := max(sent, q.DoneBytes-m.first.DoneBytes+q.Bytes)
	line := fmt.Sprintf("%s of %s sent, %d of %s in the store", human(sent), human(all), done, count(int(done)+q.Files, "file"))
	if rate > 0 {
		line += fmt.Sprintf(", %s/s", human(int64(rate)))
		if left := all - sent; left > 0 {
			line += ", " + span(time.Duration(float64(left)/rate*float64(time.Second))) + " left"
		}
	}
	return line
}

// queueLine is what `allasfs status` tells of the queue beyond the uploads that run; "" = nothing waits.
func queueLine(q fs.QueueState, uploads int) string {
	if waiting := q.Files - uploads; waiting > 0 {
		return fmt.Sprintf("%s (%s) closed and not in the store yet", count(q.Files, "file"), human(q.Bytes))
	}
	return ""
}

// tellQueue logs what is still to be sent while the mount ends, now and then, until the function that it returns is called.
func (d *daemon) tellQueue() (stop func()) {
	q := d.Status().Queue
	if q.Files == 0 {
		return func() {}
	}
	d.log.Info("finishing uploads; a second signal leaves the rest to the next mount", "files", q.Files, "bytes", q.Bytes)
	var m queueMeter
	m.look(q, time.Now())
	var further descent
	further.more(q)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(tellEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				q := d.Status().Queue
				d.tellLine(m.line(q, now), further.more(q))
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// tellLine tells how far the queue is, and asks systemd for more time if it moves.
func (d *daemon) tellLine(line string, moves bool) {
	if line == "" {
		return
	}
	d.log.Info("finishing uploads: " + line)
	news := []string{"STATUS=finishing uploads: " + line}
	if moves {
		news = append(news, extendStop())
	}
	if err := notifySystemd(news...); err != nil {
		d.log.Debug("systemd was not told of the uploads", "err", err)
	}
}
