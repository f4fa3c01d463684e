package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	streams     = 16
	streamSize  = 16 << 20
	writtenSize = 40 << 20 // so large that it goes in parts, which leave while it is written
	memoryMiB   = 256      // what the daemon may take by default
	again       = 16       // one part in so many may be fetched twice: where the disk lags, what a reader waits for takes memory of what others read later
)

// TestStreams: 16 programs that read a file each get the right bytes, and the daemon stays within its memory. A disk that was slower than the network
// holds less than was read: `warm` completes it, and after a remount with the same cache the same costs no block from the store.
func TestStreams(t *testing.T) {
	w := need(t)
	bucket := w.bucketName(t, "streams")
	writer := w.mount(t)
	fatal(t, os.Mkdir(writer.path(bucket), 0o755))
	for i := range streams {
		fatal(t, os.WriteFile(writer.path(bucket, fmt.Sprintf("f%02d", i)), streamBytes(i, streamSize), 0o600))
	}
	writer.sync(t)
	m := w.mountFront(t, "")
	m.readStreams(t, bucket, streamSize)
	if peak := m.peakMemory(t); peak > memoryMiB {
		t.Errorf("the daemon took %d MiB, want at most %d", peak, memoryMiB)
	}
	const all = streams * streamSize
	if fetched := m.fetched(t); fetched < all || fetched > all+all/again {
		t.Errorf("%d bytes were fetched, want each once: %d", fetched, all)
	}
	m.w.run(t, m.w.dir, m.w.binary, "warm", "--quiet", m.path(bucket))
	m.unmount(t)
	m = w.mountFront(t, m.cache)
	m.readStreams(t, bucket, streamSize)
	if fetched := m.fetched(t); fetched > 0 {
		t.Errorf("%d bytes were fetched again after a remount", fetched)
	}
}

// TestWritingStreams: 16 programs that write a file each, at once, do not make the daemon take more memory than it may, and each file is in the store as it
// was written when its close has returned.
func TestWritingStreams(t *testing.T) {
	w := need(t)
	bucket := w.bucketName(t, "written")
	m := w.mountFront(t, "")
	fatal(t, os.Mkdir(m.path(bucket), 0o755))
	var wg sync.WaitGroup
	for i := range streams {
		wg.Go(func() {
			if err := writeInPieces(m.path(bucket, fmt.Sprintf("f%02d", i)), streamBytes(i, writtenSize)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if peak := m.peakMemory(t); peak > memoryMiB {
		t.Errorf("the daemon took %d MiB, want at most %d", peak, memoryMiB)
	}
	m.unmount(t)
	reader := w.mountFront(t, "")
	reader.readStreams(t, bucket, writtenSize)
}

// writeInPieces makes a file by writes of 128 KiB.
func writeInPieces(name string, data []byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	for len(data) > 0 && err == nil {
		n := min(128<<10, len(data))
		_, err = f.Write(data[:n])
		data = data[n:]
	}
	return errors.Join(err, f.Close())
}

// readStreams reads all files at once, each by a reader of its own, and compares them.
func (m *mounted) readStreams(t *testing.T, bucket string, size int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range streams {
		wg.Go(func() {
			f, err := os.Open(m.path(bucket, fmt.Sprintf("f%02d", i)))
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			h := sha256.New()
			if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
				t.Error(err)
			}
			if want := sha256.Sum256(streamBytes(i, size)); hex.EncodeToString(h.Sum(nil)) != hex.EncodeToString(want[:]) {
				t.Errorf("file %d has other bytes", i)
			}
		})
	}
	wg.Wait()
}

// streamBytes is the content of a file: lines that tell their file and place.
func streamBytes(i, size int) []byte {
	var b bytes.Buffer
	b.Grow(size + 32)
	for b.Len() < size {
		fmt.Fprintf(&b, "file %02d at %012d\n", i, b.Len())
	}
	return b.Bytes()[:size]
}

// peakMemory is the daemon's VmHWM in MiB.
func (m *mounted) peakMemory(t *testing.T) int {
	t.Helper()
	for line := range strings.Lines(read(fmt.Sprintf("/proc/%d/status", m.front.Process.Pid))) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			fatal(t, err)
			return kib >> 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// fetched is how many bytes of objects the daemon had from the store since it was mounted, as status tells.
func (m *mounted) fetched(t *testing.T) int64 {
	t.Helper()
	var mounts []struct {
		Daemon struct {
			Status struct {
				Cache struct {
					Used      int64 `json:"used"`
					MissBytes int64 `json:"miss_bytes"`
				} `json:"cache"`
			} `json:"status"`
		} `json:"daemon"`
	}
	out := m.w.run(t, m.w.dir, m.w.binary, "status", "--json", m.dir)
	if err := json.Unmarshal([]byte(out), &mounts); err != nil || len(mounts) != 1 || mounts[0].Daemon.Status.Cache.Used == 0 {
		t.Fatalf("status tells nothing of the cache: %v\n%s", err, out)
	}
	return mounts[0].Daemon.Status.Cache.MissBytes
}
