package control

import (
	"net"
	"path/filepath"
	"testing"
)

// TestAliveAsks: a socket that takes a connection and closes it without an answer, as the kernel does for a process that is being killed, is no daemon's; one
// that takes it and does not answer yet is.
func TestAliveAsks(t *testing.T) {
	s, _, _ := serve(t, &fake{})
	if !s.Record().Alive() {
		t.Error("a daemon that answers is dead")
	}
	for name, alive := range map[string]bool{"closes": false, "waits": true} {
		r := Record{Socket: filepath.Join(shortDir(t), name)}
		if r.Alive() {
			t.Errorf("%s: alive without a socket", name)
		}
		l, err := net.Listen("unix", r.Socket)
		fatal(t, err)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				if !alive {
					c.Close()
				}
			}
		}()
		if r.Alive() != alive {
			t.Errorf("%s: alive is %v", name, !alive)
		}
		l.Close()
		if r.Alive() {
			t.Errorf("%s: alive after its end", name)
		}
	}
}
