package profile

import (
	"errors"
	"net/url"
	"strings"
)

const (
	allasEndpoint = "https://a3s.fi"
	lumiEndpoint  = "https://lumidata.eu"
)

// cleanEndpoint returns raw as a URL with a scheme and without a trailing slash. secure picks the scheme where raw has none. Errors do not quote raw, which
// may hold a password.
func cleanEndpoint(raw string, secure bool) (string, error) {
	raw = strings.TrimSpace(raw)
	if !strings.Contains(raw, "://") {
		if secure {
			raw = "https://" + raw
		} else {
			raw = "http://" + raw
		}
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", errors.New("endpoint is no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("endpoint must start with https:// or http://")
	case u.User != nil:
		return "", errors.New("endpoint must not hold a user name or password")
	case u.Hostname() == "" || strings.ContainsAny(u.Host, " \t%"):
		return "", errors.New("endpoint names no host")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("endpoint must be a host, without a path")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

// envEndpoint is the endpoint that the environment gives to S3 tools, or "".
func (f *finder) envEndpoint() string {
	return first(f.o.Env("AWS_ENDPOINT_URL_S3"), f.o.Env("AWS_ENDPOINT_URL"))
}

// settle fills in where the candidate leads; own is what its entry says, or "", and secure the scheme where own has none. A bad endpoint is a fault of
// the candidate.
func (f *finder) settle(c *candidate, own string, secure bool) {
	env := f.envEndpoint()
	aws := c.source == fromEnvironment || c.source == fromAWS
	raw := own
	switch {
	case env != "" && (aws || own == ""):
		raw, secure = env, true
	case own == "" && strings.Contains(strings.ToLower(c.Name), "lumi"):
		raw = lumiEndpoint
	case own == "":
		raw = allasEndpoint
	}
	var err error
	if c.Endpoint, err = cleanEndpoint(raw, secure); err != nil {
		c.complain(err.Error())
	}
}

// sameHost tells whether two clean endpoints lead to the same server, whatever the scheme.
func sameHost(a, b string) bool {
	_, a, _ = strings.Cut(a, "://")
	_, b, _ = strings.Cut(b, "://")
	return a != "" && a == b
}
