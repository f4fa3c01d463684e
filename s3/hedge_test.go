package s3_test

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// patient returns a bench whose client has had enough answers to send second requests, and an object.
func patient(t *testing.T) (bench, *s3test.Server, []byte, s3.Version) {
	t.Helper()
	server := s3test.New(t)
	e := s3test.Of(t, server)
	b := bench{client(t, e, func(cfg *s3.Config) { cfg.StallTimeout = time.Minute }), e, e.Bucket(t)}
	data := random(100_000)
	v := b.put(t, "k", data, s3.PutOptions{}).Version(b.bucket)
	for range 60 {
		b.read(t, v, 0, 100)
	}
	server.ResetCounts()
	return b, server, data, v
}

// One answer in many does not come: the request is sent a second time, long before the stall is one.
func TestLateAnswerIsAskedForAgain(t *testing.T) {
	b, server, data, v := patient(t)
	server.FaultOnce("GetObject", s3test.Fault{Before: time.Hour})
	begin := time.Now()
	if got := b.read(t, v, 5, 90_000); !bytes.Equal(got, data[5:90_005]) {
		t.Error("other bytes")
	}
	if n := server.Count("GetObject"); n != 2 || time.Since(begin) > 30*time.Second {
		t.Errorf("%d requests in %s, want 2", n, time.Since(begin))
	}
	// The next late one waits: they may not be more than one in fifty.
	server.FaultOnce("GetObject", s3test.Fault{Before: 1500 * time.Millisecond})
	b.read(t, v, 0, 100)
	if n := server.Count("GetObject"); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

// The first answer may still win, and may be the better one.
func TestSecondRequestThatLoses(t *testing.T) {
	for name, fault := range map[string]s3test.Fault{"later": {Before: time.Hour}, "refused": {Status: 403}} {
		t.Run(name, func(t *testing.T) {
			b, server, data, v := patient(t)
			server.FaultOnce("GetObject", s3test.Fault{Before: 2 * time.Second})
			server.FaultOnce("GetObject", fault)
			if got := b.read(t, v, 0, 100_000); !bytes.Equal(got, data) {
				t.Error("other bytes")
			}
			if n := server.Count("GetObject"); n != 2 {
				t.Errorf("%d requests, want 2", n)
			}
		})
	}
}

// A store that asks for patience is not asked twice, and who wants to know is told of it.
func TestBusyStoreIsNotAskedTwice(t *testing.T) {
	b, server, _, v := patient(t)
	var told atomic.Int32
	b.OnBusy(func() { told.Add(1) })
	server.FaultOnce("GetObject", s3test.Fault{Status: 503, Code: "SlowDown"})
	server.FaultOnce("GetObject", s3test.Fault{Before: 1500 * time.Millisecond})
	b.read(t, v, 0, 100)
	if n := server.Count("GetObject"); n != 2 || told.Load() != 1 {
		t.Errorf("%d requests, want 2; told %d times, want once", n, told.Load())
	}
	server.FaultOnce("GetObject", s3test.Fault{Status: 500})
	b.read(t, v, 0, 100)
	if told.Load() != 1 {
		t.Error("an internal error was told as a wish for patience")
	}
}

// One that asks for patience while an answer is late is not asked twice either.
func TestStoreThatBecomesBusyIsNotAskedTwice(t *testing.T) {
	b, server, _, v := patient(t)
	server.FaultOnce("HeadObject", s3test.Fault{Status: 503, Code: "SlowDown"})
	server.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op != "GetObject" {
			return nil
		}
		if _, err := b.Head(t.Context(), b.bucket, "k"); err != nil {
			t.Error(err)
		}
		return &s3test.Fault{Before: 1500 * time.Millisecond}
	})
	b.read(t, v, 0, 100)
	if n := server.Count("GetObject"); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestLateAndGone(t *testing.T) {
	b, server, _, v := patient(t)
	if err := b.Delete(t.Context(), b.bucket, "k"); err != nil {
		t.Fatal(err)
	}
	server.FaultOnce("GetObject", s3test.Fault{Before: 2 * time.Second})
	if _, err := b.tryRead(t.Context(), v, 0, 100); !errors.Is(err, s3.ErrChanged) {
		t.Errorf("%v, want ErrChanged", err)
	}
}
