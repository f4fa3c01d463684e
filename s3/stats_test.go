package s3_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// counted is what c has counted of one operation; the zero value if it was not asked for.
func counted(c *s3.Client, op string) s3.OperationStats {
	for _, o := range c.Stats().Operations {
		if o.Operation == op {
			return o
		}
	}
	return s3.OperationStats{}
}

func wantOutcomes(t *testing.T, o s3.OperationStats, want map[string]int64) {
	t.Helper()
	if !maps.Equal(o.Outcomes, want) {
		t.Errorf("%s: outcomes %v, want %v", o.Operation, o.Outcomes, want)
	}
}

// Bytes go up and come down once each, and each answer falls into one class of time.
func TestStatsCountRequestsAndBytes(t *testing.T) {
	each(t, func(t *testing.T, b bench) {
		if s := b.Stats(); len(s.Operations) != 0 {
			t.Fatalf("a new client has done %+v", s)
		}
		v := b.put(t, "k", random(50_000), s3.PutOptions{}).Version(b.bucket)
		b.read(t, v, 1000, 40_000)
		_, err := b.Head(t.Context(), b.bucket, "none")
		if err == nil {
			t.Fatal("there is something")
		}
		put, get, head := counted(b.Client, "put"), counted(b.Client, "get"), counted(b.Client, "head")
		wantOutcomes(t, put, map[string]int64{"2xx": 1})
		wantOutcomes(t, get, map[string]int64{"2xx": 1})
		wantOutcomes(t, head, map[string]int64{"4xx": 1})
		if put.Sent != 50_000 || get.Received != 40_000 || get.Sent != 0 {
			t.Errorf("sent %d, received %d", put.Sent, get.Received)
		}
		for _, o := range b.Stats().Operations {
			var n int64
			for _, of := range o.Answers {
				n += of
			}
			if n != o.Requests() || len(o.Answers) != len(s3.AnswerTimes())+1 || o.Waited <= 0 {
				t.Errorf("%s: %d requests, answers %v in %s", o.Operation, o.Requests(), o.Answers, o.Waited)
			}
		}
	})
}

// Each try counts, with what became of it.
func TestStatsTellFailures(t *testing.T) {
	for name, c := range map[string]struct {
		fault s3test.Fault
		want  map[string]int64
	}{
		"busy":           {s3test.Fault{Status: 503, Code: "SlowDown"}, map[string]int64{"busy": 1, "2xx": 1}},
		"internal error": {s3test.Fault{Status: 500}, map[string]int64{"5xx": 1, "2xx": 1}},
		"no answer":      {s3test.Fault{Before: time.Minute}, map[string]int64{"timeout": 1, "2xx": 1}},
		"cut before all": {s3test.Fault{CutBefore: true}, map[string]int64{"network": 1, "2xx": 1}}, // twice: net/http sends a GET again on a new connection
		"cut in between": {s3test.Fault{CutBody: 70_000}, map[string]int64{"2xx": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			b, server := faulty(t)
			v := b.put(t, "k", random(300_000), s3.PutOptions{}).Version(b.bucket)
			server.FaultOnce("GetObject", c.fault)
			if c.fault.CutBefore {
				server.FaultOnce("GetObject", c.fault)
			}
			b.read(t, v, 0, 300_000)
			get := counted(b.Client, "get")
			wantOutcomes(t, get, c.want)
			if get.Retries != 1 || b.Stats().Failures() != 1 || get.Received < 300_000 { // an error has a text
				t.Errorf("%d retries, %d failures, %d bytes; want 1, 1, 300000 or more", get.Retries, b.Stats().Failures(), get.Received)
			}
		})
	}
}

// What the client gives up itself is no failure of the store, and bytes that cannot be read are not the network's.
func TestStatsTellOwnEnds(t *testing.T) {
	b, server := faulty(t)
	server.FaultOnce("HeadObject", s3test.Fault{Before: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	server.Fault(func(s3test.Request) *s3test.Fault { cancel(); return &s3test.Fault{Before: time.Minute} })
	if _, err := b.Head(ctx, b.bucket, "k"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	wantOutcomes(t, counted(b.Client, "head"), map[string]int64{"canceled": 1})
	server.Fault(nil)
	if _, err := b.Put(t.Context(), b.bucket, "k", unreadable{}, 1000, s3.PutOptions{}); err == nil {
		t.Fatal("stored what could not be read")
	}
	wantOutcomes(t, counted(b.Client, "put"), map[string]int64{"body": 1})
	if n := b.Stats().Failures(); n != 0 {
		t.Errorf("%d failures", n)
	}
}

type unreadable struct{}

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, io.ErrClosedPipe }

// The sum of two clients has the operations of both, and changes neither.
func TestStatsPlus(t *testing.T) {
	one := s3.OperationStats{Operation: "get", Outcomes: map[string]int64{"2xx": 2, "busy": 1}, Retries: 1, Received: 10, Answers: make([]int64, 12), Waited: time.Second}
	one.Answers[3] = 3
	a := s3.Stats{Operations: []s3.OperationStats{one}}
	b := s3.Stats{Operations: []s3.OperationStats{one, {Operation: "put", Outcomes: map[string]int64{"2xx": 5}, Sent: 7, Answers: make([]int64, 12)}}}
	before, _ := json.Marshal([]s3.Stats{a, b})
	sum := a.Plus(b)
	if sent, received := sum.Bytes(); sum.Requests() != 11 || sum.Retries() != 2 || sum.Failures() != 2 || sent != 7 || received != 20 {
		t.Errorf("sum %+v", sum)
	}
	if get := sum.Operations[0]; !slices.Equal(get.Answers[:4], []int64{0, 0, 0, 6}) || get.Waited != 2*time.Second {
		t.Errorf("get %+v", get)
	}
	if after, _ := json.Marshal([]s3.Stats{a, b}); string(after) != string(before) {
		t.Errorf("changed to %s", after)
	}
}
