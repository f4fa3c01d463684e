package mount

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// putSmall stores n small files under dir and returns their contents by path.
func (m *mounted) putSmall(dir string, n int) map[string]string {
	files := make(map[string]string)
	for i := range n {
		name := fmt.Sprintf("%s/f%04d", dir, i)
		files[name] = strings.Repeat(name+"\n", 64)
		m.s3.PutObject(m.bucket, name, []byte(files[name]), nil)
	}
	return files
}

// TestTreeIsOneGetAFile: `cat`, `grep -r` and `tar` of a tree list each directory once and get each file once.
func TestTreeIsOneGetAFile(t *testing.T) {
	for name, script := range map[string]string{
		"cat":  "cat tree/a/* tree/b/*",
		"grep": "grep -r f0 tree",
		"tar":  "tar c tree",
	} {
		t.Run(name, func(t *testing.T) {
			m := newMount(t)
			files := m.putSmall("tree/a", 150)
			maps.Copy(files, m.putSmall("tree/b", 150))
			out, err := m.sh(script)
			ok(t, err)
			for _, want := range files {
				if first, _, _ := strings.Cut(want, "\n"); !strings.Contains(out, first) {
					t.Fatalf("no %q in what %s says", first, name)
				}
			}
			counts := m.s3.Counts()
			if counts["GetObject"] != len(files) {
				t.Errorf("%d files: %v", len(files), counts)
			}
			if others := m.s3.Count() - counts["GetObject"]; others > 10 {
				t.Errorf("%d requests beside the GETs: %v", others, counts)
			}
		})
	}
}

// TestNamesFromElsewhere: a program that never lists the directory and opens names that it knows costs a few lookups, one listing, and a GET a file.
func TestNamesFromElsewhere(t *testing.T) {
	m := newMount(t)
	files := m.putSmall("d", 200)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		m.wantFile(name, files[name])
	}
	counts := m.s3.Counts()
	if counts["GetObject"] != len(files) || counts["HeadObject"]+counts["ListObjectsV2"] > 12 {
		t.Errorf("%d files: %v", len(files), counts)
	}
}

// TestForgottenByKernel: a kernel that drops its names and inodes costs no request while what is known may be trusted.
func TestForgottenByKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root drops the kernel's caches")
	}
	m := newMount(t)
	files := m.putSmall("a/b", 3)
	m.wantFile("a/b/f0001", files["a/b/f0001"])
	m.s3.ResetCounts()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0o200); err != nil {
		t.Skip(err)
	}
	m.wantFile("a/b/f0001", files["a/b/f0001"])
	m.wantCounts(map[string]int{})
}

// BenchmarkSmallFiles reads 2 000 files of 4 KiB, cold, one by one: ns/file.
func BenchmarkSmallFiles(b *testing.B) {
	const files = 2000
	data := randomBytes(4096)
	for range b.N {
		b.StopTimer()
		m := newMount(b)
		for i := range files {
			m.s3.PutObject(m.bucket, fmt.Sprintf("d/f%04d", i), data, nil)
		}
		b.StartTimer()
		for _, name := range m.names("d") {
			if len(m.read("d/"+name)) != len(data) {
				b.Fatal("short")
			}
		}
		b.StopTimer()
		m.idle()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*files), "ns/file")
}
