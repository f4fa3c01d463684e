package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// link is a network between the programs and the gateway.
type link struct {
	delay time.Duration // round trip that is added
	rate  float64       // MB/s of one connection in each direction, 0 = no cap
}

// parseLink reads "0", "10ms", "@60" and "10ms@60".
func parseLink(s string) (link, error) {
	var l link
	var err error
	delay, rate, capped := strings.Cut(s, "@")
	if capped {
		if l.rate, err = strconv.ParseFloat(rate, 64); err != nil || l.rate <= 0 {
			return l, fmt.Errorf("link %q: want a rate in MB/s behind @", s)
		}
	}
	if delay != "" && delay != "0" {
		if l.delay, err = time.ParseDuration(delay); err != nil || l.delay < 0 {
			return l, fmt.Errorf("link %q: want a delay such as 10ms", s)
		}
	}
	return l, nil
}

func (l link) bare() bool { return l == link{} }

func (l link) String() string {
	switch {
	case l.bare():
		return "loopback as it is"
	case l.rate == 0:
		return fmt.Sprintf("%v round trip added", l.delay)
	case l.delay == 0:
		return fmt.Sprintf("%g MB/s a connection", l.rate)
	}
	return fmt.Sprintf("%v round trip added, %g MB/s a connection", l.delay, l.rate)
}

// flag returns what parseLink makes the link of.
func (l link) flag() string {
	if l.rate == 0 {
		return l.delay.String()
	}
	return fmt.Sprintf("%v@%g", l.delay, l.rate)
}

// name is for file names: "10ms", "10ms-60MBs", "60MBs".
func (l link) name() string {
	var parts []string
	if l.delay > 0 {
		parts = append(parts, l.delay.String())
	}
	if l.rate > 0 {
		parts = append(parts, fmt.Sprintf("%gMBs", l.rate))
	}
	return strings.Join(parts, "-")
}

// relay passes TCP connections on to a server over a link. New connections are taken at once; their bytes are late, as on a real network.
type relay struct {
	l      link
	server string
	ln     net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool // nil after close
	wg    sync.WaitGroup
}

func newRelay(l link, server string) (*relay, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &relay{l: l, server: server, ln: ln, conns: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	return p, nil
}

func (p *relay) addr() string { return p.ln.Addr().String() }

// close ends every connection and returns when all is quiet.
func (p *relay) close() error {
	err := p.ln.Close()
	p.mu.Lock()
	for c := range p.conns {
		c.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.wg.Wait()
	return err
}

func (p *relay) accept() {
	for {
		client, err := p.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && p.keep(client) {
			p.wg.Go(func() { p.serve(client) })
		}
	}
}

// keep notes a connection for close, or closes it if that is over.
func (p *relay) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *relay) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	c.Close()
}

// serve carries one connection both ways until either side ends it.
func (p *relay) serve(client net.Conn) {
	defer p.drop(client)
	server, err := net.Dial("tcp", p.server)
	if err != nil || !p.keep(server) {
		return
	}
	defer p.drop(server)
	var both sync.WaitGroup
	both.Go(func() { p.l.carry(server, client) })
	both.Go(func() { p.l.carry(client, server) })
	both.Wait()
}

// burst is how much time a connection may make up for: timers come late, and without it a capped one would be slower than its rate.
const burst = 10 * time.Millisecond

// chunk is bytes under way.
type chunk struct {
	due time.Time
	b   []byte
}

// carry takes bytes from src to dst, each half the delay after it came, and no faster than the rate.
func (l link) carry(dst, src net.Conn) {
	quickAckConn(src)
	way := make(chan chunk, 1024) // × 64 KiB: more than is on the way at any rate that is asked for
	var pass sync.WaitGroup
	pass.Go(func() { deliver(dst, src, way) })
	var free time.Time // when the wire has taken what was read so far
	for {
		b := make([]byte, 64<<10)
		n, err := src.Read(b)
		if n > 0 {
			came := time.Now()
			free = l.after(later(free, came.Add(-burst)), n)
			time.Sleep(time.Until(free)) // the sender is held back by its window
			way <- chunk{due: later(free, came).Add(l.delay / 2), b: b[:n]}
		}
		if err != nil {
			break
		}
		quickAckConn(src)
	}
	close(way)
	pass.Wait()
}

// after returns when n bytes that begin at t have passed.
func (l link) after(t time.Time, n int) time.Time {
	if l.rate == 0 {
		return t
	}
	return t.Add(time.Duration(float64(n) / l.rate * 1e3)) // bytes / (MB/s) = µs
}

// deliver writes each chunk when it is due. When dst takes no more, it ends src too and swallows the rest.
func deliver(dst, src net.Conn, way <-chan chunk) {
	var err error
	for c := range way {
		if err != nil {
			continue
		}
		time.Sleep(time.Until(c.due))
		if _, err = dst.Write(c.b); err != nil {
			src.Close()
		}
	}
	if half, ok := dst.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite() // the other side may be gone already
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// quickAckConn keeps the relay from adding the 40 ms of delayed acknowledgements, which the gateway would wait for.
func quickAckConn(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		if raw, err := t.SyscallConn(); err == nil {
			_ = raw.Control(quickAck)
		}
	}
}
