package main

// This file makes one answer of those of a mount's members: what `allasfs status`, sync, warm, evict and cache tell of a mount with several.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"allasfs/cache"
	"allasfs/cmd/allasfs/internal/exit"
	"allasfs/fs"
)

// memberOf returns the member that a path of the mount is of, and the path below its directory; nil for the top of several.
func (d *daemon) memberOf(path string) (*member, string) {
	if d.members[0].name == "" {
		return d.members[0], path
	}
	head, rest, _ := strings.Cut(path, "/")
	for _, m := range d.members {
		if m.name == head {
			return m, rest
		}
	}
	return nil, ""
}

// below are the members that paths are of, each with its paths; the top stands for all of every member. A path of no member is an error.
func (d *daemon) below(paths []string) (map[*member][]string, error) {
	of := make(map[*member][]string)
	for _, p := range paths {
		m, rest := d.memberOf(p)
		switch {
		case m != nil:
			of[m] = append(of[m], rest)
		case p == "":
			for _, m := range d.members {
				of[m] = append(of[m], "")
			}
		default:
			return nil, exit.New(exit.Failed, "", "%s is not there", p)
		}
	}
	return of, nil
}

// status is the state of a member, its paths as the mount shows them.
func (m *member) status(s fs.Status) fs.Status {
	if m.name == "" {
		return s
	}
	for i := range s.Uploads {
		s.Uploads[i].Path = m.at(s.Uploads[i].Path)
	}
	for i := range s.Drafts {
		s.Drafts[i].Path = m.at(s.Drafts[i].Path)
		if s.Drafts[i].Name != "" {
			s.Drafts[i].Name = m.at(s.Drafts[i].Name)
		}
	}
	for i := range s.Attrs {
		s.Attrs[i] = m.at(s.Attrs[i])
	}
	for i := range s.Errors {
		s.Errors[i].Path = m.at(s.Errors[i].Path)
	}
	for i := range s.Writing {
		s.Writing[i] = m.at(s.Writing[i])
	}
	for i := range s.Full {
		s.Full[i].Bucket = m.at(s.Full[i].Bucket)
	}
	for i := range s.Warms {
		s.Warms[i] = m.warmState(s.Warms[i])
	}
	return s
}

// add adds what more tells beside s.
func add(s, more fs.Status) fs.Status {
	s.Uploads = append(s.Uploads, more.Uploads...)
	s.Drafts = append(s.Drafts, more.Drafts...)
	s.Attrs = append(s.Attrs, more.Attrs...)
	s.Writing = append(s.Writing, more.Writing...)
	s.Moves = append(s.Moves, more.Moves...)
	s.Full = append(s.Full, more.Full...)
	s.Errors = append(s.Errors, more.Errors...)
	slices.SortStableFunc(s.Errors, func(a, b fs.ErrorRecord) int { return b.Time.Compare(a.Time) })
	s.Warms = append(s.Warms, more.Warms...)
	s.Nodes, s.Handles = s.Nodes+more.Nodes, s.Handles+more.Handles
	s.Queue = s.Queue.Plus(more.Queue)
	return s
}

// sources tells how the members of a mount with several are.
func (d *daemon) sources() []fs.SourceState {
	var all []fs.SourceState
	for _, m := range d.members {
		if m.health != nil {
			all = append(all, fs.SourceState{Name: m.name, Source: m.title(), Endpoint: m.profile.Endpoint, Error: m.health.words()})
		}
	}
	return all
}

// warmState is the state of a member's warming, its paths as the mount shows them.
func (m *member) warmState(s fs.WarmState) fs.WarmState {
	s.Paths, s.Errors = slices.Clone(s.Paths), slices.Clone(s.Errors)
	for i := range s.Paths {
		s.Paths[i] = m.at(s.Paths[i])
	}
	for i := range s.Errors {
		s.Errors[i].Path = m.at(s.Errors[i].Path)
	}
	return s
}

// evict takes what lies at and below paths out of the cache, with all everything.
func (d *daemon) evict(paths []string, all bool) (cache.Evicted, error) {
	if all {
		return d.members[0].fs.Evict(nil, true)
	}
	of, err := d.below(paths)
	if err != nil {
		return cache.Evicted{}, err
	}
	var sum cache.Evicted
	for m, paths := range of {
		e, err := m.fs.Evict(paths, false)
		if err != nil {
			return sum, err
		}
		sum.Files, sum.Bytes, sum.Open = sum.Files+e.Files, sum.Bytes+e.Bytes, sum.Open+e.Open
	}
	return sum, nil
}

// held tells what the cache holds at and below path; at the top of several, each member is one group.
func (d *daemon) held(path string, n int) (fs.HeldReport, error) {
	if m, rest := d.memberOf(path); m != nil {
		r, err := m.fs.Held(rest, n)
		return m.heldReport(r), err
	}
	if path != "" {
		return fs.HeldReport{}, exit.New(exit.Failed, "", "%s is not there", path)
	}
	sum := fs.HeldReport{Groups: []fs.HeldGroup{}, Largest: []fs.HeldFile{}}
	for i, m := range d.members {
		r, err := m.fs.Held("", n)
		if err != nil {
			return sum, err
		}
		if i == 0 {
			sum.Cache = r.Cache
			sum.Other = fs.HeldGroup{Files: r.Files + r.Other.Files, Bytes: r.Bytes + r.Other.Bytes} // all that there is
		}
		sum.Files, sum.Bytes = sum.Files+r.Files, sum.Bytes+r.Bytes
		sum.Other.Files, sum.Other.Bytes = sum.Other.Files-r.Files, sum.Other.Bytes-r.Bytes
		if r.Files > 0 {
			sum.Groups = append(sum.Groups, fs.HeldGroup{Path: m.name + "/", Files: r.Files, Bytes: r.Bytes})
		}
		sum.Largest = append(sum.Largest, m.heldReport(r).Largest...)
	}
	slices.SortFunc(sum.Groups, func(a, b fs.HeldGroup) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Path, b.Path)) })
	slices.SortFunc(sum.Largest, func(a, b fs.HeldFile) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Path, b.Path)) })
	sum.Largest = sum.Largest[:min(n, len(sum.Largest))]
	return sum, nil
}

// heldReport is a report on a member, its paths as the mount shows them.
func (m *member) heldReport(r fs.HeldReport) fs.HeldReport {
	if m.name == "" {
		return r
	}
	r.Path = m.at(r.Path)
	for i := range r.Groups {
		r.Groups[i].Path = m.at(r.Groups[i].Path)
	}
	for i := range r.Largest {
		r.Largest[i].Path = m.at(r.Largest[i].Path)
	}
	return r
}

// strayDrafts counts the drafts in the open cache folders that no file system takes care of: their source was mounted with the others once.
func (d *daemon) strayDrafts() int {
	kept := map[string]bool{}
	for _, f := range d.all() {
		for _, x := range f.Status().Drafts {
			kept[x.ID] = true
		}
	}
	n := 0
	for _, c := range append([]*cache.Cache{d.caches.main}, d.caches.left...) {
		for _, x := range c.Drafts() {
			if !kept[x.ID()] {
				n++
			}
		}
	}
	return n
}

// sourceLines are the lines of status about the members of a mount.
func sourceLines(all []fs.SourceState) []string {
	lines := make([]string, len(all))
	for i, s := range all {
		lines[i] = fmt.Sprintf("%s  %s at %s", oneLine(s.Name), oneLine(s.Source), s.Endpoint)
		if s.Error != "" {
			lines[i] += ": not usable: " + s.Error
		}
	}
	return lines
}
