package s3

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"allasfs/s3/s3test"
)

// TestQuickAckOnEveryConnection: after many requests and answers, which make the kernel clear it, the option is on wherever an answer was read, plain and
// under TLS.
func TestQuickAckOnEveryConnection(t *testing.T) {
	const side, rounds = 8, 20
	for name, o := range map[string][]s3test.Option{"http": nil, "https": {s3test.WithTLS()}} {
		t.Run(name, func(t *testing.T) {
			e := s3test.Of(t, s3test.New(t, o...))
			bucket := e.Bucket(t)
			c, err := New(Config{Endpoint: e.URL, AccessKey: e.AccessKey, SecretKey: e.SecretKey, CAFile: e.CAFile})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			v := Version{Bucket: bucket, Key: "k", Size: 4096}
			v.ETag = e.Server.PutObject(bucket, "k", []byte(strings.Repeat("x", 4096)), nil)
			var mu sync.Mutex
			conns := map[net.Conn]bool{}
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
				mu.Lock()
				defer mu.Unlock()
				conns[i.Conn] = true
			}})
			for range rounds {
				var wg sync.WaitGroup
				for range side {
					wg.Go(func() {
						body, err := c.Get(ctx, v, 0, v.Size)
						if err == nil {
							_, err = io.Copy(io.Discard, body)
							body.Close()
						}
						if err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
			}
			if len(conns) == 0 {
				t.Fatal("no connection was seen")
			}
			for conn := range conns {
				if on, err := quickAcks(conn); err != nil || !on {
					t.Errorf("one of %d connections: quick ack %t, %v", len(conns), on, err)
				}
			}
		})
	}
}

// quickAcks tells whether the kernel would acknowledge at once what comes next.
func quickAcks(conn net.Conn) (on bool, err error) {
	if tc, ok := conn.(*tls.Conn); ok {
		conn = tc.NetConn()
	}
	a, ok := conn.(*ackConn)
	if !ok {
		return false, fmt.Errorf("a %T", conn)
	}
	failed := a.raw.Control(func(fd uintptr) {
		var v int
		v, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK)
		on = v == 1
	})
	if failed != nil {
		return false, failed
	}
	return on, err
}
