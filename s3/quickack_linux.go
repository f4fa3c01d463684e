package s3

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// ackConn is a TCP connection that acknowledges what it receives without delay. The gateway sends the header and the body of a small answer
// as two segments with Nagle's algorithm on: the second leaves when the first is acknowledged, which the kernel likes to do 40 ms later.
type ackConn struct {
	net.Conn
	raw syscall.RawConn
	set func(fd uintptr) // made once: Control would allocate it for each read
}

// quickAck returns conn with TCP_QUICKACK kept on, or conn itself if it is no TCP connection.
func quickAck(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn
	}
	c := &ackConn{Conn: conn, raw: raw, set: func(fd uintptr) {
		// Best effort: without it reads are right, only slower.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	}}
	_ = raw.Control(c.set)
	return c
}

// Read sets the option again after each read, for the kernel clears it by itself (tcp(7): "not permanent"), and setting it
// sends the acknowledgement that is being held back.
func (c *ackConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil {
		_ = c.raw.Control(c.set)
	}
	return n, err
}
