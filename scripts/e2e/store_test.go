package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// content is what is compared of a file or an object.
type content struct {
	Size int64
	SHA  string
}

// tree maps slash paths below one folder, or keys of one bucket, to their contents. Directories are not in it.
type tree map[string]content

// bucketCount makes names of buckets unique within the run.
var bucketCount atomic.Int64

// bucketName is a name for a new bucket, which is wiped when the test ends.
func (w *world) bucketName(t *testing.T, kind string) string {
	t.Helper()
	name := fmt.Sprintf("e2e-%s-%d-%d", strings.ToLower(kind), time.Now().UnixNano()%1e12, bucketCount.Add(1))
	t.Cleanup(func() { w.store(t, "wipe", name) })
	return name
}

// store runs the plain client of testdata/store.py.
func (w *world) store(t *testing.T, args ...string) string {
	t.Helper()
	return w.run(t, w.dir, "python3", append([]string{filepath.Join(w.tools, "store.py")}, args...)...)
}

// objects is the tree of a bucket as a plain client sees it, each object read whole. Markers of empty directories are left out; one beside
// a child is litter, and an error.
func (w *world) objects(t *testing.T, bucket string) tree {
	t.Helper()
	var found map[string][3]any
	fatal(t, json.Unmarshal([]byte(w.store(t, "manifest", bucket)), &found))
	got := tree{}
	for key, v := range found {
		size, _ := v[0].(float64)
		sha, _ := v[1].(string)
		if size == 0 && strings.HasSuffix(key, "/") {
			for other := range found {
				if other != key && strings.HasPrefix(other, key) {
					t.Errorf("the marker %q lies beside its child %q", key, other)
				}
			}
			continue
		}
		got[key] = content{int64(size), sha}
	}
	return got
}

// files is the tree of a folder.
func files(t *testing.T, dir string) tree {
	t.Helper()
	got := tree{}
	fatal(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		got[filepath.ToSlash(name)] = digest(t, path)
		return nil
	}))
	return got
}

// digest reads a file whole. Its size is the one that stat tells; more or less to read than that fails the test.
func digest(t *testing.T, path string) content {
	t.Helper()
	f, err := os.Open(path)
	fatal(t, err)
	defer f.Close()
	info, err := f.Stat()
	fatal(t, err)
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	fatal(t, err)
	if n != info.Size() {
		t.Errorf("%s: %d bytes by stat, %d to read", path, info.Size(), n)
	}
	return content{n, hex.EncodeToString(sum.Sum(nil))}
}

// digestOf is what digest tells of a file with these bytes.
func digestOf(data []byte) content {
	sum := sha256.Sum256(data)
	return content{int64(len(data)), hex.EncodeToString(sum[:])}
}

// same fails the test unless both trees are equal, and names what differs.
func same(t *testing.T, what string, got, want tree) {
	t.Helper()
	names := map[string]bool{}
	for name := range got {
		names[name] = true
	}
	for name := range want {
		names[name] = true
	}
	var wrong []string
	for name := range names {
		g, inGot := got[name]
		x, inWant := want[name]
		switch {
		case !inGot:
			wrong = append(wrong, fmt.Sprintf("%q is missing (%d bytes)", name, x.Size))
		case !inWant:
			wrong = append(wrong, fmt.Sprintf("%q is too many (%d bytes)", name, g.Size))
		case g != x:
			wrong = append(wrong, fmt.Sprintf("%q differs: %d bytes %.12s…, want %d bytes %.12s…", name, g.Size, g.SHA, x.Size, x.SHA))
		}
	}
	sort.Strings(wrong)
	if len(wrong) > 0 {
		t.Errorf("%s: %d of %d differ:\n%s", what, len(wrong), len(names), tail(strings.Join(wrong, "\n")+"\n"))
	}
}

// without leaves out what match names.
func (tr tree) without(match func(string) bool) tree {
	rest := tree{}
	for name, c := range tr {
		if !match(name) {
			rest[name] = c
		}
	}
	return rest
}
