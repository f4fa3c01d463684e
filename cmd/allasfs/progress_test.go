package main

import (
	"strings"
	"testing"

	"allasfs/fs"
)

// TestUploadAwaitsItsAnswer: an upload whose bytes have all left is told to wait for the answer, others are not.
func TestUploadAwaitsItsAnswer(t *testing.T) {
	lines := uploadLines([]fs.UploadState{{Path: "half", Size: 10, Sent: 5}, {Path: "all", Size: 10, Sent: 10}, {Path: "empty"}})
	for _, l := range lines[1:] {
		if got, want := strings.Contains(l, "waiting for the store's answer"), strings.Contains(l, "all"); got != want {
			t.Errorf("%q", l)
		}
	}
	if len(lines) != 4 {
		t.Errorf("lines %q", lines)
	}
}

// TestStatusTellsUnsentAttributes: a screen without any has no such line.
func TestStatusTellsUnsentAttributes(t *testing.T) {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		b.WriteString(name + " " + strings.TrimSpace(args[1].(string)) + args[2].(string))
	}
	printAttrs(line, nil)
	if b.String() != "" {
		t.Errorf("%q", b.String())
	}
	printAttrs(line, []string{"a", "b"})
	if b.String() != "attrs a, …" {
		t.Errorf("%q", b.String())
	}
}

func TestMoveLine(t *testing.T) {
	l := moveLine(fs.MoveState{From: "b/old/", To: "b/new/", Phase: "copying", Done: 3, Total: 10})
	if l != "b/old/ to b/new/: 3 of 10 objects copied" {
		t.Errorf("%q", l)
	}
}
