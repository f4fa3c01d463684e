package main

// This file holds the members of a mount: one for each SOURCE, or for each project that is found with --all-projects. A mount of one SOURCE has one
// member, which is all of it. Of several each is a directory at the top, named after its project or bucket, with keys, connections and a file system of
// its own, and with the mount's cache. Threading stores through the nodes of one file system would have made every path in package fs ask whose store it is
// about; above it, nothing below has to know (see union in fs/mount), and a store that hangs holds up no lock and no turn of the others.

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs"
	"allasfs/s3"
	"allasfs/s3/profile"
)

// allProjects is how the source of a mount with --all-projects is called.
const allProjects = "all-projects"

// member is one source of a mount. Its fields are set while the daemon starts.
type member struct {
	source  source
	name    string // of its directory, "" = it is all of the mount
	profile *profile.Profile
	health  *health // nil = it was well when the mount began, which else would not be there

	find    func() (s3.Keys, error) // its keys anew, nil = there are never others
	renewed atomic.Pointer[s3.Keys] // found since, and in force; nil = those of profile are

	stores []string // names of its store in the cache, the one in use first; see storeNames
	store  *s3.Client
	fs     *fs.FS
}

// title is how the source is shown.
func (m *member) title() string { return describe(m.profile, m.source) }

// at puts the member's directory before a path of its file system.
func (m *member) at(path string) string {
	switch {
	case m.name == "":
		return path
	case path == "":
		return m.name
	}
	return m.name + "/" + path
}

// open makes the client that is used for good, with keys that c.Access finds. No request is made.
func (m *member) open(c config, logger *slog.Logger) error {
	if m.name != "" {
		logger = logger.With("at", m.name)
	}
	m.find = renewal(c.Access, m.named(c.Access), m.profile)
	var err error
	if m.store, err = openStore(m.profile, m.renewal(), c.Timeout, logger); err != nil {
		return explain(err, m.profile, "")
	}
	return nil
}

// findMembers finds the credentials of every source of c.
func findMembers(c config) ([]*member, error) {
	if c.AllProjects {
		return everyMember(c.Access)
	}
	if len(c.Sources) < 2 {
		p, err := findFor(c.Access, c.Access.Project)
		return []*member{{source: c.Source, profile: p}}, err
	}
	var ms []*member
	for _, src := range c.Sources {
		p, err := findFor(c.Access, src.Project)
		if err != nil {
			return nil, err
		}
		ms = append(ms, &member{source: src, profile: p})
	}
	return ms, nameMembers(ms)
}

// findFor looks for the credentials of a project; a name that is no project's may be that of a profile, as lumi-o is.
func findFor(a access, project string) (*profile.Profile, error) {
	a.Project = project
	p, err := findProfile(a)
	var none *profile.NotFoundError
	if err == nil || project == "" || a.Profile != "" || !errors.As(err, &none) {
		return p, err
	}
	a.Project, a.Profile = "", project
	if p, perr := findProfile(a); perr == nil {
		return p, nil
	}
	return nil, err
}

// everyMember is a member for each project whose keys are found, and for keys of which nobody knows the project.
func everyMember(a access) ([]*member, error) {
	all, errs := profile.All(a.options())
	var ms []*member
	for _, p := range all {
		if err := checkEndpoint(p.Endpoint, a.InsecureHTTP); err != nil {
			errs = append(errs, err)
			continue
		}
		if p.Project != "" && slices.ContainsFunc(ms, func(m *member) bool { return storeName(m.profile) == storeName(&p) }) {
			continue // another key of the same project
		}
		ms = append(ms, &member{profile: &p})
	}
	if len(ms) == 0 {
		return nil, noCredentials(errors.Join(errs...))
	}
	return ms, nameMembers(ms)
}

// nameMembers gives each member its directory: a bucket's name, else the project's; more is told only where that is not enough. A source that is named
// twice is an error.
func nameMembers(ms []*member) error {
	for _, form := range []func(*member) string{shortName, longName, fullName} {
		taken := map[string]int{}
		for _, m := range ms {
			taken[form(m)]++
		}
		for _, m := range ms {
			if nm := form(m); m.name == "" && taken[nm] == 1 && !slices.ContainsFunc(ms, func(o *member) bool { return o.name == nm }) {
				m.name = nm
			}
		}
	}
	for _, m := range ms {
		if m.name == "" {
			return exit.New(exit.Usage, "name each once", "%s is mounted twice", m.title())
		}
	}
	return nil
}

// shortName is a bucket with its prefix, or the project: project_2012345, lumi-o:project_462000001.
func shortName(m *member) string {
	if m.source.Bucket != "" {
		return plainName(m.source.path())
	}
	host := hostOf(m.profile.Endpoint)
	switch {
	case m.profile.Project == "":
		return plainName(host)
	case host == "lumidata.eu" || strings.HasPrefix(m.profile.Name, "lumi-"):
		return plainName("lumi-o:" + m.profile.Project)
	}
	return plainName(m.profile.Project)
}

// longName tells the project of a bucket, and where the keys of no known project were found.
func longName(m *member) string {
	switch {
	case m.source.Bucket != "":
		return plainName(m.title())
	case m.profile.Project == "":
		return shortName(m) + ":" + plainName(m.profile.Name)
	}
	return fullName(m)
}

// fullName tells the store as well.
func fullName(m *member) string { return plainName(hostOf(m.profile.Endpoint) + ":" + m.title()) }

// plainName makes one path element of a text, which has no slash in it then.
func plainName(s string) string { return strings.ReplaceAll(strings.Trim(s, "/:"), "/", ":") }

// severalName is how the sources of several members are shown together.
func severalName(c config, ms []*member) string {
	if c.AllProjects {
		return allProjects
	}
	const most = 3
	var names []string
	for i, m := range ms {
		if i == most && len(ms) > most+1 {
			names = append(names, fmt.Sprintf("and %d more", len(ms)-most))
			break
		}
		names = append(names, m.title())
	}
	return strings.Join(names, ", ")
}

// severalStore names the sources of several members together, for their cache folder: the same in whatever order they are given. All projects
// have one folder, however many there are.
func severalStore(c config, ms []*member) string {
	if c.AllProjects {
		return allProjects
	}
	var ids []string
	for _, m := range ms {
		ids = append(ids, storeName(m.profile)+"/"+m.source.path())
	}
	slices.Sort(ids)
	return "several:" + strings.Join(ids, ",")
}
