package profile

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrHanded is wrapped by the error for keys that were handed over in a form that is not known.
var ErrHanded = errors.New("no keys in a form that is known: two lines (access key, secret key), JSON with AccessKeyId and SecretAccessKey, or a section of an ini file")

// process is the answer of a credential_process, and of `aws sts` below Credentials
// (https://docs.aws.amazon.com/cli/latest/topic/config-vars.html#sourcing-credentials-from-external-processes).
type process struct {
	AccessKeyId, SecretAccessKey, SessionToken string
	Credentials                                *process
}

// ParseKeys reads keys that somebody hands over instead of leaving them in a file: two lines, the access key and the secret key, and a session token as a
// third; JSON as a credential_process answers it; or an ini file's only section in any tool's words, which may name the endpoint and, by the section's
// name, the project. from is what messages call the place. The error is an ErrHanded, and quotes nothing.
func ParseKeys(text []byte, from string) (*Profile, error) {
	if !utf8.Valid(text) {
		return nil, ErrHanded
	}
	c := candidate{Profile: Profile{Name: from, From: from}}
	s := strings.TrimSpace(strings.TrimPrefix(string(text), "\ufeff"))
	switch {
	case strings.HasPrefix(s, "{"):
		c.json([]byte(s))
	case strings.ContainsAny(s, "[=") && !plainLines(s):
		c.ini(s)
	default:
		c.lines(s)
	}
	if c.AccessKey == "" || c.SecretKey == "" {
		return nil, ErrHanded
	}
	return &c.Profile, nil
}

// plainLines tells two or three lines of one word each: a secret may hold an equals sign at its end, as base64 does.
func plainLines(s string) bool {
	lines := strings.Split(s, "\n")
	for _, l := range lines {
		if l = strings.TrimSpace(l); l == "" || strings.ContainsAny(l, " \t[") || strings.Contains(strings.TrimRight(l, "="), "=") {
			return false
		}
	}
	return len(lines) == 2 || len(lines) == 3
}

func (c *candidate) lines(s string) {
	if !plainLines(s) {
		return
	}
	words := strings.Fields(s)
	c.AccessKey, c.SecretKey = words[0], words[1]
	if len(words) == 3 {
		c.SessionToken = words[2]
	}
}

func (c *candidate) json(text []byte) {
	var p process
	if err := json.Unmarshal(text, &p); err != nil {
		return
	}
	if p.Credentials != nil {
		p = *p.Credentials
	}
	c.AccessKey, c.SecretKey, c.SessionToken = p.AccessKeyId, p.SecretAccessKey, p.SessionToken
}

func (c *candidate) ini(s string) {
	sections, err := parseINI(s)
	if err != nil || len(sections) != 1 {
		return
	}
	c.keys(sections[0])
	c.nameProject(sections[0].name)
	c.Endpoint = sections[0].get("s3.endpoint_url", "endpoint_url", "endpoint", "host_base")
}

// handed completes keys that were handed over: nothing is looked for.
func (f *finder) handed() (*Profile, error) {
	p := *f.o.Handed
	endpoint, err := cleanEndpoint(first(f.o.Endpoint, f.envEndpoint(), p.Endpoint, allasEndpoint), true)
	if err != nil {
		return nil, err
	}
	p.Endpoint, p.CAFile = endpoint, f.caFile()
	p.Project = first(f.o.Project, p.Project, canonicalProject(f.o.Env("OS_PROJECT_NAME")))
	return &p, nil
}
