package main

import (
	"io"
	"net"
	"testing"
	"time"
)

func TestParseLink(t *testing.T) {
	for s, want := range map[string]link{
		"0": {}, "10ms": {delay: 10 * time.Millisecond}, "@60": {rate: 60}, "50ms@1.5": {50 * time.Millisecond, 1.5},
	} {
		if got, err := parseLink(s); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"x", "10ms@", "10ms@-1", "-3ms"} {
		if _, err := parseLink(s); err == nil {
			t.Errorf("%q passes", s)
		}
	}
}

// echo is a server that answers each connection with what it gets.
func echo(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	return ln.Addr().String()
}

func dialRelay(t *testing.T, l link) net.Conn {
	p, err := newRelay(l, echo(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); p.close() })
	return c
}

func TestRelayDelaysARoundTrip(t *testing.T) {
	c := dialRelay(t, link{delay: 40 * time.Millisecond})
	for range 3 {
		begin := time.Now()
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < 40*time.Millisecond {
			t.Errorf("a round trip took %v", took)
		}
	}
}

func TestRelayCapsTheRateAndKeepsTheBytes(t *testing.T) {
	const size = 2 << 20
	c := dialRelay(t, link{delay: 10 * time.Millisecond, rate: 20})
	content := newContent()
	begin := time.Now()
	go func() {
		_, _ = io.Copy(c, content.reader(3, size))
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || len(got) != size {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if err := content.check(3, got, 0); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took < size*time.Second/20e6-burst {
		t.Errorf("%d bytes at 20 MB/s took %v", size, took)
	}
}
