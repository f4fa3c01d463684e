package profile

import (
	"fmt"
	"strings"
)

// section is one [section] of an ini file: names in lower case, values without quotes, blanks and comments around them.
type section struct {
	name   string
	values map[string]string // nested settings of AWS files as "s3.endpoint_url"
}

// parseINI reads what the AWS tools, rclone and s3cmd write: "name = value" lines below [section] lines, comments by # or ;. Settings before the
// first section get the name "". Equal sections are joined, the later setting wins. The error tells a line number and never the line.
//
// The well-known ini packages do not serve here: their errors quote the line, which may be the secret.
func parseINI(text string) ([]section, error) {
	p := iniParser{index: map[string]int{}}
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		if what := p.line(strings.TrimRight(line, "\r")); what != "" {
			return nil, fmt.Errorf("line %d %s", i+1, what)
		}
	}
	return p.sections, nil
}

type iniParser struct {
	sections []section
	index    map[string]int // of a section by name
	current  int            // index of the section, valid if there is one

	parent       string // last setting that was not nested
	parentIndent int
	parentEmpty  bool // it has no value: deeper lines are nested settings
}

// line takes one line and returns what is wrong with it, or "".
func (p *iniParser) line(line string) string {
	text := strings.TrimSpace(line)
	if text == "" || text[0] == '#' || text[0] == ';' {
		return ""
	}
	if strings.Contains(line, "\x00") {
		return "holds a zero byte"
	}
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	deeper := p.parent != "" && indent > p.parentIndent
	if text[0] == '[' && (!deeper || strings.Contains(text, "]")) {
		return p.section(text)
	}
	name, value, found := strings.Cut(text, "=")
	if !found {
		if deeper {
			return "" // a value that goes on
		}
		return "is neither a section nor a setting"
	}
	p.set(strings.ToLower(strings.TrimSpace(name)), cleanValue(value), indent, deeper && p.parentEmpty)
	return ""
}

func (p *iniParser) section(text string) string {
	end := strings.IndexByte(text, ']')
	if end < 0 {
		return "has no closing bracket"
	}
	p.enter(strings.TrimSpace(text[1:end]))
	return ""
}

func (p *iniParser) enter(name string) {
	i, ok := p.index[name]
	if !ok {
		i = len(p.sections)
		p.index[name] = i
		p.sections = append(p.sections, section{name: name, values: map[string]string{}})
	}
	p.current, p.parent = i, ""
}

func (p *iniParser) set(name, value string, indent int, nested bool) {
	if len(p.sections) == 0 {
		p.enter("")
	}
	if nested {
		name = p.parent + "." + name
	} else {
		p.parent, p.parentIndent, p.parentEmpty = name, indent, value == ""
	}
	p.sections[p.current].values[name] = value
}

// cleanValue strips blanks, a comment after a blank, and a pair of quotes.
func cleanValue(v string) string {
	v = strings.TrimSpace(v)
	for _, mark := range []string{" #", " ;", "\t#", "\t;"} {
		v, _, _ = strings.Cut(v, mark)
	}
	v = strings.TrimSpace(v)
	if n := len(v); n >= 2 && (v[0] == '"' || v[0] == '\'') && v[n-1] == v[0] {
		v = v[1 : n-1]
	}
	return v
}

// get returns the first of the settings that has a value.
func (s section) get(names ...string) string {
	for _, n := range names {
		if v := s.values[n]; v != "" {
			return v
		}
	}
	return ""
}
