package profile

import (
	"fmt"
	"strings"
)

// CSC's project numbers: project_2012345 of Allas, project_462000001 of LUMI.
const numberDigits, lumiDigits = 7, 9

// canonicalProject returns project_2012345 for 2012345, and other names as they are.
func canonicalProject(s string) string {
	s = strings.TrimSpace(s)
	if s != "" && strings.Trim(s, "0123456789") == "" {
		return "project_" + s
	}
	return s
}

// projectIn returns the project that a section's or file's name tells, or "".
func projectIn(name string) string {
	if _, rest, ok := strings.Cut(name, "project_"); ok {
		if n := len(rest) - len(strings.TrimLeft(rest, "0123456789")); n > 1 {
			return "project_" + rest[:n]
		}
	}
	for _, run := range strings.FieldsFunc(name, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(run) == numberDigits || len(run) == lumiDigits {
			return "project_" + run
		}
	}
	return ""
}

// nameProject takes the project from a name that tells one; the first to tell wins.
func (c *candidate) nameProject(name string) {
	if p := projectIn(name); p != "" && c.Project == "" {
		c.Project, c.named = p, true
	}
}

// assign finds the project of candidates that are not named after one; allas is the project that ~/.allas_default names, or "".
func (f *finder) assign(allas string) {
	for i := range f.candidates {
		c := &f.candidates[i]
		if c.Project != "" || c.AccessKey == "" {
			continue
		}
		switch {
		case f.keyOf(c) != "":
			c.Project = f.keyOf(c)
		case c.source == fromEnvironment:
			c.Project = canonicalProject(f.o.Env("OS_PROJECT_NAME"))
		case c.fallback && c.source != fromS3FS && sameHost(c.Endpoint, allasEndpoint) && !f.otherKey(c, allas):
			c.Project = allas
		}
	}
}

// keyOf is the project of an entry that is named after it and has the same key as c, or "".
func (f *finder) keyOf(c *candidate) string {
	for _, d := range f.candidates {
		if d.named && d.AccessKey == c.AccessKey {
			return d.Project
		}
	}
	return ""
}

// otherKey tells whether an entry that is named after the project has another key than c: then c may be of any project.
func (f *finder) otherKey(c *candidate, project string) bool {
	for _, d := range f.candidates {
		if d.named && d.Project == project && d.fault == "" && d.AccessKey != c.AccessKey {
			return true
		}
	}
	return false
}

// allasDefault returns the project that allas-conf was last run for, or "".
func (f *finder) allasDefault() string {
	at := f.read(f.inHome(".allas_default"))
	if at == nil {
		return ""
	}
	project := ""
	for _, line := range strings.Split(at.text, "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		name, value, _ := strings.Cut(line, "=")
		if strings.EqualFold(strings.TrimSpace(name), "os_project_name") {
			project = canonicalProject(strings.TrimSuffix(cleanValue(strings.TrimSuffix(value, ";")), ";"))
		}
	}
	if project == "" {
		f.note(at.shown, "names no project", false)
	}
	return project
}

// entry is how messages name a section of the file.
func (at *file) entry(section string) string {
	if section == "" {
		return at.shown
	}
	return fmt.Sprintf("%s [%s]", at.shown, section)
}

// line is how messages name a line of the file.
func (at *file) line(n int) string { return fmt.Sprintf("%s line %d", at.shown, n) }
