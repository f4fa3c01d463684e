package e2e

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	segment = 10_000_000 // bytes, as users of Allas upload
	whole   = 5*segment - 12_345
)

// TestSwiftLargeObjects uploads a file in five segments with the Swift client, in both of its forms, and with rclone. Through S3 a listing shows such an
// object with a wrong size (0, or that of its manifest); the mount must show and read it right, and a broken one must not look whole.
func TestSwiftLargeObjects(t *testing.T) {
	w := need(t)
	file := filepath.Join(w.freshDir(t, "swift"), "genome.bin")
	data := make([]byte, whole)
	rand.NewChaCha8([32]byte{2}).Read(data) // never fails
	writeFile(t, file, data)
	upload := func(flags ...string) func(*testing.T, string) {
		return func(t *testing.T, bucket string) {
			args := append([]string{"upload", "--quiet", "--segment-size", "10000000", "--object-name", "runs/genome.bin"}, flags...)
			w.run(t, w.dir, "swift", append(args, bucket, file)...)
		}
	}
	for form, put := range map[string]func(t *testing.T, bucket string){
		"DLO": upload(),
		"SLO": upload("--use-slo"),
		"DLO of rclone": func(t *testing.T, bucket string) {
			w.run(t, w.dir, "rclone", "copyto", "--swift-auth-version=1", "--swift-auth="+w.gw.swiftAuth, "--swift-user="+w.gw.swiftUser, "--swift-key="+w.gw.swiftKey,
				"--swift-chunk-size=10000000B", file, ":swift:"+bucket+"/runs/genome.bin")
		},
	} {
		t.Run(form, func(t *testing.T) {
			bucket := w.bucketName(t, "swift")
			t.Cleanup(func() { w.store(t, "wipe", bucket+"_segments") })
			put(t, bucket)
			t.Run("whole", func(t *testing.T) { largeWhole(t, w, bucket, file, data) })
			t.Run("segment missing", func(t *testing.T) { largeBroken(t, w, bucket) })
		})
	}
}

func largeWhole(t *testing.T, w *world, bucket, file string, data []byte) {
	m := w.mount(t)
	path := m.path(bucket, "runs", "genome.bin")
	if fields := strings.Fields(w.run(t, w.dir, "ls", "-l", path)); fields[4] != "49987655" {
		t.Errorf("ls -l shows %s bytes, want 49987655", fields[4])
	}
	if listed := w.run(t, w.dir, "ls", "-l", filepath.Dir(path)); !strings.Contains(listed, " 49987655 ") {
		t.Errorf("ls -l of the directory shows\n%s", listed)
	}
	readAcross(t, path, data)
	out := filepath.Join(w.freshDir(t, "out"), "genome.bin")
	w.run(t, w.dir, "cp", path, out)
	w.run(t, w.dir, "cmp", out, file)
	if got, want := digest(t, path), digest(t, file); got != want {
		t.Errorf("read through the mount: %v, want %v", got, want)
	}
}

// readAcross reads over the borders of the segments in small pieces.
func readAcross(t *testing.T, path string, data []byte) {
	t.Helper()
	f, err := os.Open(path)
	fatal(t, err)
	defer f.Close()
	for border := int64(segment); border < whole; border += segment {
		got := make([]byte, 20)
		_, err := f.ReadAt(got, border-10)
		fatal(t, err)
		if string(got) != string(data[border-10:border+10]) {
			t.Errorf("at %d: %x, want %x", border-10, got, data[border-10:border+10])
		}
	}
	if n, err := f.ReadAt(make([]byte, 10), whole-4); n != 4 || err != io.EOF {
		t.Errorf("over the end: %d bytes, %v", n, err)
	}
}

// largeBroken removes the third segment: reading the object must end in EIO, and never in a file that is too short.
func largeBroken(t *testing.T, w *world, bucket string) {
	segments := swift{w}.keys(t, bucket+"_segments")
	if len(segments) != 5 {
		t.Fatalf("%d segments: %q", len(segments), segments)
	}
	swift{w}.remove(t, bucket+"_segments", segments[2])
	m := w.mount(t)
	f, err := os.Open(m.path(bucket, "runs", "genome.bin"))
	if errors.Is(err, syscall.EIO) {
		return // told already
	}
	fatal(t, err)
	defer f.Close()
	n, err := io.Copy(io.Discard, f)
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("reading an object without its third segment: %d of %d bytes, %v; want EIO", n, whole, err)
	}
}
