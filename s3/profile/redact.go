package profile

import (
	"fmt"
	"io"
	"log/slog"
)

// String describes the profile without its keys.
func (p Profile) String() string {
	s := p.Name
	if p.Project != "" && p.Project != p.Name {
		s += " (" + p.Project + ")"
	}
	return fmt.Sprintf("%s at %s, from %s", s, p.Endpoint, p.From)
}

// GoString is String: %#v shows no keys either.
func (p Profile) GoString() string { return "profile.Profile{" + p.String() + "}" }

// Format prints String for every verb, since verbs such as %d would otherwise print the fields.
func (p Profile) Format(s fmt.State, verb rune) {
	text := p.String()
	switch {
	case verb == 'q':
		text = fmt.Sprintf("%q", text)
	case verb == 'v' && s.Flag('#'):
		text = p.GoString()
	}
	_, _ = io.WriteString(s, text) // fmt keeps no error of a Formatter
}

// LogValue logs the profile without its keys.
func (p Profile) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("name", p.Name),
		slog.String("project", p.Project),
		slog.String("endpoint", p.Endpoint),
		slog.String("from", p.From),
		slog.Bool("anonymous", p.Anonymous),
	)
}
