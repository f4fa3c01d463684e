package mount

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"allasfs/s3/s3test"
)

const pastAt = 1<<12 + 100 // where the tests of this file write: in the middle of the second page

// pastReader is a mount with a small cached file "f" of three pages, which is open for reading and, past the kernel's pages, for writing.
func pastReader(t *testing.T, change ...func(*setup)) (m *mounted, w *os.File, read func() uint64, write func(uint64)) {
	t.Helper()
	m = newMount(t, change...)
	data := string(randomBytes(3 << 12))
	m.put("f", data)
	m.cached("f", data)
	r := must[*os.File](t)(os.Open(m.path("f")))
	t.Cleanup(func() { r.Close() })
	w = must[*os.File](t)(os.OpenFile(m.path("f"), os.O_WRONLY, 0))
	t.Cleanup(func() { w.Close() })
	write = func(i uint64) { must[int](t)(w.WriteAt(binary.BigEndian.AppendUint64(nil, i), pastAt)) }
	read = func() uint64 {
		var b [8]byte
		must[int](t)(r.ReadAt(b[:], pastAt))
		return binary.BigEndian.Uint64(b[:])
	}
	return m, w, read, write
}

// TestReadersBesideWriteOnly: who has a file open that is written by a descriptor for writing alone sees each write once it is done, and never goes back.
func TestReadersBesideWriteOnly(t *testing.T) {
	_, _, read, write := pastReader(t)
	for i := range uint64(50) {
		write(i)
		if got := read(); got != i {
			t.Fatalf("after the write of %d the reader sees %d", i, got)
		}
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for last := uint64(0); !stop.Load(); {
				now := read()
				if now < last {
					t.Errorf("a reader saw %d after %d", now, last)
					return
				}
				last = now
			}
		})
	}
	const last = 1000
	for i := uint64(50); i <= last; i++ {
		write(i)
	}
	stop.Store(true)
	readers.Wait()
	if !eventually(func() bool { return read() == last }) {
		t.Errorf("the last write was %d, the reader sees %d", last, read())
	}
}

// helperMappedUntil maps a file to read, PATH, says so by a line, and looks at the 8 bytes at OFFSET until they are WANT, ten seconds at most.
func helperMappedUntil(args []string) error {
	var off int
	var want uint64
	if _, err := fmt.Sscan(args[1]+" "+args[2], &off, &want); err != nil {
		return err
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	p, err := unix.Mmap(int(f.Fd()), 0, off+8, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	f.Close()
	got := binary.BigEndian.Uint64(p[off:])
	fmt.Println("mapped")
	for end := time.Now().Add(10 * time.Second); got != want && time.Now().Before(end); {
		got = binary.BigEndian.Uint64(p[off:])
	}
	if got != want {
		return fmt.Errorf("the mapping has %d, not %d", got, want)
	}
	return unix.Munmap(p)
}

// pastRoom is the room for drafts in bytes where a write is to wait for it.
const pastRoom = 256 << 10

func little(o *setup) { o.cache.DraftSpace = pastRoom }

// noRoom takes all room for drafts until give is called, which returns when there is room again. The later that is, the surer have others to wait.
func noRoom(t *testing.T, m *mounted) (give func() error) {
	t.Helper()
	began, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	m.s3.Fault(func(r s3test.Request) *s3test.Fault {
		if r.Op == "PutObject" && r.Key == "g" {
			once.Do(func() { close(began) })
			<-release
		}
		return nil
	})
	g := must[*os.File](t)(os.Create(m.path("g")))
	must[int64](t)(io.Copy(g, strings.NewReader(strings.Repeat("g", pastRoom))))
	closed := make(chan error, 1)
	go func() { closed <- g.Close() }()
	<-began
	return func() error {
		close(release)
		return <-closed
	}
}

// TestMappedDuringAWrite: a mapping whose page came back while a write waits in the daemon, here for room, has what is written once that is done.
func TestMappedDuringAWrite(t *testing.T) {
	m, _, _, write := pastReader(t, little)
	give := noRoom(t, m)
	reader := helper("mapped-until", m.path("f"), fmt.Sprint(pastAt), "7")
	var out bytes.Buffer
	reader.Stderr = &out
	told := must[io.ReadCloser](t)(reader.StdoutPipe())
	ok(t, reader.Start())
	must[string](t)(bufio.NewReader(told).ReadString('\n'))
	gave := make(chan error, 1)
	time.AfterFunc(200*time.Millisecond, func() { gave <- give() })
	write(7)
	ok(t, <-gave)
	if err := reader.Wait(); err != nil {
		t.Errorf("%v: %s", err, out.String())
	}
}

// helperMark maps a file to read and write, PATH, says so by a line, and when a line comes in sets the byte at OFFSET to its first, until its input ends.
func helperMark(args []string) error {
	off, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	p, err := unix.Mmap(int(f.Fd()), 0, off+1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	fmt.Println("mapped")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		p[off] = in.Bytes()[0]
	}
	if err := unix.Munmap(p); err != nil {
		return err
	}
	return f.Close()
}

// TestMappingWritesBesideWriteOnly: what a program writes by a mapping while another writes to the same page, by a descriptor for writing alone, is kept, and
// what the other writes is, too.
func TestMappingWritesBesideWriteOnly(t *testing.T) {
	const markAt = 1 << 12
	m := newMount(t, little)
	data := randomBytes(3 << 12)
	m.put("f", string(data))
	m.cached("f", string(data))
	mapper := helper("mark", m.path("f"), fmt.Sprint(markAt))
	var out bytes.Buffer
	mapper.Stderr = &out
	told := must[io.ReadCloser](t)(mapper.StdoutPipe())
	tell := must[io.WriteCloser](t)(mapper.StdinPipe())
	ok(t, mapper.Start())
	must[string](t)(bufio.NewReader(told).ReadString('\n'))
	w := must[*os.File](t)(os.OpenFile(m.path("f"), os.O_WRONLY, 0))
	give := noRoom(t, m)

	wrote := make(chan error, 1)
	go func() {
		_, err := w.WriteAt([]byte("written"), pastAt)
		wrote <- err
	}()
	time.Sleep(200 * time.Millisecond)
	must[int](t)(fmt.Fprintln(tell, "m"))
	time.Sleep(200 * time.Millisecond)
	ok(t, give())
	ok(t, <-wrote)
	ok(t, tell.Close())
	if err := mapper.Wait(); err != nil {
		t.Errorf("%v: %s", err, out.String())
	}
	ok(t, w.Close())
	data[markAt] = 'm'
	copy(data[pastAt:], "written")
	if got := must[[]byte](t)(m.stored("f")); !bytes.Equal(got, data) {
		t.Errorf("the mapping's byte is %q, what was written %q", got[markAt], got[pastAt:pastAt+7])
	}
}
