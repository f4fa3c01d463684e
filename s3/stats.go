package s3

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// Stats is what a client has done since it was made: a picture whose numbers were read one after the other, so that those of requests under way may not
// agree to the last one.
type Stats struct {
	Operations []OperationStats `json:"operations"` // those that were asked for, by name; nil = no request was sent
}

// OperationStats is what became of the requests of one operation. Each try counts, but for those that net/http makes itself, when a kept connection turns
// out to be closed before an answer.
type OperationStats struct {
	Operation string           `json:"operation"`          // as [Error].Op has it: "get", "put part", …
	Outcomes  map[string]int64 `json:"outcomes"`           // how many had each outcome that occurred; see [Outcomes]
	Retries   int64            `json:"retries,omitempty"`  // tries that followed another of the same request, or went on where a body had broken
	Broken    int64            `json:"broken,omitempty"`   // good answers whose body broke or stalled
	Sent      int64            `json:"sent,omitempty"`     // bytes of bodies, without headers; those of failed tries, too
	Received  int64            `json:"received,omitempty"` // likewise, and the texts of errors
	Answers   []int64          `json:"answers"`            // how many answers began within each of [AnswerTimes], not within the one before; the last: later
	Waited    time.Duration    `json:"waited"`             // for the beginning of all those answers together, in nanoseconds
}

// Requests is how many tries have ended, with an answer or without.
func (o OperationStats) Requests() int64 {
	var n int64
	for _, of := range o.Outcomes {
		n += of
	}
	return n
}

// Requests is how many requests have ended, each try by itself.
func (s Stats) Requests() int64 { return s.total(OperationStats.Requests) }

// Retries is how many of them were not the first of their kind.
func (s Stats) Retries() int64 { return s.total(func(o OperationStats) int64 { return o.Retries }) }

// Failures is how many of them had no usable answer: the store was busy or out of order, or there was none. Refusals are clear answers, and what the client
// itself gave up is no failure.
func (s Stats) Failures() int64 {
	return s.total(func(o OperationStats) int64 {
		return o.Outcomes["5xx"] + o.Outcomes["busy"] + o.Outcomes["timeout"] + o.Outcomes["network"] + o.Broken
	})
}

// Bytes returns how many bytes were sent and received, those of failed tries too.
func (s Stats) Bytes() (sent, received int64) {
	return s.total(func(o OperationStats) int64 { return o.Sent }), s.total(func(o OperationStats) int64 { return o.Received })
}

func (s Stats) total(of func(OperationStats) int64) int64 {
	var n int64
	for _, o := range s.Operations {
		n += of(o)
	}
	return n
}

// Plus returns the sum of s and more, which are of two clients. Neither is changed.
func (s Stats) Plus(more Stats) Stats {
	sum := Stats{Operations: make([]OperationStats, 0, len(s.Operations))}
	for _, name := range operations() {
		var o OperationStats
		for _, one := range slices.Concat(s.Operations, more.Operations) {
			if one.Operation == name {
				o = o.plus(one)
			}
		}
		if o.Operation != "" {
			sum.Operations = append(sum.Operations, o)
		}
	}
	return sum
}

func (o OperationStats) plus(p OperationStats) OperationStats {
	sum := OperationStats{
		Operation: p.Operation, Outcomes: map[string]int64{}, Retries: o.Retries + p.Retries, Broken: o.Broken + p.Broken,
		Sent: o.Sent + p.Sent, Received: o.Received + p.Received, Answers: make([]int64, len(AnswerTimes())+1), Waited: o.Waited + p.Waited,
	}
	for _, part := range []OperationStats{o, p} {
		for k, n := range part.Outcomes {
			sum.Outcomes[k] += n
		}
		for i, n := range part.Answers {
			sum.Answers[i] += n
		}
	}
	return sum
}

// AnswerTimes are the upper ends of the time classes of [OperationStats].Answers.
func AnswerTimes() []time.Duration { return slices.Clone(answerTimes[:]) }

// answerTimes is only read.
var answerTimes = [...]time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Outcomes are what may become of a request: the class of the answer's status, "busy" (429 and 503: the store asks for patience), "timeout" (no byte moved),
// "canceled" (nobody wants the answer any more), "network" (no answer) and "body" (what was to be sent could not be read).
func Outcomes() []string { return slices.Clone(outcomeNames[:]) }

type outcome uint8

const (
	outcome2xx outcome = iota
	outcome3xx
	outcome4xx
	outcome5xx
	outcomeBusy
	outcomeTimeout
	outcomeCanceled
	outcomeNetwork
	outcomeBody
	outcomes
)

// outcomeNames is only read.
var outcomeNames = [outcomes]string{"2xx", "3xx", "4xx", "5xx", "busy", "timeout", "canceled", "network", "body"}

func outcomeOfStatus(status int) outcome {
	switch {
	case status == 429 || status == 503:
		return outcomeBusy
	case status >= 500:
		return outcome5xx
	case status >= 400:
		return outcome4xx
	case status >= 300 || status < 200:
		return outcome3xx
	}
	return outcome2xx
}

// outcomeOf is for tries that had no answer.
func outcomeOf(ctx context.Context, err error) outcome {
	switch {
	case errors.Is(err, errBody):
		return outcomeBody
	case errors.Is(err, ErrTimeout):
		return outcomeTimeout
	case ctx.Err() != nil:
		return outcomeCanceled
	}
	return outcomeNetwork
}

// meter counts what a client does. Its zero value is ready. Counting takes no lock and no memory.
type meter [operationCount]operationMeter

// operationMeter counts one operation.
type operationMeter struct {
	outcomes               [outcomes]atomic.Int64
	retries, broken        atomic.Int64
	sent, received, waited atomic.Int64 // waited in nanoseconds
	answers                [len(answerTimes) + 1]atomic.Int64
}

// of is the meter of an operation.
func (m *meter) of(op string) *operationMeter { return &m[operationIndex(op)] }

// answered counts a try whose answer began after d.
func (o *operationMeter) answered(status int, d time.Duration) {
	o.outcomes[outcomeOfStatus(status)].Add(1)
	o.waited.Add(int64(d))
	i := 0
	for i < len(answerTimes) && d > answerTimes[i] {
		i++
	}
	o.answers[i].Add(1)
}

// failed counts a try that had no answer; ctx is the caller's.
func (o *operationMeter) failed(ctx context.Context, err error) {
	o.outcomes[outcomeOf(ctx, err)].Add(1)
}

func (o *operationMeter) snapshot(name string) OperationStats {
	s := OperationStats{
		Operation: name, Outcomes: map[string]int64{}, Retries: o.retries.Load(), Broken: o.broken.Load(),
		Sent: o.sent.Load(), Received: o.received.Load(), Waited: time.Duration(o.waited.Load()), Answers: make([]int64, len(o.answers)),
	}
	for i := range o.outcomes {
		if n := o.outcomes[i].Load(); n > 0 {
			s.Outcomes[outcomeNames[i]] = n
		}
	}
	for i := range o.answers {
		s.Answers[i] = o.answers[i].Load()
	}
	return s
}

// Stats returns what was counted since the client was made. It is cheap, and no request waits for it.
func (c *Client) Stats() Stats {
	var s Stats
	for i, name := range operations() {
		if o := c.meter[i].snapshot(name); len(o.Outcomes) > 0 || o.Sent > 0 {
			s.Operations = append(s.Operations, o)
		}
	}
	return s
}
