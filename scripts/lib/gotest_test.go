// Package lib_test tests what the scripts share.
package lib_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a test file; each of its tests says in its name what becomes of it. MARKS is a folder in which a test notes that it ran before.
const sample = `package sample

import (
	"os"
	"path/filepath"
	"testing"
)

func ranBefore(t *testing.T) bool {
	mark := filepath.Join(os.Getenv("MARKS"), t.Name())
	_, err := os.Stat(mark)
	if err != nil {
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return err == nil
}

func once(t *testing.T) {
	if !ranBefore(t) {
		t.Error("for once")
	}
}

func TestPasses(t *testing.T) {
	if ranBefore(t) {
		t.Error("a test that had passed ran again")
	}
}

func TestOnceA(t *testing.T) { once(t) }
func TestOnceB(t *testing.T) { t.Run("sub", func(*testing.T) {}); once(t) }
func TestOnceC(t *testing.T) { once(t) }
func TestOnceD(t *testing.T) { once(t) }
func TestAlways(t *testing.T) { t.Error("always") }
func TestPanicsOnce(t *testing.T) {
	if !ranBefore(t) {
		panic("once")
	}
}
func TestRacesOnce(t *testing.T) {
	if !ranBefore(t) {
		// What the race detector prints.
		os.Stdout.WriteString("WARNING: DATA RACE\n")
		t.Error("race")
	}
}
func TestExitsOnce(t *testing.T) {
	if !ranBefore(t) {
		os.Exit(1)
	}
}
`

// broken is a test whose program the race detector's library ends, once.
const broken = `package sample

import (
	"os"
	"testing"
)

func TestDetectorBreaksOnce(t *testing.T) {
	mark := os.Getenv("MARKS") + "/broke"
	if _, err := os.Stat(mark); err != nil {
		os.WriteFile(mark, nil, 0o600)
		os.Stdout.WriteString("ThreadSanitizer: CHECK failed: tsan_rtl.cpp:282\n")
		os.Exit(66)
	}
}
`

// goTestIn runs go_test_in of gotest.sh over the sample's tests that pattern names, and returns whether that succeeded and what was printed.
func goTestIn(t *testing.T, pattern, source string) (bool, string) {
	t.Helper()
	lib, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"module/go.mod": "module sample\n", "module/sample_test.go": source, "marks/.keep": "", "run/.keep": ""} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The script's own -run comes after ours when a test is repeated, and the last one counts.
	cmd := exec.Command("bash", "-euo", "pipefail", "-c",
		`. "$1/common.sh"; . "$1/gotest.sh"; run=$2; rc=0; go_test_in "$3" -run "$4" -- ./... || rc=$?; flaky_told; exit $rc`,
		"bash", lib, filepath.Join(dir, "run"), filepath.Join(dir, "module"), pattern)
	cmd.Env = append(os.Environ(), "MARKS="+filepath.Join(dir, "marks"), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	return err == nil, string(out)
}

// TestRepeatedTests: what fails by chance is run once more and told; what chance does not excuse fails the run.
func TestRepeatedTests(t *testing.T) {
	for _, c := range []struct {
		name, pattern, source string
		passes, repeated      bool
	}{
		{"all pass", "^TestPasses$", sample, true, false},
		{"three fail once", "^(TestPasses|TestOnce[ABC])$", sample, true, true},
		{"the race detector breaks down once", ".", broken, true, true},
		{"one fails always", "^(TestPasses|TestAlways)$", sample, false, true},
		{"four fail once", "^TestOnce[ABCD]$", sample, false, false},
		{"one panics", "^TestPanicsOnce$", sample, false, false},
		{"a data race", "^TestRacesOnce$", sample, false, false},
		{"the test program ends", "^TestExitsOnce$", sample, false, false},
		{"it does not build", ".", sample + "\nfunc broken() { none() }\n", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			passes, out := goTestIn(t, c.pattern, c.source)
			if passes != c.passes {
				t.Errorf("passed: %t, want %t\n%s", passes, c.passes, out)
			}
			if repeated := strings.Contains(out, "== once more: sample "); repeated != c.repeated {
				t.Errorf("repeated: %t, want %t\n%s", repeated, c.repeated, out)
			}
			if told := strings.Contains(out, "FLAKY"); told != (c.passes && c.repeated) {
				t.Errorf("told: %t\n%s", told, out)
			}
		})
	}
}
