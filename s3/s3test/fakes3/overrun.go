package fakes3

import (
	"io"
	"net"
	"net/http"
)

// A gateway that sends a range of a dynamic large object sends the byte behind it too, if that is in the same segment: one more than the
// Content-Length. On a connection that is kept alive, the client takes it for the beginning of the next answer.

// beyond returns the byte after [off, off+n) if it is in the same segment, else nothing.
func (v view) beyond(off, n int64) []byte {
	end := off + n
	for _, p := range v.pieces {
		if end < p.size {
			if end == 0 {
				return nil // the range ended with the segment before
			}
			return p.data.slice(end, 1).bytes()
		}
		end -= p.size
	}
	return nil
}

// overrun sends bytes after the end of an answer and serves the connection on. net/http does not send such bytes itself.
func (o *sender) overrun(extra []byte) {
	w := http.NewResponseController(o.w)
	flushed := w.Flush()
	conn, buffered, err := w.Hijack()
	if flushed != nil || err != nil {
		cut()
	}
	if _, err := conn.Write(extra); err != nil || o.r.Close {
		_ = conn.Close()
		return
	}
	l := &oneConn{conn: &readAhead{Conn: conn, r: io.MultiReader(io.LimitReader(buffered, int64(buffered.Reader.Buffered())), conn)}}
	_ = o.s.http.Serve(l) // returns at once: the connection has a goroutine of its own
	if l.conn != nil {
		_ = l.conn.Close() // the server is closed
	}
}

// readAhead is a connection of which some bytes were read already.
type readAhead struct {
	net.Conn
	r io.Reader
}

func (c *readAhead) Read(p []byte) (int, error) { return c.r.Read(p) }

// oneConn is a listener that accepts one connection.
type oneConn struct{ conn net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, io.EOF
	}
	c := l.conn
	l.conn = nil
	return c, nil
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }
