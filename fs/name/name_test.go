package name

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func rep(s string, n int) string { return strings.Repeat(s, n) }

// mappings are elements and their names, both ways.
var mappings = []struct {
	why    string
	elem   string
	object bool
	names  []string
}{
	{"plain", "report.csv", false, []string{"report.csv"}},
	{"plain object", "file", true, []string{"file%{object}"}},
	{"blanks", " a\tb\n", false, []string{" a\tb\n"}},
	{"control characters", "\x01\x1b[0m\x7f", false, []string{"\x01\x1b[0m\x7f"}},
	{"back slashes", `a\b\\`, false, []string{`a\b\\`}},
	{"not UTF-8", "\xff\xfe\xc3", false, []string{"\xff\xfe\xc3"}},
	{"UTF-8", "häß/"[:5], false, []string{"häß"[:5]}},
	{"percent", "100%", false, []string{"100%"}},
	{"percent encoding", "a%2Fb", false, []string{"a%2Fb"}},
	{"brace", "{a}", false, []string{"{a}"}},
	{"two percents and a brace", "%%{", false, []string{"%%{25}{"}},
	{"opening", "%{", false, []string{"%{25}{"}},
	{"openings", "%{%{", true, []string{"%{25}{%{25}{%{object}"}},
	{"empty", "", false, []string{"%{}"}},
	{"empty object", "", true, []string{"%{}%{object}"}},
	{"dot", ".", false, []string{"%{2E}"}},
	{"dot object", ".", true, []string{"%{2E}%{object}"}},
	{"dot dot", "..", false, []string{"%{2E}."}},
	{"dot dot object", "..", true, []string{"%{2E}.%{object}"}},
	{"three dots", "...", false, []string{"..."}},
	{"hidden", ".x", true, []string{".x%{object}"}},
	{"NUL", "a\x00\x00b", false, []string{"a%{00}%{00}b"}},
	{"looks like empty", "%{}", false, []string{"%{25}{}"}},
	{"looks like an object", "file%{object}", false, []string{"file%{25}{object}"}},
	{"looks like an object, is one", "file%{object}", true, []string{"file%{25}{object}%{object}"}},
	{"looks like a continuation", "x%{+}", false, []string{"x%{25}{+}"}},
	{"looks escaped", "%{2E}", false, []string{"%{25}{2E}"}},
	{"percent before an escape", "%\x00", false, []string{"%%{00}"}},
	{"just fits", rep("a", 255), false, []string{rep("a", 255)}},
	{"one more", rep("a", 256), false, []string{rep("a", 246) + "%{+}", rep("a", 10)}},
	{"longest key", rep("a", 1024), false, []string{
		rep("a", 246) + "%{+}", rep("a", 246) + "%{+}", rep("a", 246) + "%{+}", rep("a", 246) + "%{+}", rep("a", 40)}},
	{"object just fits", rep("a", 246), true, []string{rep("a", 246) + "%{object}"}},
	{"object one more", rep("a", 247), true, []string{rep("a", 246) + "%{+}", "a%{object}"}},
	{"object without a rest", rep("a", 245) + "%{", true, []string{rep("a", 245) + "%{25}{%{+}", "%{object}"}},
	{"escape at the edge", rep("a", 245) + "\x00bcdefg", false, []string{rep("a", 245) + "%{00}%{+}", "bcdefg"}},
	{"opening at the edge", rep("a", 245) + "%{bcdefg", false, []string{rep("a", 245) + "%{25}{%{+}", "bcdefg"}},
	{"opening after the edge", rep("a", 246) + "%{bcdefg", false, []string{rep("a", 246) + "%{+}", "%{25}{bcdefg"}},
	{"percent at the edge", rep("a", 245) + "%bcdefghijk", false, []string{rep("a", 245) + "%%{+}", "bcdefghijk"}},
	{"character at the edge", rep("a", 245) + "ä" + rep("b", 10), false, []string{rep("a", 245) + "ä%{+}", rep("b", 10)}},
	{"broken character at the edge", rep("a", 245) + "\xc3" + rep("b", 10), false, []string{rep("a", 245) + "\xc3%{+}", rep("b", 10)}},
	{"escapes only", rep("\x00", 52), false, []string{rep("%{00}", 50) + "%{+}", "%{00}%{00}"}},
	{"dots at the end", rep("a", 254) + "..", false, []string{rep("a", 246) + "%{+}", rep("a", 8) + ".."}},
}

