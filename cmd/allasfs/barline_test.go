package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"allasfs/cmd/allasfs/internal/control"
	"allasfs/fs"
)

// answering is a client of a daemon that gives these answers to control calls.
func answering(t *testing.T, answers map[string]func() any) *control.Client {
	dir, err := os.MkdirTemp("", "afs") // short, as paths of sockets have to be
	fatal(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	fatal(t, err)
	mux := http.NewServeMux()
	for name, answer := range answers {
		mux.HandleFunc("/v1/"+name, func(w http.ResponseWriter, _ *http.Request) {
			if err := json.NewEncoder(w).Encode(answer()); err != nil {
				t.Error(err)
			}
		})
	}
	server := &http.Server{Handler: mux}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return control.Dial(control.Record{Socket: socket})
}

// wantLines compares what look tells.
func wantLines(t *testing.T, look look, wide bool, want ...string) {
	t.Helper()
	lines, err := look(t.Context(), wide)
	if err != nil || strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, %v, want %q", lines, err, want)
	}
}

// TestEvictTellsHowFarItIs: of what the paths take in the cache, or of everything.
func TestEvictTellsHowFarItIs(t *testing.T) {
	used := int64(100 << 20)
	held := int64(10 << 20) // of each path
	asked := 0
	c := answering(t, map[string]func() any{
		"status": func() any {
			var r control.Report
			r.Status.Cache.Used = used
			return r
		},
		"held": func() any { asked++; return fs.HeldReport{Bytes: held} },
	})
	look, err := freedOf(t.Context(), c, []string{"a", "b"}, false)
	fatal(t, err)
	used, held = used-4<<20, 8<<20 // it has begun
	wantLines(t, look, false, "4 MiB of 20 MiB freed (20 %)")
	used -= 6 << 20
	wantLines(t, look, true, "[###############               ] 10 MiB of 20 MiB freed (50 %)")
	if asked != 2 {
		t.Errorf("asked for the size of 2 paths %d times", asked)
	}
	look, err = freedOf(t.Context(), c, nil, true)
	fatal(t, err)
	used, held = used-10<<20, 30<<20
	wantLines(t, look, false, "10 MiB of 40 MiB freed (25 %)")
}

// TestSaveTellsHowFarItIs: of the kept file, when its copy has been begun.
func TestSaveTellsHowFarItIs(t *testing.T) {
	c := answering(t, map[string]func() any{"status": func() any {
		var r control.Report
		r.Status.Drafts = []fs.DraftState{{ID: "1", Size: 7}, {ID: "2", Size: 10}}
		return r
	}})
	file := filepath.Join(t.TempDir(), "copy")
	look := savedOf(c, "2", file)
	wantLines(t, look, false)
	fatal(t, os.WriteFile(filepath.Join(filepath.Dir(file), fs.PartOfSave("2")+"77"), []byte("12345"), 0o600))
	wantLines(t, look, true, "[###############               ] 5 B of 10 B saved (50 %)")
}

// TestWithLines: what look tells is shown while the work lasts, on a terminal over what it told before; a look that fails ends that and not the work.
func TestWithLines(t *testing.T) {
	var out strings.Builder
	looked := make(chan struct{})
	odd := errors.New("odd")
	err := withLines(t.Context(), &out, func(_ context.Context, wide bool) ([]string, error) {
		defer close(looked)
		return []string{barLine(wide, "done", 1, 4)}, nil
	}, func(context.Context) error { <-looked; return odd })
	if !errors.Is(err, odd) || out.String() != "allasfs: 1 B of 4 B done (25 %)\n" {
		t.Errorf("got %v, shown %q", err, out.String())
	}

	out.Reset()
	p := &progress{w: &out, redraw: true}
	done := make(chan struct{})
	n := int64(0)
	p.show(t.Context(), func(_ context.Context, wide bool) ([]string, error) {
		if n++; n == 3 {
			return nil, odd
		}
		return []string{barLine(wide, "done", n, 4)}, nil
	}, done)
	want := "allasfs: " + bar(1, 4) + " 1 B of 4 B done (25 %)\n\x1b[1A\x1b[Jallasfs: " + bar(2, 4) + " 2 B of 4 B done (50 %)\n\x1b[1A\x1b[J"
	if out.String() != want {
		t.Errorf("shown %q, want %q", out.String(), want)
	}
}
