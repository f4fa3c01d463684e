package main

import "testing"

func TestCountRequestsOfOneBucket(t *testing.T) {
	const log = `2026-11-22T19:38:37.127+0000 7f  1 ====== req done req=0x7f op status=0 http_status=200 /b/key
2026-11-22T19:38:37.127+0000 7f  1 beast: 0x7f: 127.0.0.1 - u [t] "GET /b?list-type=2 HTTP/1.1" 200 294 - "x" - latency=0.0s
2026-11-22T19:38:37.127+0000 7f  1 beast: 0x7f: 127.0.0.1 - u [t] "GET /b/key HTTP/1.1" 206 4096 - "x" - latency=0.0s
2026-11-22T19:38:37.127+0000 7f  1 beast: 0x7f: 127.0.0.1 - u [t] "HEAD /b HTTP/1.1" 200 0 - "x" - latency=0.0s
2026-11-22T19:38:37.127+0000 7f  1 beast: 0x7f: 127.0.0.1 - u [t] "GET /b2/b/key HTTP/1.1" 200 0 - "x" - latency=0.0s
2026-11-22T19:38:37.127+0000 7f  1 beast: 0x7f: 127.0.0.1 - u [t] "GET / HTTP/1.1" 200 0 - "x" - latency=0.0s
`
	if n := countRequests([]byte(log), "b"); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestParseStat(t *testing.T) {
	const stat = "42 (a (strange) name) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 9 0 100 1 2\n"
	if got, err := parseStat([]byte(stat)); err != nil || got != 2 {
		t.Errorf("%v s, %v; want 2", got, err)
	}
	if _, err := parseStat([]byte("42 (cut")); err == nil {
		t.Error("half a line passes")
	}
}