func TestMapping(t *testing.T) {
	for _, m := range mappings {
		t.Run(m.why, func(t *testing.T) {
			if got := Encode(m.elem, m.object); !slices.Equal(got, m.names) {
				t.Errorf("Encode = %q, want %q", got, m.names)
			}
			elem := ""
			for i, n := range m.names {
				p, err := DecodeAfter(elem, n)
				if err != nil {
					t.Fatal(err)
				}
				last := i == len(m.names)-1
				if p.Continued == last || p.Object != (last && m.object) {
					t.Errorf("DecodeAfter(%q, %q) = %+v", elem, n, p)
				}
				name, continued, ok := Child(elem, m.elem, m.object)
				if name != n || continued == last || !ok {
					t.Errorf("Child(%q) = %q, %v, %v, want %q", elem, name, continued, ok, n)
				}
				elem += p.Elem
			}
			if elem != m.elem {
				t.Errorf("decoded to %q, want %q", elem, m.elem)
			}
		})
	}
}

func TestDecodeInvalid(t *testing.T) {
	long := rep("a", 246)
	tests := []struct{ why, head, name string }{
		{"empty", "", ""},
		{"dot", "", "."},
		{"dot dot", "", ".."},
		{"slash", "", "a/b"},
		{"NUL", "", "a\x00"},
		{"needless escape", "", "%{41}"},
		{"escaped slash", "", "%{2F}"},
		{"escaped opening", "", "%{25}%{7B}"},
		{"escaped percent alone", "", "%{25}"},
		{"escaped percent before another escape", "", "%{25}%{00}"},
		{"escaped dot in a name", "", "a%{2E}"},
		{"escaped dot before a name", "", "%{2E}a"},
		{"second dot escaped", "", ".%{2E}"},
		{"both dots escaped", "", "%{2E}%{2E}"},
		{"lower case", "", "%{2e}"},
		{"two bytes", "", "%{0000}"},
		{"one digit", "", "%{0}"},
		{"not closed", "", "a%{00"},
		{"bare opening", "", "a%{"},
		{"unknown word", "", "a%{directory}"},
		{"empty in a name", "", "a%{}"},
		{"object in the middle", "", "%{object}a"},
		{"object twice", "", "a%{object}%{object}"},
		{"object of nothing", "", "%{object}"},
		{"continued object", "", rep("a", 242) + "%{object}%{+}"},
		{"object continued", "", rep("a", 242) + "%{+}%{object}"},
		{"continued nothing", "", "%{+}"},
		{"continued empty", "", "%{}%{+}"},
		{"short piece", "", rep("a", 245) + "%{+}"},
		{"long piece", "", rep("a", 247) + "%{+}"},
		{"piece with an escape too many", "", rep("a", 246) + "%{00}%{+}"},
		{"short rest", long, rep("a", 9)},
		{"no rest", long, ""},
		{"empty element as the rest", long, "%{}"},
		{"dot as the rest", long, "."},
		{"object without a rest that fits", long, "%{object}"},
		{"tail of an opening", rep("a", 245) + "%", "{" + rep("b", 20)},
		{"tail of a character", rep("a", 245) + "\xc3", "\xa4" + rep("b", 20)},
		{"head that is no piece", "abc", rep("b", 255)},
		{"head of one and a half pieces", rep("a", 300), rep("b", 20)},
		{"slash in the head", rep("a", 200) + "/" + rep("a", 45), rep("b", 20)},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			p, err := DecodeAfter(tt.head, tt.name)
			if !errors.Is(err, ErrInvalid) || errors.Is(err, ErrTooLong) {
				t.Errorf("DecodeAfter(%q, %q) = %+v, %v, want ErrInvalid", tt.head, tt.name, p, err)
			}
		})
	}
	if _, err := Decode(rep("a", 256)); !errors.Is(err, ErrTooLong) {
		t.Errorf("256 bytes: %v, want ErrTooLong", err)
	}
}

