package profile

import (
	"fmt"
	"slices"
	"strings"
)

// choose picks by the order of the package documentation, or returns nil; what it passes over is kept in f.passed.
func (f *finder) choose() *candidate {
	usable := f.usable()
	switch {
	case f.o.Profile != "" || f.o.Project != "":
		f.profile, f.project = "", ""
		return head(f.matching(usable))
	case len(f.candidates) > 0 && f.candidates[0].source == fromEnvironment:
		f.profile, f.project = "", ""
		return head(slices.DeleteFunc(usable, func(c candidate) bool { return c.source != fromEnvironment }))
	case f.profile != "":
		f.project = ""
		return head(f.section(usable, f.profile, fromAWS, fromAWS))
	}
	return f.chooseDefault(f.leadingThere(usable))
}

// chooseDefault picks when nothing was said: the project in force, else the tools' defaults.
func (f *finder) chooseDefault(cs []candidate) *candidate {
	if f.flagEndpoint != "" && !sameHost(f.flagEndpoint, allasEndpoint) && allLead(cs, f.flagEndpoint) {
		return defaults(f, cs) // the project in force is one of Allas
	}
	if f.project == "" {
		return defaults(f, cs)
	}
	for _, c := range cs {
		if c.Project == f.project {
			return &c
		}
	}
	return defaults(f, f.only(cs, ""))
}

// usable are the candidates without a fault.
func (f *finder) usable() []candidate {
	return slices.DeleteFunc(slices.Clone(f.candidates), func(c candidate) bool { return c.fault != "" })
}

// matching are the candidates that the flags ask for.
func (f *finder) matching(cs []candidate) []candidate {
	if f.o.Profile != "" {
		name := strings.TrimSuffix(f.o.Profile, ":") // as rclone writes it
		cs = f.section(cs, name, fromRclone, fromS3FS)
	}
	if f.o.Project != "" {
		cs = f.only(cs, f.o.Project)
	}
	return cs
}

// section keeps the candidates of that name in the sources from first to last; the files that were read in vain are noted.
func (f *finder) section(cs []candidate, name string, first, last source) []candidate {
	within := func(s source) bool { return first <= s && s <= last }
	kept := slices.DeleteFunc(cs, func(c candidate) bool { return !within(c.source) || c.Name != name })
	if len(kept) > 0 {
		return kept
	}
	for _, at := range f.files {
		if within(at.source) {
			f.passed = append(f.passed, Look{Where: at.shown, What: fmt.Sprintf("no usable profile %s", name)})
		}
	}
	return nil
}

// only keeps the candidates that are known to be of the project ("": of none), and notes whose the others are.
func (f *finder) only(cs []candidate, project string) []candidate {
	var kept []candidate
	for _, c := range cs {
		switch c.Project {
		case project:
			kept = append(kept, c)
		case "":
			f.passed = append(f.passed, Look{Where: c.From, What: "nothing tells of which project"})
		default:
			f.passed = append(f.passed, Look{Where: c.From, What: "of " + c.Project})
		}
	}
	return kept
}

// leadingThere keeps the candidates that lead to --endpoint by themselves, if there are any and no profile or project is asked for.
func (f *finder) leadingThere(cs []candidate) []candidate {
	if f.flagEndpoint == "" || f.o.Profile != "" || f.o.Project != "" {
		return cs
	}
	var kept []candidate
	for _, c := range cs {
		if sameHost(c.Endpoint, f.flagEndpoint) {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		return cs
	}
	return kept
}

func allLead(cs []candidate, endpoint string) bool {
	return len(cs) > 0 && !slices.ContainsFunc(cs, func(c candidate) bool { return !sameHost(c.Endpoint, endpoint) })
}

// defaults picks the first file's default, or its only entry.
func defaults(f *finder, cs []candidate) *candidate {
	for source := fromRclone; source <= fromS3FS; source++ {
		var of []candidate
		for _, c := range cs {
			if c.source == source {
				of = append(of, c)
			}
		}
		for _, c := range of {
			if c.fallback {
				return &c
			}
		}
		of = distinct(of)
		if len(of) == 1 {
			return &of[0]
		}
		if len(of) > 1 {
			f.passed = append(f.passed, Look{Where: of[0].From, What: fmt.Sprintf("one of %d entries, and none is the default", len(of))})
		}
	}
	return nil
}

// distinct keeps one candidate for each key at each server: the one that is named after its project, else the first.
func distinct(cs []candidate) []candidate {
	var kept []candidate
	for _, c := range cs {
		i := slices.IndexFunc(kept, func(k candidate) bool {
			return k.AccessKey == c.AccessKey && k.process == c.process && k.identity == c.identity && sameHost(k.Endpoint, c.Endpoint)
		})
		switch {
		case i < 0:
			kept = append(kept, c)
		case c.named && !kept[i].named:
			kept[i] = c
		}
	}
	return kept
}

func head(cs []candidate) *candidate {
	if len(cs) == 0 {
		return nil
	}
	return &cs[0]
}
