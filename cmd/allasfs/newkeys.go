package main

// This file finds the keys of a running mount anew, after their owner has replaced them.

import (
	"errors"
	"fmt"

	"allasfs/s3"
	"allasfs/s3/profile"
)

var errOtherProject = errors.New("nothing tells that the keys found now are of the same project: mount it again")

// renewal looks for the keys of p anew, where they were found, for when the store refuses those. They have to be known to be of the same project, which
// allas-conf may have replaced by another in the same file, or of the section that named says the user asked for, or made by what made the old ones; else only
// what goes with the same access key is taken. nil where there are no keys, or they were handed over.
func renewal(a access, named string, p *profile.Profile) func() (s3.Keys, error) {
	if p.Anonymous || a.handed.profile != nil {
		return nil
	}
	o := a.options()
	o.Project, o.Profile = p.Project, named
	if p.Project == "" && named == "" {
		o.Project, o.Profile = a.Project, p.Name
		if p.Maker != "" && p.From == p.Name { // of the environment, which is no section
			o.Profile = a.Profile
		}
	}
	return func() (s3.Keys, error) {
		q, err := profile.Find(o)
		if err != nil {
			return s3.Keys{}, err
		}
		if q.Anonymous || q.Endpoint != p.Endpoint || q.Project != p.Project || p.Project == "" && named == "" && q.AccessKey != p.AccessKey && (p.Maker == "" || q.Maker != p.Maker) {
			return s3.Keys{}, fmt.Errorf("%w (%s)", errOtherProject, q.From)
		}
		return s3.Keys{Access: q.AccessKey, Secret: q.SecretKey, Token: q.SessionToken}, nil
	}
}

// renewal is find for the client, which takes what it returns; nil = there are never others.
func (m *member) renewal() func() (s3.Keys, error) {
	if m.find == nil {
		return nil
	}
	return func() (s3.Keys, error) {
		keys, err := m.find()
		if err == nil {
			m.renewed.Store(&keys)
		}
		return keys, err
	}
}

// named is the section that the user asked for by name, "" = none.
func (m *member) named(a access) string {
	if a.Profile == "" && m.source.Project != "" && m.source.Project == m.profile.Name {
		return m.profile.Name
	}
	return a.Profile
}
