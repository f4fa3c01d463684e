package fsx

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLocal: a local disk passes, every kind of operation is done, and the owner is asked with what the file holds.
func TestLocal(t *testing.T) {
	dir := t.TempDir()
	asked := 0
	o := Options{Path: filepath.Join(dir, "f"), Max: 256 << 10, Source: filepath.Join(dir, "s"),
		Closed: func(path string, want []byte) error {
			asked++
			got, err := os.ReadFile(path)
			if err == nil && !bytes.Equal(got, want) {
				err = errors.New("the file is not what it is said to be")
			}
			return err
		}}
	if err := os.WriteFile(o.Source, bytes.Repeat([]byte("source"), 20000), 0o644); err != nil {
		t.Fatal(err)
	}
	res, err := Replay(o, Generate(1, 3000, o.Max, 64<<10))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Kinds() {
		if res.Done[s.Kind] == 0 && res.Refused[s.Kind] == 0 {
			t.Errorf("no %s was done", s.Kind)
		}
	}
	if asked < res.Done[Reopen] {
		t.Errorf("asked %d times after %d closes", asked, res.Done[Reopen])
	}
}

// TestFailure: what the owner does not find ends the run, is made shorter, and the lines that are told do it again.
func TestFailure(t *testing.T) {
	o := Options{Path: filepath.Join(t.TempDir(), "f"), Max: 64 << 10, Closed: func(_ string, want []byte) error {
		if len(want) > 40<<10 {
			return errors.New("too long")
		}
		return nil
	}}
	ops := Generate(7, 400, o.Max, 16<<10)
	_, err := Replay(o, ops)
	failure := (*Failure)(nil)
	if !errors.As(err, &failure) || !strings.Contains(err.Error(), "too long") {
		t.Fatalf("got %v", err)
	}
	n := 0
	fails := func(ops []Op) bool {
		again := o
		again.Path = fmt.Sprint(o.Path, n)
		n++
		_, err := Replay(again, ops)
		return err != nil
	}
	short := Shrink(ops[:failure.N+1], 300, fails)
	if len(short) > 3 {
		t.Errorf("%d operations are left: %v", len(short), short)
	}
	var lines strings.Builder
	for _, op := range short {
		fmt.Fprintln(&lines, op)
	}
	read, err := ParseOps(strings.NewReader("# comment\n\n" + lines.String()))
	if err != nil || !slices.Equal(read, short) {
		t.Errorf("read %v, %v; want %v", read, err, short)
	}
	if !fails(read) {
		t.Error("the short run does not fail")
	}
}

func TestParseOps(t *testing.T) {
	for _, bad := range []string{"jump 1 2 3 4", "read 1 2", "read a 1 1 1"} {
		if ops, err := ParseOps(strings.NewReader(bad)); err == nil {
			t.Errorf("%q read as %v", bad, ops)
		}
	}
}

// TestProgram drives the program as a parent does.
func TestProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var out bytes.Buffer
	if err := Main([]string{"-seed", "3", "-ops", "200", "-ask", path}, strings.NewReader(strings.Repeat("ok\n", 300)), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if !strings.Contains(out.String(), "closed "+path) || !strings.Contains(out.String(), "done seed=3") {
		t.Errorf("it says %s", &out)
	}
	err := Main([]string{"-seed", "3", "-ops", "200", "-ask", path}, strings.NewReader("no\n"), &out)
	if err == nil || !strings.Contains(err.Error(), "no") {
		t.Errorf("got %v", err)
	}
}
