package main

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/scripts/rapidtest"
)

func TestParseSource(t *testing.T) {
	for _, c := range []struct {
		in   string
		want source
	}{
		{"", source{}},
		{":", source{}},
		{"project_2012345:", source{Project: "project_2012345"}},
		{"data", source{Bucket: "data"}},
		{":data", source{Bucket: "data"}},
		{":none", source{Bucket: "none"}},
		{"data/", source{Bucket: "data"}},
		{"data/a/b", source{Bucket: "data", Prefix: "a/b/"}},
		{"data/a/b/", source{Bucket: "data", Prefix: "a/b/"}},
		{"data//", source{Bucket: "data", Prefix: "/"}},
		{"data//x", source{Bucket: "data", Prefix: "/x/"}},
		{"data/../x", source{Bucket: "data", Prefix: "../x/"}}, // a key, no path
		{"data/a:b", source{Bucket: "data", Prefix: "a:b/"}},
		{"p:data/a:b", source{Project: "p", Bucket: "data", Prefix: "a:b/"}},
		{"p:Data_2", source{Project: "p", Bucket: "Data_2"}},
		{"s3://data/a", source{Bucket: "data", Prefix: "a/"}},
	} {
		got, err := parseSource(c.in)
		if err != nil || got != c.want {
			t.Errorf("parseSource(%q) = %+v, %v; want %+v", c.in, got, err, c.want)
		}
	}
}

func TestParseSourceRefuses(t *testing.T) {
	for _, in := range []string{"/data", "./data", "~/data", "https://a3s.fi/data", "p:/x", "p://x", "a b", "..", ".", "a\nb", "a\x00", "\xff",
		strings.Repeat("b", 256), "b/" + strings.Repeat("k", 1025)} {
		_, err := parseSource(in)
		var e *exit.Error
		if !errors.As(err, &e) || e.Code != exit.Usage || e.Hint == "" {
			t.Errorf("parseSource(%q): got %v, want a usage error with a hint", in, err)
		}
	}
}

// What is shown of a source can be given again.
func TestSourceReadsBack(t *testing.T) {
	rapidtest.Check(t, 100, func(t *rapid.T) {
		in := rapid.StringMatching(`([a-z_0-9]{0,4}:)?[a-zA-Z0-9._-]{0,4}(/[a:./ ]{0,6})?`).Draw(t, "source")
		s, err := parseSource(in)
		if err != nil {
			return
		}
		again, err := parseSource(s.String())
		if err != nil || again != s {
			t.Fatalf("%q reads as %+v, which is written %q and reads as %+v, %v", in, s, s.String(), again, err)
		}
	})
}
