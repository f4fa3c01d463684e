package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page in the documents is what the code says. ALLASFS_UPDATE=1 writes it anew.
func TestTroubleshootingPage(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "troubleshooting.md")
	if os.Getenv("ALLASFS_UPDATE") != "" {
		fatal(t, os.WriteFile(page, []byte(troubleshooting()), 0o644))
	}
	got, err := os.ReadFile(page)
	fatal(t, err)
	if string(got) != troubleshooting() {
		t.Error("docs/troubleshooting.md is not what the code says: ALLASFS_UPDATE=1 go test ./cmd/allasfs -run TestTroubleshootingPage")
	}
}

// Each failure has all of its words, once, and none speaks of a Go error.
func TestFailuresAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range [][]failure{startFailures(), localFailures(), mountFailures()} {
		clear(seen)
		for _, f := range list {
			if f.what == "" || f.why == "" || f.do == "" || seen[f.what] || strings.Contains(f.what+f.why+f.do, "%!") || strings.ContainsAny(f.what+f.why+f.do, "\n") {
				t.Errorf("%+v", f)
			}
			seen[f.what] = true
		}
	}
}

// What the page says of this machine is what the program says.
func TestLocalFailuresAreSaid(t *testing.T) {
	var code strings.Builder
	for _, name := range []string{"umount.go", filepath.Join("internal", "mountpoint", "check.go")} {
		text, err := os.ReadFile(name)
		fatal(t, err)
		code.Write(text)
	}
	for _, f := range localFailures() {
		if !strings.Contains(code.String(), f.what) {
			t.Errorf("nobody says %q", f.what)
		}
		do, _, _ := strings.Cut(f.do, "DIR")
		if !strings.Contains(code.String(), do) {
			t.Errorf("nobody gives the hint %q", do)
		}
	}
}
