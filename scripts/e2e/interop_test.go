package e2e

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// samples are the objects of the workflow: empty, small, nested, of awkward name, and large enough for every client's multipart upload.
func samples(t *testing.T, w *world) (dir string, keys []string) {
	t.Helper()
	dir = w.freshDir(t, "samples")
	sizes := map[string]int{
		"empty": 0, "hello.txt": 14, "runs/2024/one.bin": 300_001, "runs/2024/two.bin": 1, "mittaus ä+1 (kopio).csv": 4096, "large.bin": 17 << 20,
	}
	random := rand.NewChaCha8([32]byte{1})
	for key, size := range sizes {
		data := make([]byte, size)
		random.Read(data) // never fails
		writeFile(t, filepath.Join(dir, key), data)
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return dir, keys
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	fatal(t, os.MkdirAll(filepath.Dir(path), 0o755))
	fatal(t, os.WriteFile(path, data, 0o644))
}

// TestInterop takes each client through the boto3 workflow twice: what it does is seen in the mount, and what the mount does is seen by it.
func TestInterop(t *testing.T) {
	w := need(t)
	m := w.mount(t, "--ttl", "0s")
	dir, keys := samples(t, w)
	for name, c := range w.clients() {
		t.Run(name+"/to mount", func(t *testing.T) { clientToMount(t, m, c, w.bucketName(t, name), dir, keys) })
		t.Run(name+"/from mount", func(t *testing.T) { mountToClient(t, m, c, w.bucketName(t, name), dir, keys) })
	}
}

// clientToMount: the client makes, uploads, overwrites, deletes; the mount shows it.
func clientToMount(t *testing.T, m *mounted, c client, bucket, dir string, keys []string) {
	c.makeBucket(t, bucket)
	wantNames(t, "the top after make bucket", readNames(t, m.dir), bucket, true)
	for _, key := range keys {
		c.upload(t, filepath.Join(dir, key), bucket, key)
	}
	same(t, "uploaded by the client, read through the mount", files(t, m.path(bucket)), files(t, dir))
	out := m.w.freshDir(t, "out")
	m.w.run(t, m.w.dir, "cp", "-r", m.path(bucket)+"/.", out)
	same(t, "copied out of the mount", files(t, out), files(t, dir))

	changed := filepath.Join(m.w.freshDir(t, "changed"), "hello.txt")
	writeFile(t, changed, []byte("hello from another client\n"))
	c.upload(t, changed, bucket, "hello.txt")
	if got := read(m.path(bucket, "hello.txt")); got != "hello from another client\n" {
		t.Errorf("after the client's overwrite the mount reads %q", got)
	}
	c.remove(t, bucket, "hello.txt")
	wantNames(t, "after delete", readNames(t, m.path(bucket)), "hello.txt", false)
	c.removeAll(t, bucket)
	if left := files(t, m.path(bucket)); len(left) > 0 {
		t.Errorf("after delete all the mount shows %v", left)
	}
	c.removeBucket(t, bucket)
	wantNames(t, "the top after delete bucket", readNames(t, m.dir), bucket, false)
	if _, err := os.Stat(m.path(bucket)); !os.IsNotExist(err) {
		t.Errorf("stat of a deleted bucket: %v", err)
	}
}

// mountToClient: the mount makes, writes, renames, deletes; the client sees it.
func mountToClient(t *testing.T, m *mounted, c client, bucket, dir string, keys []string) {
	fatal(t, os.Mkdir(m.path(bucket), 0o755))
	wantNames(t, "the client's buckets after mkdir", c.buckets(t), bucket, true)
	m.w.run(t, m.w.dir, "cp", "-r", dir+"/.", m.path(bucket))
	wantKeys(t, "after cp", c.keys(t, bucket), keys)
	for _, key := range keys {
		got := filepath.Join(m.w.freshDir(t, "got"), "file")
		c.download(t, bucket, key, got)
		if g, x := digest(t, got), digest(t, filepath.Join(dir, key)); g != x {
			t.Errorf("downloaded %q: %v, want %v", key, g, x)
		}
	}
	fatal(t, os.Rename(m.path(bucket, "hello.txt"), m.path(bucket, "renamed.txt")))
	fatal(t, os.Remove(m.path(bucket, "empty")))
	writeFile(t, m.path(bucket, "renamed.txt"), []byte("now longer than it was before\n"))
	got := filepath.Join(m.w.freshDir(t, "got"), "renamed.txt")
	c.download(t, bucket, "renamed.txt", got)
	if data, err := os.ReadFile(got); err != nil || !bytes.Equal(data, []byte("now longer than it was before\n")) {
		t.Errorf("after rename and overwrite the client reads %q, %v", data, err)
	}
	want := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == "empty" || k == "hello.txt" })
	want = append(want, "renamed.txt")
	slices.Sort(want)
	wantKeys(t, "after rename and remove", c.keys(t, bucket), want)

	for _, e := range readNames(t, m.path(bucket)) {
		fatal(t, os.RemoveAll(m.path(bucket, e)))
	}
	wantKeys(t, "after rm -r", c.keys(t, bucket), nil)
	fatal(t, os.Remove(m.path(bucket)))
	wantNames(t, "the client's buckets after rmdir", c.buckets(t), bucket, false)
}

func readNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	fatal(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func wantNames(t *testing.T, what string, names []string, name string, there bool) {
	t.Helper()
	if slices.Contains(names, name) != there {
		t.Errorf("%s: %q there: %v, want %v", what, name, !there, there)
	}
}

func wantKeys(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s the client lists %q, want %q", what, got, want)
	}
}
