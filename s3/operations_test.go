package s3

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Every operation that the package's code names has a counter of its own, and each counter its place.
func TestOperationsAreAll(t *testing.T) {
	for i, name := range operations() {
		if got := operationIndex(name); got != i {
			t.Errorf("%q is at %d, counted at %d", name, i, got)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`op: +"([^"]+)"|opDeleteMany = +"([^"]+)"`)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			op := m[1] + m[2]
			if op == "link" {
				continue // sends no request
			}
			found++
			if operationIndex(op) == operationCount-1 {
				t.Errorf("%s: no counter for %q", file, op)
			}
		}
	}
	if found < operationCount-1 {
		t.Errorf("%d operations found in the code", found)
	}
}

// BenchmarkCount is what one request costs to count, on as many processors as there are.
func BenchmarkCount(b *testing.B) {
	var m meter
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			o := m.of("get")
			o.answered(200, 20*time.Millisecond)
			o.received.Add(1 << 15)
		}
	})
}
