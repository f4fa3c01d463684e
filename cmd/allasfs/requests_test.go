package main

import (
	"testing"
	"time"

	"allasfs/s3"
)

// The line tells failures and second tries where there were any, and how soon answers begin.
func TestRequestsLine(t *testing.T) {
	get := s3.OperationStats{Operation: "get", Outcomes: map[string]int64{"2xx": 3, "4xx": 1}, Answers: []int64{1, 3}, Waited: 50 * time.Millisecond}
	list := s3.OperationStats{Operation: "list", Outcomes: map[string]int64{"timeout": 2}, Retries: 2, Answers: []int64{0, 0}}
	for _, c := range []struct {
		s    s3.Stats
		want string
	}{
		{s3.Stats{}, "none sent yet"},
		{s3.Stats{Operations: []s3.OperationStats{get}}, "4 requests sent; an answer begins after 12.5ms on average"},
		{s3.Stats{Operations: []s3.OperationStats{list}}, "2 requests sent, 2 without a good answer, 2 of all second tries or later"},
	} {
		if got := requestsLine(c.s); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
