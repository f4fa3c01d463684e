package mount

import (
	"testing"

	"golang.org/x/sys/unix"

	"allasfs/s3/s3test"
)

// TestDirectWhileSent: what is written while the close of another descriptor sends the file is sent by the next one at the latest.
func TestDirectWhileSent(t *testing.T) {
	m := directMount(t)
	data := randomBytes(3 << 20)
	f := m.creating("f")
	must[int](t)(f.Write(data))
	asked, written := make(chan struct{}), make(chan struct{})
	m.s3.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Method == "PUT" {
			m.s3.Fault(nil)
			close(asked)
			<-written
		}
		return nil
	})
	again, closed := must[int](t)(unix.Dup(int(f.Fd()))), make(chan error)
	go func() { closed <- unix.Close(again) }()
	<-asked
	for at := range 3 {
		data[at<<20] ^= 1
		must[int](t)(f.WriteAt(data[at<<20:at<<20+1], int64(at<<20)))
	}
	must[int](t)(f.WriteAt([]byte("more"), int64(len(data))))
	close(written)
	ok(t, <-closed)
	ok(t, f.Close())
	m.wantObject("f", string(data)+"more")
	m.wantFile("f", string(data)+"more")
}
