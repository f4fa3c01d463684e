package pjd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// step is one line of a case.
type step struct {
	at     string // file:line
	limit  string // why it cannot hold on the mount, a key of limits; "" = it must
	want   []string
	caller caller
	calls  [][]string // words of each call; later ones use the descriptors of the first
}

// scenario is a case: steps in a fresh directory.
type scenario struct {
	name  string
	steps []step
}

// each stands in a case's name for: once for every call of the file's @calls line, in place of CALL(path).
const each = "each: "

// load reads all cases.
func load(t *testing.T) []scenario {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var all []scenario
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cases, err := parse(strings.TrimSuffix(filepath.Base(file), ".txt"), string(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cases...)
	}
	return all
}

// parse reads the cases of one file; see testdata/README.md.
func parse(file, text string) ([]scenario, error) {
	var all, current []scenario
	var calls []string
	flush := func() { all, current = append(all, current...), nil }
	for i, line := range strings.Split(text, "\n") {
		at := fmt.Sprintf("%s.txt:%d", file, i+1)
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "@calls "); ok {
			calls = splitTrim(rest, "|")
			continue
		}
		if title, ok := strings.CutPrefix(line, "== "); ok {
			flush()
			current = begin(file, title, calls)
			continue
		}
		for k := range current {
			l := line
			if strings.HasPrefix(title(current[k].name), each) {
				l = expand(line, calls[k])
			}
			s, err := parseStep(at, l)
			if err != nil {
				return nil, err
			}
			current[k].steps = append(current[k].steps, s)
		}
	}
	flush()
	return all, nil
}

func title(name string) string { return name[strings.IndexByte(name, '/')+1:] }

// begin makes the cases of one title.
func begin(file, title string, calls []string) []scenario {
	if !strings.HasPrefix(title, each) {
		return []scenario{{name: file + "/" + title}}
	}
	out := make([]scenario, len(calls))
	for i, c := range calls {
		out[i].name = file + "/" + title + ", " + c
	}
	return out
}

// expand puts call, with the path for its P, in the place of CALL(path).
func expand(line, call string) string {
	before, rest, ok := strings.Cut(line, "CALL(")
	if !ok {
		return line
	}
	path, after, _ := strings.Cut(rest, ")")
	words := strings.Fields(call)
	for i, w := range words {
		if w == "P" {
			words[i] = path
		}
	}
	return before + strings.Join(words, " ") + after
}

func parseStep(at, line string) (step, error) {
	s := step{at: at}
	words := strings.Fields(line)
	if limit, ok := strings.CutPrefix(words[0], "~"); ok {
		if _, ok := limits()[limit]; !ok {
			return s, fmt.Errorf("%s: no limit is called %q", at, limit)
		}
		s.limit, words = limit, words[1:]
	}
	s.want, words = strings.Split(words[0], "|"), words[1:]
	var err error
	if s.caller, words, err = parseCaller(words); err != nil {
		return s, fmt.Errorf("%s: %w", at, err)
	}
	for len(words) > 0 {
		n := slices.Index(words, ":")
		if n < 0 {
			n = len(words)
		}
		s.calls = append(s.calls, words[:n])
		words = words[min(n+1, len(words)):]
	}
	if len(s.calls) == 0 {
		return s, fmt.Errorf("%s: no call", at)
	}
	return s, nil
}

func splitTrim(s, sep string) []string {
	parts := strings.Split(s, sep)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