func TestChildElsewhere(t *testing.T) {
	tests := []struct{ why, head, elem string }{
		{"other bytes", rep("a", 246), rep("b", 300)},
		{"fits in one name", rep("a", 246), rep("a", 255)},
		{"ends with the head", rep("a", 246), rep("a", 246)},
		{"head is no piece", rep("a", 100), rep("a", 300)},
		{"opening over the edge", rep("a", 245) + "%", rep("a", 245) + "%{" + rep("b", 20)},
	}
	for _, tt := range tests {
		if name, _, ok := Child(tt.head, tt.elem, false); ok {
			t.Errorf("%s: Child = %q", tt.why, name)
		}
	}
}

func TestPath(t *testing.T) {
	tests := []struct {
		key    string
		object bool
		path   string
	}{
		{"a/b.txt", false, "a/b.txt"},
		{"a//b", false, "a/%{}/b"},
		{"/lead", false, "%{}/lead"},
		{"./x", false, "%{2E}/x"},
		{"a/../b", false, "a/%{2E}./b"},
		{"x/", false, "x/%{}"},
		{"a/", true, "a/%{}%{object}"},
		{"/", false, "%{}/%{}"},
		{"file", true, "file%{object}"},
		{rep("k", 250) + "/" + rep("o", 250), true, rep("k", 250) + "/" + rep("o", 246) + "%{+}/oooo%{object}"},
		{rep("k", 300) + "/o", false, rep("k", 246) + "%{+}/" + rep("k", 54) + "/o"},
	}
	for _, tt := range tests {
		if got := Path(tt.key, tt.object); got != tt.path {
			t.Errorf("Path(%q) = %q, want %q", tt.key, got, tt.path)
		}
		key, object, err := Key(tt.path)
		if key != tt.key || object != tt.object || err != nil {
			t.Errorf("Key(%q) = %q, %v, %v", tt.path, key, object, err)
		}
	}
	for _, path := range []string{"", "/a", "a/", "a//b", "a/../b", "file%{object}/x", rep("a", 246) + "%{+}", rep("a", 246) + "%{+}/x"} {
		if key, _, err := Key(path); !errors.Is(err, ErrInvalid) {
			t.Errorf("Key(%q) = %q, %v, want ErrInvalid", path, key, err)
		}
	}
}

func TestCheckKey(t *testing.T) {
	if err := CheckKey(rep("a", 1024)); err != nil {
		t.Error(err)
	}
	if err := CheckKey(rep("a", 1025)); !errors.Is(err, ErrTooLong) {
		t.Errorf("1025 bytes: %v", err)
	}
	if err := CheckKey(""); !errors.Is(err, ErrInvalid) {
		t.Errorf("empty: %v", err)
	}
}

func TestCheckBucket(t *testing.T) {
	for _, name := range []string{"abc", "project_2012345-data", "a.b", "0-0", "1.2.3", "1.2.3.4.5", "1.2.3.x", "xn--a", rep("a", 63)} {
		if err := CheckBucket(name); err != nil {
			t.Error(err)
		}
	}
	const length, alphabet, ends = "3 to 63 characters", "holds only", "starts and ends"
	tests := []struct{ name, rule string }{
		{"", length}, {"ab", length}, {rep("a", 64), length},
		{"Abc", alphabet}, {"a b", alphabet}, {"käse", alphabet}, {"a/b", alphabet}, {"a\x00b", alphabet}, {"a%{00}", alphabet},
		{"abš", alphabet}, {"ab\xff", alphabet},
		{"-ab", ends}, {"ab-", ends}, {"_ab", ends}, {"ab_", ends}, {".ab", ends}, {"ab.", ends},
		{"a..b", "two dots"}, {"192.168.5.4", "IP address"}, {"999.999.999.999", "IP address"},
	}
	for _, tt := range tests {
		err := CheckBucket(tt.name)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.rule) {
			t.Errorf("CheckBucket(%q) = %v, want the rule %q", tt.name, err, tt.rule)
		}
	}
}
