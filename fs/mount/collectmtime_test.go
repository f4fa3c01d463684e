package mount

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"allasfs/s3"
)

// TestOwnIdeaOfTheTime: with Options.KernelWrites the kernel tells what it has as a file's time at a rename, too. That is no change of the file: what another
// client does to it shows at once, and nothing is sent.
func TestOwnIdeaOfTheTime(t *testing.T) {
	m := newMount(t, kernelWrites, ttl(0))
	m.write("a", "x")
	m.put("a", "x") // the same ETag, and another time
	m.wantFile("a", "x")
	ok(t, os.Rename(m.path("a"), m.path("b")))
	m.wantFile("b", "x") // its close is when the kernel tells
	m.put("b", "")
	m.wantFile("b", "")
}

// TestTimeOfWritesAtOnce: writes that come at once do not move the time that the kernel has; it does not come back when the kernel tells of it.
func TestTimeOfWritesAtOnce(t *testing.T) {
	m := newMount(t, kernelWrites)
	m.write("a", "x")
	old := time.Unix(1_500_000_000, 0)
	ok(t, os.Chtimes(m.path("a"), old, old))
	ok(t, m.fs.Sync(t.Context()))
	f := must[*os.File](t)(os.OpenFile(m.path("a"), os.O_WRONLY|os.O_APPEND, 0))
	must[int](t)(f.WriteString("y"))
	ok(t, os.Rename(m.path("a"), m.path("b")))
	ok(t, f.Close())
	m.wantFile("b", "xy") // its close is when the kernel tells
	ok(t, m.fs.Sync(t.Context()))
	if got := m.storedTime("b"); !got.After(old) {
		t.Errorf("the time of b is %v, before it was written", got)
	}
	ok(t, os.Rename(m.path("b"), m.path("c")))
	m.wantFile("c", "xy")
	ok(t, m.fs.Sync(t.Context()))
	if got := m.storedTime("c"); !got.After(old) {
		t.Errorf("the time of c is %v, before it was written", got)
	}
	for _, access := range []time.Time{old, {}} { // a program's time counts, though it is what the kernel has
		f = must[*os.File](t)(os.OpenFile(m.path("c"), os.O_WRONLY|os.O_APPEND, 0))
		must[int](t)(f.WriteString("z"))
		ok(t, f.Close())
		ok(t, os.Chtimes(m.path("c"), access, old))
		ok(t, m.fs.Sync(t.Context()))
		if got := m.storedTime("c"); !got.Equal(old) {
			t.Errorf("the time of c is %v, want %v", got, old)
		}
	}
}

// storedTime is the mtime in an object's metadata, to the second.
func (m *mounted) storedTime(key string) time.Time {
	m.t.Helper()
	o := must[s3.Object](m.t)(m.other.Head(m.t.Context(), m.bucket, key))
	whole, _, _ := strings.Cut(o.Meta["mtime"], ".")
	return time.Unix(must[int64](m.t)(strconv.ParseInt(whole, 10, 64)), 0)
}
