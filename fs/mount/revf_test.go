package mount

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRevfSendfile(t *testing.T) {
	const space = 8 << 20
	m := directMount(t, func(o *setup) { o.cache.DraftSpace, o.fs.DirectRoom = space, space })
	f := m.creating("f")
	say(t, f, string(randomBytes(space-100)))
	if !eventually(func() bool { return m.cache.Drafts()[0].Guarded() }) {
		t.Fatal("not guarded")
	}
	r := must[*os.File](t)(os.Open(m.path("f")))
	out := must[*os.File](t)(os.Create(t.TempDir() + "/out"))
	var n int
	for {
		k, err := unix.Sendfile(int(out.Fd()), int(r.Fd()), nil, 1<<20)
		if err != nil {
			t.Error("sendfile from a file that is written, no room left:", err)
			break
		}
		if n += k; k == 0 {
			break
		}
	}
	t.Log(n, "bytes")
	r.Close()
	f.Close()
}
