package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"allasfs/s3"
	"allasfs/s3/s3test"
)

// faulty returns a bench on an embedded server, with little patience.
func faulty(t *testing.T, o ...s3test.Option) (bench, *s3test.Server) {
	t.Helper()
	server := s3test.New(t, o...)
	e := s3test.Of(t, server)
	c := client(t, e, func(cfg *s3.Config) { cfg.StallTimeout, cfg.RetryFor = 150*time.Millisecond, time.Second })
	return bench{c, e, e.Bucket(t)}, server
}

func TestGetGoesOnWhereItBroke(t *testing.T) {
	for name, fault := range map[string]s3test.Fault{
		"connection cut in the body":   {CutBody: 70_000},
		"connection cut at the start":  {CutBody: -1},
		"connection cut before all":    {CutBefore: true},
		"body stalls":                  {StallBody: 70_000},
		"no answer":                    {Before: time.Minute},
		"busy":                         {Status: 503, Code: "SlowDown"},
		"internal error":               {Status: 500},
		"bad gateway without S3 error": {Status: 502},
	} {
		t.Run(name, func(t *testing.T) {
			b, server := faulty(t)
			data := random(300_000)
			v := b.put(t, "k", data, s3.PutOptions{}).Version(b.bucket)
			server.ResetCounts()
			server.FaultOnce("GetObject", fault)
			server.FaultOnce("GetObject", fault)
			if got := b.read(t, v, 1000, 250_000); !bytes.Equal(got, data[1000:251_000]) {
				t.Error("other bytes")
			}
			if n := server.Count("GetObject"); n != 3 {
				t.Errorf("%d requests, want 3", n)
			}
		})
	}
}

// TestSilenceEndsIdleConnections: after one connection was silent, the next try goes by a new one, not by an old one that nobody has heard of since either.
func TestSilenceEndsIdleConnections(t *testing.T) {
	b, server := faulty(t)
	data := random(1000)
	v := b.put(t, "k", data, s3.PutOptions{}).Version(b.bucket)
	server.Fault(func(s3test.Request) *s3test.Fault { return &s3test.Fault{Before: 20 * time.Millisecond} })
	var side sync.WaitGroup
	for range 4 {
		side.Go(func() { b.read(t, v, 0, 10) })
	}
	side.Wait()
	server.Fault(nil)
	n := server.Connections()
	if n < 2 {
		t.Fatalf("%d connections, so that none is idle", n)
	}
	server.FaultOnce("GetObject", s3test.Fault{Before: time.Minute})
	if got := b.read(t, v, 0, 1000); !bytes.Equal(got, data) {
		t.Error("other bytes")
	}
	if got := server.Connections(); got != n+1 {
		t.Errorf("%d connections after %d, want one more", got, n)
	}
}

func TestGetChangedWhileItBroke(t *testing.T) {
	b, server := faulty(t)
	v := b.put(t, "k", random(300_000), s3.PutOptions{}).Version(b.bucket)
	server.FaultOnce("GetObject", s3test.Fault{CutBody: 70_000})
	rd, err := b.Get(t.Context(), v, 0, 300_000)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	b.put(t, "k", random(300_001), s3.PutOptions{})
	_, err = io.ReadAll(rd)
	wantIs(t, err, s3.ErrChanged)
}

func TestGetDistrustsTheAnswer(t *testing.T) {
	b, server := faulty(t)
	data := random(1000)
	v := b.put(t, "k", data, s3.PutOptions{}).Version(b.bucket)
	server.Fault(func(r s3test.Request) *s3test.Fault { return &s3test.Fault{ETag: strings.Repeat("0", 32)} })
	_, err := b.tryRead(t.Context(), v, 0, 1000)
	wantIs(t, err, s3.ErrChanged)
	for _, other := range []string{"bytes=101-200", "bytes=0-99", "bytes=900-999"} { // as many bytes, but not those
		server.Fault(func(r s3test.Request) *s3test.Fault { return &s3test.Fault{Range: other} })
		_, err := b.tryRead(t.Context(), v, 100, 100)
		wantIs(t, err, s3.ErrCorrupt)
	}
	server.Fault(nil)
	server.FaultOnce("GetObject", s3test.Fault{Range: "bytes=0-99"}) // a slip goes by
	if got := b.read(t, v, 100, 100); !bytes.Equal(got, data[100:200]) {
		t.Error("other bytes")
	}
}

