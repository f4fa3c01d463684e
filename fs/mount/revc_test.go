package mount

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestRevcMapWriteOfCopy(t *testing.T) {
	m := directMount(t)
	data := strings.Repeat("d", 1<<20)
	m.put("a", data)
	in, out := must[*os.File](t)(os.Open(m.path("a"))), m.creating("b")
	copyAll(t, in, out, len(data))
	o, err := helper("mmap", "write", m.path("b"), "mapped", "100").CombinedOutput()
	t.Logf("mmap write: %v %s", err, o)
	ok(t, out.Close())
	in.Close()
	m.idle()
	got, err := m.object("b")
	ok(t, err)
	if got != data[:100]+"mapped"+data[106:] {
		t.Errorf("LOST: the store has %q at 100, %d bytes", got[100:106], len(got))
	}
}

func TestRevcSparse(t *testing.T) {
	m := directMount(t)
	f := m.creating("f")
	ok(t, f.Truncate(200<<20))
	time.Sleep(3 * time.Second)
	t.Logf("%d parts of zeros left", m.s3.Count("UploadPart"))
	if m.s3.Count("UploadPart") > 0 {
		t.Error("a hole is sent early")
	}
	f.Close()
}
