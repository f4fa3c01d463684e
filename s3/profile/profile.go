package profile

import (
	"os"
)

// Options say where to look and for what; the zero value finds what the user's tools would use.
type Options struct {
	Project   string              // project_2012345 or 2012345
	Profile   string              // section of a configuration file
	Endpoint  string              // with or without a scheme
	Anonymous bool                // unsigned requests: nothing is looked for, Project and Profile are ignored
	Home      string              // "" = $HOME
	Env       func(string) string // nil = os.Getenv
	CAFile    string              // extra PEM roots, "" = $AWS_CA_BUNDLE
	Handed    *Profile            // keys of ParseKeys: nothing is looked for, Profile is ignored, Project is believed; nil = none
}

// Profile is one set of credentials and where they lead. It prints, logs and marshals without its keys.
type Profile struct {
	Name         string   `json:"name"`               // section; "environment"; "anonymous"
	Project      string   `json:"project,omitempty"`  // project_2012345; "" when nothing tells
	Endpoint     string   `json:"endpoint"`           // URL with a scheme, no trailing slash
	AccessKey    string   `json:"-"`                  // empty when Anonymous, as the other two
	SecretKey    string   `json:"-"`                  //
	SessionToken string   `json:"-"`                  // may be empty
	Anonymous    bool     `json:"anonymous"`          // unsigned requests
	From         string   `json:"from"`               // file and section, "environment", "flags"
	File         string   `json:"-"`                  // path of the file that holds the keys, or says what makes them; "" = none does
	CAFile       string   `json:"ca_file,omitempty"`  // extra PEM roots, "" = the system's only
	Warnings     []string `json:"warnings,omitempty"` // what the user should hear once
	Maker        string   `json:"-"`                  // what made the keys, and makes others of the same project when they have ended; "" = they are permanent
}

// Find returns the first match in the order of the package documentation. The error is a *NotFoundError that lists what was looked at and says what
// to do, or tells what is wrong with Options.Endpoint.
func Find(o Options) (*Profile, error) {
	f := newFinder(o)
	if o.Anonymous {
		return f.anonymous()
	}
	if o.Handed != nil {
		return f.handed()
	}
	if err := f.checkEndpoint(); err != nil {
		return nil, err
	}
	f.gather()
	c := f.choose()
	if c == nil {
		return nil, f.notFound()
	}
	if err := c.fetch(); err != nil {
		return nil, err
	}
	p := f.finish(*c)
	return &p, nil
}

// All returns every set of keys known, in the order of the files and each once, and the faults of files and sections that could not be used.
// Options.Project and Profile restrict it. When nothing is found the only error is a *NotFoundError.
func All(o Options) ([]Profile, []error) {
	f := newFinder(o)
	if o.Anonymous || o.Handed != nil {
		p, err := Find(o)
		if err != nil {
			return nil, []error{err}
		}
		return []Profile{*p}, nil
	}
	if err := f.checkEndpoint(); err != nil {
		return nil, []error{err}
	}
	f.gather()
	f.profile, f.project = "", "" // the choices of Find
	cs := distinct(f.leadingThere(f.matching(f.usable())))
	if len(cs) == 0 {
		return nil, []error{f.notFound()}
	}
	var ps []Profile
	errs := f.faults()
	for _, c := range cs {
		if err := c.fetch(); err != nil {
			errs = append(errs, err)
			continue
		}
		ps = append(ps, f.finish(c))
	}
	return ps, errs
}

// anonymous needs no file; the endpoint comes from flags or the environment.
func (f *finder) anonymous() (*Profile, error) {
	raw := first(f.o.Endpoint, f.envEndpoint(), allasEndpoint)
	endpoint, err := cleanEndpoint(raw, true)
	if err != nil {
		return nil, err
	}
	return &Profile{Name: "anonymous", Endpoint: endpoint, Anonymous: true, From: "flags", CAFile: f.caFile()}, nil
}

// finish turns the chosen candidate into what the caller sees.
func (f *finder) finish(c candidate) Profile {
	p := c.Profile
	if f.flagEndpoint != "" {
		p.Endpoint = f.flagEndpoint
	}
	p.CAFile = f.caFile()
	if c.open != "" {
		p.Warnings = append(p.Warnings, c.open)
	}
	for _, l := range f.looked {
		if l.fault {
			p.Warnings = append(p.Warnings, l.String()+"; ignored")
		}
	}
	for _, d := range f.candidates {
		if d.fault != "" && d.fallback {
			p.Warnings = append(p.Warnings, d.From+": "+d.fault+"; ignored")
		}
	}
	return p
}

// faults returns what kept files and sections from being used.
func (f *finder) faults() []error {
	var errs []error
	for _, l := range f.looked {
		if l.fault {
			errs = append(errs, l)
		}
	}
	for _, c := range f.candidates {
		if c.fault != "" {
			errs = append(errs, Look{Where: c.From, What: c.fault, fault: true})
		}
	}
	return errs
}

func newFinder(o Options) *finder {
	if o.Env == nil {
		o.Env = os.Getenv
	}
	if o.Home == "" {
		o.Home = o.Env("HOME")
	}
	o.Project = canonicalProject(o.Project)
	return &finder{o: o}
}

// checkEndpoint validates --endpoint, which overrides all others.
func (f *finder) checkEndpoint() (err error) {
	if f.o.Endpoint != "" {
		f.flagEndpoint, err = cleanEndpoint(f.o.Endpoint, true)
	}
	return err
}

func (f *finder) caFile() string { return first(f.o.CAFile, f.o.Env("AWS_CA_BUNDLE")) }

// first returns the first string that is not empty, or "".
func first(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}
