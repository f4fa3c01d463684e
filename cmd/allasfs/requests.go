package main

// This file tells how many requests a mount has sent, and how the store answered.

import (
	"fmt"
	"time"

	"allasfs/s3"
)

// requestsLine tells of all requests since the mount's start; failures are those that the store did not answer well, not refusals.
func requestsLine(s s3.Stats) string {
	all := s.Requests()
	if all == 0 {
		return "none sent yet"
	}
	l := count(int(all), "request") + " sent"
	if f := s.Failures(); f > 0 {
		l += fmt.Sprintf(", %d without a good answer", f)
	}
	if r := s.Retries(); r > 0 {
		l += fmt.Sprintf(", %d of all second tries or later", r)
	}
	if d := meanAnswer(s); d > 0 {
		l += fmt.Sprintf("; an answer begins after %s on average", d.Round(100*time.Microsecond))
	}
	return l
}

// meanAnswer is how long the beginning of an answer has taken on average, 0 = there was none.
func meanAnswer(s s3.Stats) time.Duration {
	var waited time.Duration
	var n int64
	for _, o := range s.Operations {
		waited += o.Waited
		for _, of := range o.Answers {
			n += of
		}
	}
	if n == 0 {
		return 0
	}
	return waited / time.Duration(n)
}
