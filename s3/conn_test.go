package s3_test

import (
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// TestConnectionsAreKept: as many connections as there are requests side by side are made once, and kept for the next ones.
func TestConnectionsAreKept(t *testing.T) {
	const side, rounds = 64, 4 // what s3.Config has room for by default
	server := s3test.New(t)
	e := s3test.Of(t, server)
	b := bench{client(t, e, nil), e, e.Bucket(t)}
	b.put(t, "k", []byte("x"), s3.PutOptions{})
	var inside atomic.Int32
	var gate atomic.Pointer[chan struct{}]
	server.Fault(func(s3test.Request) *s3test.Fault { // all requests of a round are under way at once
		open := *gate.Load()
		if inside.Add(1)%side == 0 {
			close(open)
		}
		<-open
		return nil
	})
	var idle atomic.Int32 // connections given back, or dropped since enough are idle
	trace := &httptrace.ClientTrace{PutIdleConn: func(error) { idle.Add(1) }}
	server.ResetCounts()
	before := server.OpenConnections()
	for round := range int32(rounds) {
		open := make(chan struct{})
		gate.Store(&open)
		var wg sync.WaitGroup
		for range side {
			wg.Go(func() {
				if _, err := b.Head(httptrace.WithClientTrace(t.Context(), trace), b.bucket, "k"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for end := time.Now().Add(10 * time.Second); idle.Load() < (round+1)*side; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d of %d connections were given back", idle.Load(), (round+1)*side)
			}
		}
	}
	if n := server.Connections(); n+before != side {
		t.Errorf("%d connections after %d, for %d rounds of %d requests at once", n, before, rounds, side)
	}
}
