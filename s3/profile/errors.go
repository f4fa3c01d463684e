package profile

import (
	"fmt"
	"strings"
)

// Look is one place that was looked at, and what was wrong there.
type Look struct {
	Where string // file, with section or without; "environment"
	What  string // missing, unreadable, line 3 is …, no such profile, …

	fault bool // something is broken, not merely absent
}

func (l Look) String() string { return l.Where + ": " + l.What }

// Error makes a fault an error of All.
func (l Look) Error() string { return l.String() }

// NotFoundError tells that no usable credentials were found.
type NotFoundError struct {
	Profile, Project string   // what was asked for, or ""
	Looked           []Look   // files, then entries, each in the order of search
	Projects         []string // for which keys are known, sorted
	Profiles         []string // that could be named by --profile, in the order of search
	Hint             string   // what to do, one line
}

// Error holds everything, one place a line, and ends with the hint.
func (e *NotFoundError) Error() string {
	var b strings.Builder
	b.WriteString(e.Summary())
	for _, l := range e.Looked {
		fmt.Fprintf(&b, "\n  %s", l)
	}
	fmt.Fprintf(&b, "\n%s", e.Hint)
	return b.String()
}

// Summary is the error's first line.
func (e *NotFoundError) Summary() string {
	switch {
	case e.Profile != "" && e.Project != "":
		return fmt.Sprintf("no credentials of %s in a profile %s", e.Project, e.Profile)
	case e.Profile != "":
		return fmt.Sprintf("no credentials in a profile %s", e.Profile)
	case e.Project != "":
		return fmt.Sprintf("no credentials of %s", e.Project)
	}
	return "no credentials found"
}

// notFound makes the error from what gather and choose saw.
func (f *finder) notFound() error {
	e := &NotFoundError{Profile: first(f.o.Profile, f.profile), Project: first(f.o.Project, f.project), Looked: f.inForce()}
	e.Looked = append(e.Looked, f.looked...)
	for _, c := range f.candidates {
		if c.fault != "" {
			e.Looked = append(e.Looked, Look{Where: c.From, What: c.fault})
		}
	}
	e.Looked = append(e.Looked, f.passed...)
	for _, c := range f.usable() {
		e.Projects = addSorted(e.Projects, c.Project)
		if c.source != fromEnvironment {
			e.Profiles = addOnce(e.Profiles, c.Name)
		}
	}
	e.Hint = e.hint()
	return e
}

// inForce tells where the project or profile comes from that the user did not name.
func (f *finder) inForce() []Look {
	switch {
	case f.profile != "":
		return []Look{{Where: "environment", What: "AWS_PROFILE is " + f.profile}}
	case f.project == "":
		return nil
	case f.o.Env("OS_PROJECT_NAME") != "":
		return []Look{{Where: "environment", What: "OS_PROJECT_NAME is " + f.project}}
	}
	return []Look{{Where: f.shorten(f.inHome(".allas_default")), What: "names " + f.project}}
}

func (e *NotFoundError) hint() string {
	var ways []string
	switch {
	case strings.HasPrefix(e.Project, "project_46"):
		ways = append(ways, fmt.Sprintf("run lumio-conf for %s with keys from https://auth.lumidata.eu", e.Project))
	case e.Project != "":
		ways = append(ways, fmt.Sprintf("run allas-conf and choose %s", e.Project))
	case e.Profile == "":
		ways = append(ways, "run allas-conf (for LUMI-O: lumio-conf with keys from https://auth.lumidata.eu)")
	}
	if len(e.Projects) > 0 {
		ways = append(ways, "give --project, of which these are known: "+strings.Join(e.Projects, ", "))
	}
	if len(e.Profiles) > 0 {
		ways = append(ways, "give --profile, of which these are known: "+strings.Join(e.Profiles, ", "))
	}
	ways = append(ways, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "or give --anonymous for public data")
	return "What to do: " + strings.Join(ways, "; ")
}
