package main

// This file reads SOURCE, the words that say what is mounted.

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"allasfs/cmd/allasfs/internal/exit"
)

// source is a parsed SOURCE: [PROJECT:][BUCKET[/PREFIX]].
type source struct {
	Project string // "" = the one that the credentials belong to
	Bucket  string // "" = all buckets of the project
	Prefix  string // within Bucket: "", or the beginning of keys, ending in a slash
}

// parseSource reads a SOURCE. "" and ":" are the whole project. A prefix is taken letter by letter as keys have it: "b/x" and "b/x/" are
// the keys that begin with "x/", "b//" those that begin with "/". "s3://BUCKET/PREFIX" is understood too.
func parseSource(s string) (source, error) {
	const form = "a SOURCE is [PROJECT:][BUCKET[/PREFIX]], for example project_2012345:mybucket/results"
	bad := func(why string) (source, error) {
		return source{}, exit.New(exit.Usage, form, "%q is no SOURCE: %s", s, why)
	}
	rest := s
	var src source
	switch {
	case strings.HasPrefix(s, "s3://"):
		rest = strings.TrimPrefix(s, "s3://")
	case strings.Contains(s, "://"):
		return bad("an address is given by --endpoint")
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "./"), strings.HasPrefix(s, "~"):
		return bad("it looks like a local path; the order is SOURCE DIR")
	default:
		if project, after, ok := cutProject(s); ok {
			src.Project, rest = project, after
		}
	}
	src.Bucket, src.Prefix, _ = strings.Cut(rest, "/")
	if src.Prefix != "" && !strings.HasSuffix(src.Prefix, "/") {
		src.Prefix += "/"
	}
	switch {
	case !utf8.ValidString(s):
		return bad("it is not UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		return bad("it holds control characters")
	case src.Bucket == "" && rest != "":
		return bad("the bucket's name is missing")
	case src.Bucket == "." || src.Bucket == ".." || strings.ContainsFunc(src.Bucket, unicode.IsSpace):
		return bad("no bucket can have such a name")
	case len(src.Bucket) > 255 || len(src.Prefix) > 1024:
		return bad("it is too long")
	}
	return src, nil
}

// cutProject splits PROJECT: off; a colon behind the first slash belongs to the prefix.
func cutProject(s string) (project, rest string, ok bool) {
	colon := strings.IndexByte(s, ':')
	slash := strings.IndexByte(s, '/')
	if colon < 0 || slash >= 0 && slash < colon {
		return "", s, false
	}
	return s[:colon], s[colon+1:], true
}

// String writes the source so that parseSource reads the same back.
func (s source) String() string { return s.Project + ":" + s.path() }

// path is what is mounted within the project, "" for all of it.
func (s source) path() string {
	if s.Prefix == "" {
		return s.Bucket
	}
	return s.Bucket + "/" + s.Prefix
}