// A reader that takes its time is not a store that stalls.
func TestSlowReaderIsNotCut(t *testing.T) {
	b, server := faulty(t)
	data := random(8 << 20) // more than the kernel holds for us
	v := b.put(t, "k", data, s3.PutOptions{}).Version(b.bucket)
	server.ResetCounts()
	rd, err := b.Get(t.Context(), v, 0, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	head := make([]byte, 100)
	if _, err := io.ReadFull(rd, head); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	rest, err := io.ReadAll(rd)
	if err != nil || !bytes.Equal(append(head, rest...), data) {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
	if n := server.Count("GetObject"); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestGivesUp(t *testing.T) {
	for name, fault := range map[string]s3test.Fault{
		"never answers":    {Before: time.Hour},
		"busy for ever":    {Status: 503, Code: "SlowDown"},
		"hangs up":         {CutBefore: true},
		"takes no body":    {StallUpload: 1000},
		"answers too late": {After: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			b, server := faulty(t)
			server.Fault(func(s3test.Request) *s3test.Fault { return &fault })
			begin := time.Now()
			_, err := b.Put(t.Context(), b.bucket, "k", bytes.NewReader(random(8<<20)), 8<<20, s3.PutOptions{})
			wantIs(t, err, s3.ErrTimeout)
			if d := time.Since(begin); d < 300*time.Millisecond || d > 10*time.Second {
				t.Errorf("given up after %s, want about a second", d)
			}
		})
	}
}

func TestBusyForAWhile(t *testing.T) {
	b, server := faulty(t)
	until := time.Now().Add(600 * time.Millisecond)
	server.Fault(func(s3test.Request) *s3test.Fault {
		if time.Now().Before(until) {
			return &s3test.Fault{Status: 503, Code: "SlowDown"}
		}
		return nil
	})
	b.put(t, "k", random(1000), s3.PutOptions{IfNoneMatch: true})
}

func TestContextEndsIt(t *testing.T) {
	b, server := faulty(t)
	server.Fault(func(s3test.Request) *s3test.Fault { return &s3test.Fault{Before: time.Hour} })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := b.Head(ctx, b.bucket, "k")
	wantIs(t, err, context.Canceled)
	if errors.Is(err, s3.ErrTimeout) {
		t.Errorf("%v is a timeout", err)
	}
}

func TestPutAnswerLost(t *testing.T) {
	b, server := faulty(t)
	first := b.put(t, "k", []byte("first"), s3.PutOptions{})
	for name, o := range map[string]s3.PutOptions{"replace": {IfMatch: first.ETag}, "create": {IfNoneMatch: true}} {
		t.Run(name, func(t *testing.T) {
			key := map[bool]string{true: "new", false: "k"}[o.IfNoneMatch]
			server.FaultOnce("PutObject", s3test.Fault{CutAfter: true})
			obj, err := b.Put(t.Context(), b.bucket, key, strings.NewReader("second"), 6, o)
			if err != nil {
				t.Fatal(err)
			}
			if now := b.head(t, key); now.ETag != obj.ETag || now.Size != 6 {
				t.Errorf("stored: %+v, told: %+v", now, obj)
			}
		})
	}
}

// When the answer is lost and somebody else has written meanwhile, it is not ours that is there.
func TestPutAnswerLostAndOverwritten(t *testing.T) {
	b, server := faulty(t)
	first := b.put(t, "k", []byte("first"), s3.PutOptions{})
	server.Fault(func(r s3test.Request) *s3test.Fault {
		switch {
		case r.Op != "PutObject":
			return nil
		case r.N == 2:
			return &s3test.Fault{CutAfter: true}
		}
		server.PutObject(b.bucket, "k", []byte("theirs"), nil)
		return nil
	})
	_, err := b.Put(t.Context(), b.bucket, "k", strings.NewReader("ours"), 4, s3.PutOptions{IfMatch: first.ETag})
	wantIs(t, err, s3.ErrChanged)
	if o, _ := server.Object(b.bucket, "k"); string(o.Data) != "theirs" {
		t.Errorf("stored: %q", o.Data)
	}
}

func TestPutVerified(t *testing.T) {
	for name, o := range map[string]s3.PutOptions{"plain": {}, "create": {IfNoneMatch: true}} {
		t.Run(name, func(t *testing.T) {
			b, server := faulty(t)
			data := random(100_000)
			server.FaultOnce("PutObject", s3test.Fault{FlipUpload: true})
			b.put(t, "k", data, o)
			if got, _ := server.Object(b.bucket, "k"); !bytes.Equal(got.Data, data) {
				t.Error("other bytes are stored")
			}
			server.Fault(func(s3test.Request) *s3test.Fault { return &s3test.Fault{FlipUpload: true} })
			_, err := b.Put(t.Context(), b.bucket, "k2", bytes.NewReader(data), int64(len(data)), o)
			wantIs(t, err, s3.ErrCorrupt)
			_, err = b.PutPart(t.Context(), b.bucket, "k2", "none", 1, bytes.NewReader(data), int64(len(data)))
			if err == nil {
				t.Error("a part with other bytes is taken")
			}
		})
	}
}

// countingReader fails the test if it is read after done.
type countingReader struct {
	io.ReaderAt
	done atomic.Bool
	late atomic.Int32
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	if c.done.Load() {
		c.late.Add(1)
	}
	time.Sleep(time.Millisecond)
	return c.ReaderAt.ReadAt(p, off)
}

func TestPutLetsGoOfTheBody(t *testing.T) {
	b, _ := faulty(t)
	body := &countingReader{ReaderAt: bytes.NewReader(random(8 << 20))}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := b.Put(ctx, b.bucket, "k", body, 8<<20, s3.PutOptions{})
	body.done.Store(true)
	wantIs(t, err, context.DeadlineExceeded)
	time.Sleep(100 * time.Millisecond)
	if n := body.late.Load(); n != 0 {
		t.Errorf("the body was read %d times after Put had returned", n)
	}
}

func TestPutShortBody(t *testing.T) {
	b, server := faulty(t)
	_, err := b.Put(t.Context(), b.bucket, "k", strings.NewReader("short"), 100, s3.PutOptions{})
	wantIs(t, err, io.ErrUnexpectedEOF)
	if n := server.Count("PutObject"); n > 1 {
		t.Errorf("%d tries with a body that cannot be read", n)
	}
	if _, err := b.Head(t.Context(), b.bucket, "k"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after a short body: %v", err)
	}
}

func TestCompleteAnswerLost(t *testing.T) {
	b, server := faulty(t)
	for name, o := range map[string]s3.PutOptions{"plain": {}, "create": {IfNoneMatch: true}} {
		id, parts := b.upload(t, name, random(partSize+5), s3.PutOptions{})
		server.FaultOnce("CompleteMultipartUpload", s3test.Fault{CutAfter: true})
		if obj, err := b.Complete(t.Context(), b.bucket, name, id, parts, o); err != nil || obj.Size != partSize+5 {
			t.Errorf("%s: %+v, %v", name, obj, err)
		}
	}
}

func TestDeleteManyTellsWhatStays(t *testing.T) {
	b, server := faulty(t)
	for _, key := range []string{"a", "b", "c\x01"} {
		b.put(t, key, nil, s3.PutOptions{})
	}
	server.FaultOnce("DeleteObjects", s3test.Fault{Undeleted: map[string]string{"b": "AccessDenied"}})
	failed, err := b.DeleteMany(t.Context(), b.bucket, []string{"a", "b", "c\x01"})
	wantIs(t, err, os.ErrPermission)
	wantIs(t, failed["b"], os.ErrPermission)
	if got := server.Keys(b.bucket); len(got) != 1 || got[0] != "b" {
		t.Errorf("left: %q", got)
	}
}

func TestErrors(t *testing.T) {
	b, server := faulty(t, s3test.WithQuota(1000, -1))
	_, err := b.Put(t.Context(), b.bucket, "k", bytes.NewReader(random(4<<20)), 4<<20, s3.PutOptions{})
	wantIs(t, err, s3.ErrQuota)
	if errors.Is(err, os.ErrPermission) {
		t.Errorf("a full quota is told as a permission: %v", err)
	}
	if n := server.Count("PutObject"); n != 1 {
		t.Errorf("%d tries at a full quota", n)
	}
	server.FaultOnce("PutObject", s3test.Fault{Status: 400, Code: "EntityTooLarge"})
	_, err = b.Put(t.Context(), b.bucket, "k", strings.NewReader("x"), 1, s3.PutOptions{})
	wantIs(t, err, s3.ErrTooLarge)
	server.SetClockOffset(time.Hour)
	_, err = b.Buckets(t.Context())
	wantIs(t, err, s3.ErrClockSkew)
	server.SetClockOffset(0)
	b.bucket = "somebodyelses"
	server.FaultOnce("CreateBucket", s3test.Fault{Status: 409, Code: "BucketAlreadyExists"})
	wantIs(t, b.MakeBucket(t.Context(), b.bucket), os.ErrExist)
}

func TestUnreachable(t *testing.T) {
	server := s3test.New(t)
	e := s3test.Of(t, server)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	c := client(t, e, func(cfg *s3.Config) { cfg.RetryFor = time.Hour })
	begin := time.Now()
	if _, err := c.Buckets(t.Context()); err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("a server that was never there: %v after %s", err, time.Since(begin))
	}
}

// The gateway's own quota, with a user of the test's own.
func TestQuotaOfTheGateway(t *testing.T) {
	e, ok := s3test.Gateway()
	admin := strings.Fields(os.Getenv("ALLASFS_TEST_ADMIN"))
	if !ok || len(admin) == 0 {
		if os.Getenv("ALLASFS_TEST_REQUIRE_GATEWAY") == "1" {
			t.Error("no gateway and no ALLASFS_TEST_ADMIN to set its quotas")
		}
		return
	}
	uid := "s3quota" + strings.ToLower(rand.Text()[:8])
	run := func(args ...string) {
		t.Helper()
		args = append(slices.Clone(admin[1:]), append(args, "--uid="+uid)...)
		if out, err := exec.Command(admin[0], args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	run("user", "create", "--display-name="+uid, "--access-key="+uid, "--secret-key="+uid)
	t.Cleanup(func() { run("user", "rm", "--purge-data") })
	run("quota", "set", "--quota-scope=user", "--max-size=1000000")
	run("quota", "enable", "--quota-scope=user")
	e.AccessKey, e.SecretKey = uid, uid
	b := bench{client(t, e, nil), e, uid}
	if err := b.MakeBucket(t.Context(), uid); err != nil {
		t.Fatal(err)
	}
	if u, err := b.HeadBucket(t.Context(), uid); err != nil || u.QuotaBytes < 1_000_000 || u.QuotaBytes > 1_010_000 {
		t.Errorf("usage %+v, %v", u, err)
	}
	for _, size := range []int64{2 << 20, 16 << 20} { // without and with asking first
		begin := time.Now()
		_, err := b.Put(t.Context(), uid, "k", bytes.NewReader(random(int(size))), size, s3.PutOptions{IfNoneMatch: true})
		wantIs(t, err, s3.ErrQuota)
		if errors.Is(err, os.ErrPermission) || time.Since(begin) > 10*time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
	}
	id, err := b.CreateMultipart(t.Context(), uid, "k", s3.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.PutPart(t.Context(), uid, "k", id, 1, bytes.NewReader(random(16<<20)), 16<<20)
	wantIs(t, err, s3.ErrQuota)
	if err := b.Abort(t.Context(), uid, "k", id); err != nil {
		t.Error(err)
	}
}
