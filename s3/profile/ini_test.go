package profile

import (
	"maps"
	"strings"
	"testing"
)

func TestParseINI(t *testing.T) {
	text := "\ufeff# comment\n; comment\nfree = 1\n[ a ]\nUPPER=x\nspaced  =  y  # comment\nquoted = 'z'\nequals = a=b\nhash = a#b\n\n" +
		"[profile \"b c\"]\r\nsub =\r\n  one = 1\r\n  two = 2\r\nlong = a\n  goes on\nempty =\n[a]\nUpper = again\n  [d]\n  deep = 1\n  deep2 = 2\n"
	sections, err := parseINI(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []section{
		{"", map[string]string{"free": "1"}},
		{"a", map[string]string{"upper": "again", "spaced": "y", "quoted": "z", "equals": "a=b", "hash": "a#b"}},
		{`profile "b c"`, map[string]string{"sub": "", "sub.one": "1", "sub.two": "2", "long": "a", "empty": ""}},
		{"d", map[string]string{"deep": "1", "deep2": "2"}},
	}
	if len(sections) != len(want) {
		t.Fatalf("%d sections, want %d", len(sections), len(want))
	}
	for i, w := range want {
		if sections[i].name != w.name || !maps.Equal(sections[i].values, w.values) {
			t.Errorf("section %d is %q, want %q", i, sections[i], w)
		}
	}
}

func TestParseINIErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"[a]\nsecret", "line 2 is neither a section nor a setting"},
		{"[a]\nx = 1\nsecret\n", "line 3 is neither a section nor a setting"},
		{"[secret\n", "line 1 has no closing bracket"},
		{"[a]\nsecret = \x00", "line 2 holds a zero byte"},
		{"  secret\n", "line 1 is neither a section nor a setting"},
	}
	for _, tt := range tests {
		if _, err := parseINI(tt.text); err == nil || err.Error() != tt.want {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
}

// FuzzParseINI: no text makes the parser panic or quote it.
func FuzzParseINI(f *testing.F) {
	f.Add("[a]\nkey = value\n  sub = 1\nSECRET")
	f.Add("[SECRET")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := parseINI(text)
		if err == nil {
			return
		}
		rest := strings.TrimLeft(strings.TrimPrefix(err.Error(), "line "), "0123456789")
		switch rest {
		case " is neither a section nor a setting", " has no closing bracket", " holds a zero byte":
		default:
			t.Fatalf("error %q", err)
		}
	})
}

func TestCleanEndpoint(t *testing.T) {
	tests := []struct {
		raw    string
		secure bool
		want   string
	}{
		{"a3s.fi", true, "https://a3s.fi"},
		{"a3s.fi", false, "http://a3s.fi"},
		{" A3S.fi/ ", true, "https://a3s.fi"},
		{"https://a3s.fi//", false, "https://a3s.fi"},
		{"http://127.0.0.1:8080", true, "http://127.0.0.1:8080"},
		{"localhost:9000", false, "http://localhost:9000"},
		{"HTTPS://[::1]:8443/", true, "https://[::1]:8443"},
	}
	for _, tt := range tests {
		if got, err := cleanEndpoint(tt.raw, tt.secure); got != tt.want || err != nil {
			t.Errorf("cleanEndpoint(%q) = %q, %v, want %q", tt.raw, got, err, tt.want)
		}
	}
	for _, raw := range []string{"", "https://", "ftp://a3s.fi", "https://u:p@a3s.fi", "https://a3s.fi/swift", "a3s.fi?x=1", "a3s.fi#x", "https://a b", "https://:80", "a3s.fi:port", "%(bucket)s.a3s.fi"} {
		if got, err := cleanEndpoint(raw, true); err == nil {
			t.Errorf("cleanEndpoint(%q) = %q, want an error", raw, got)
		}
	}
}

func TestProjectIn(t *testing.T) {
	for name, want := range map[string]string{
		"s3allas-project_2012345": "project_2012345",
		"project_2012345-old":     "project_2012345",
		"allas_2012345":           "project_2012345",
		"lumi-462000001-private":  "project_462000001",
		"s3allas":                 "",
		"allas_project1":          "",
		"allas_project_1":         "",
		"backup-20240131":         "",
		"default":                 "",
		"project_":                "",
	} {
		if got := projectIn(name); got != want {
			t.Errorf("projectIn(%q) = %q, want %q", name, got, want)
		}
	}
}
